"""The command line of the training."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_a_missing_set_ends_the_command_with_a_hint(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "worker.training", "material"]
    done = subprocess.run(
        [*command, "--data", str(tmp_path), "--out", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: There is no training set at {tmp_path}")
    assert "hint: name the folder of the training sets with --data" in done.stderr
    assert not (tmp_path / "out").exists()
