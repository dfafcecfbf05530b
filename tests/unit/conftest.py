"""The settings in force, a profile whose limits stay put, and an engine without a model."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.fake_engine import FakeEngine
from worker.config.profile import (
    CheckSettings,
    Profile,
    RepairSettings,
    SpottingSettings,
    SummarySettings,
)
from worker.config.settings import Settings, load_profile, load_settings

#: What the tests of the stages reckon with, however the shipped profile is tuned.
LIMITS = {
    "spotting": SpottingSettings(surprisal_nats=1.0),
    "repair": RepairSettings(
        prompt="repair.v2.toml",
        fluency_prompt="fluency.v1.toml",
        max_growth=1.3,
        keep_bias_nats=0.7,
    ),
    "checks": CheckSettings(
        min_length_ratio=0.75,
        max_length_ratio=1.3,
        min_similarity=0.7,
        min_gain_nats=2.0,
        min_support=0.8,
    ),
    "summary": SummarySettings(min_words=30, max_words=80, source_tokens=700),
}


@pytest.fixture
def configs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of settings with the shipped profiles, to be written into."""
    folder = tmp_path / "configs"
    shutil.copytree(load_settings().configs, folder)
    (folder / "copydesk.toml").write_text("", encoding="utf-8")
    monkeypatch.setenv("COPYDESK_CONFIGS", str(folder))
    return folder


@pytest.fixture
def settings() -> Settings:
    return load_settings()


@pytest.fixture
def profile(settings: Settings) -> Profile:
    """Without an adapter, so that no acceptor decides: ``min_gain_nats`` does."""
    shipped = load_profile(settings)
    plain = shipped.prompts["repair.v2.toml"].model_copy(update={"adapter": ""})
    prompts = {**shipped.prompts, "repair.v2.toml": plain}
    return shipped.model_copy(update={**LIMITS, "prompts": prompts})


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()
