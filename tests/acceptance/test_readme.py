"""The README's example for Python users runs as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

_README = Path(__file__).parents[2] / "README.md"
_BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


@pytest.mark.model
@pytest.mark.timeout(300)
def test_the_python_example_runs(model_home: Path) -> None:
    (program,) = _BLOCK.findall(_README.read_text(encoding="utf-8"))
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, "COPYDESK_HOME": str(model_home)},
        timeout=280,
        check=True,
    )

    assert done.stdout == "The old bridge over the river stays closed until May.\n"
