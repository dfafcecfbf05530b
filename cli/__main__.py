"""``python -m cli`` runs ``copydesk``."""

from cli.main import main

main()
