"""The default profile reads an article with the model that a user gets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.acceptance.desk import read_rows
from tests.support.run_cli import run_cli
from worker.config.profile import DEFAULT_MODEL
from worker.config.settings import Settings, load_profile, load_settings
from worker.config.weights import model_folder

pytestmark = [
    pytest.mark.model,
    # One to two minutes on two idle cores with AVX2, half a minute of it for loading.
    pytest.mark.timeout(900),
]

_LIFTS = Path(__file__).parents[2] / "seeds" / "lift-inspection.txt"

#: Facts of the article that no version of it may lose.
_FACTS = ("Norvale", "Friday", "14", "2 February", "Halden Estates", "nobody was injured")


@pytest.fixture
def default_home(model_home: Path) -> Path:
    """``model_home``, which must have the default model in CI."""
    if not model_folder(DEFAULT_MODEL, model_home).is_dir():
        hint = f"{DEFAULT_MODEL} is not on this machine; run: copydesk model pull"
        if os.environ.get("CI"):
            pytest.fail(hint)
        pytest.skip(hint)
    return model_home


def test_the_default_profile_edits_an_article(default_home: Path, tmp_path: Path) -> None:
    name = Settings.model_fields["profile"].default
    words = ("run", _LIFTS, "-o", tmp_path / "out", "--profile", name, "--json")
    ran = run_cli(*words, home=default_home, model=True, timeout=850)

    assert (ran.code, ran.data["done"], ran.data["failed"]) == (0, 1, 0), ran
    assert load_profile(load_settings(), name).model.name == DEFAULT_MODEL
    (row,) = read_rows(tmp_path / "out")
    assert [fact for fact in _FACTS if fact not in row["repaired"]] == []
    # Every sentence was asked for, and what the model proposed is in the record with its gain.
    edits = [change for edit in row["edits"] for change in edit.get("changes", [])]
    scores = [change["scores"] for change in [*edits, *row["refused"]]]
    assert any("gain_nats" in each for each in scores)
    assert all("fluency_nats" not in each for each in scores)
