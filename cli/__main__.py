"""``python -m cli``: the same as ``copydesk``."""

from cli.main import main

main()
