"""The choice of sides of the engine benchmark, and the figures that it makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.engine import NUMERICS, Measured, choose_requests, choose_sides, compare
from tests.bench.work import BLOCK, Answer, Outcome, Request
from worker.config.profile import ModelSettings, Profile
from worker.errors import UsageError

OURS = f"ours_{NUMERICS[0]}"


def requests_of(count: int) -> list[Request]:
    return [Request(index=index, text="", prompt=[], max_tokens=1) for index in range(count)]


def measured(texts: list[str], seconds: float) -> Measured:
    answers = [Answer(text=text, tokens=10) for text in texts]
    outcome = Outcome(answers=answers, seconds=seconds, peak_rss_mb=100)
    return Measured(requests_of(len(texts)), outcome)


@pytest.fixture
def folder_profile(profile: Profile, tmp_path: Path) -> Profile:
    """Its model is a folder, so any GGUF file may be its own."""
    return profile.model_copy(update={"model": ModelSettings(name=str(tmp_path))})


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"GGUF")
    return file


def test_llama_runs_on_the_file_of_the_model(folder_profile: Profile, gguf: Path) -> None:
    sides = choose_sides(folder_profile, gguf, None)
    assert sides[0] == OURS
    assert {"plain", "static_32", "llama", "llama_lookup_2", "llama_batch_16", "limit"} < set(sides)
    assert not any(side.startswith("ctranslate2") for side in sides)


def test_llama_is_left_out_without_a_file(
    profile: Profile, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not any(side.startswith("llama") for side in choose_sides(profile, None, None))
    assert "llama_batch_16   left out: there is no --gguf" in capsys.readouterr().err


def test_llama_is_left_out_with_an_adapter(
    folder_profile: Profile, gguf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template = folder_profile.prompts[folder_profile.repair.prompt]
    adapted = template.model_copy(update={"adapter": "repair.v2"})
    prompts = {folder_profile.repair.prompt: adapted}
    adapted_profile = folder_profile.model_copy(update={"prompts": prompts})
    assert choose_sides(adapted_profile, gguf, ["llama", "plain"]) == ["plain"]
    assert "has an adapter" in capsys.readouterr().err


def test_another_file_than_the_models_is_refused(profile: Profile, gguf: Path) -> None:
    with pytest.raises(UsageError, match=r"is not the file that .* was prepared from"):
        choose_sides(profile, gguf, None)


def test_missing_file_is_refused(profile: Profile, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no file"):
        choose_sides(profile, tmp_path / "none.gguf", None)


def test_named_sides_run_in_the_usual_order(profile: Profile) -> None:
    names = ["ctranslate2_16", "static_8", OURS]
    assert choose_sides(profile, None, names) == [OURS, "static_8", "ctranslate2_16"]


def test_unknown_side_is_refused(profile: Profile) -> None:
    with pytest.raises(UsageError, match="no side static_9"):
        choose_sides(profile, None, ["static_9"])


def test_slower_sides_answer_some_of_the_requests_of_faster_ones() -> None:
    everything = requests_of(6 * BLOCK)
    ours, static, plain = (
        {request.index for request in choose_requests(side, everything, 2 * BLOCK, 16)}
        for side in (OURS, "static_8", "plain")
    )
    assert (len(ours), len(static), len(plain)) == (6 * BLOCK, 2 * BLOCK, 16)
    assert plain < static < ours


def test_ratios_are_to_the_best_of_each_kind() -> None:
    rows = compare(
        {
            OURS: measured(["a", "b", "c", "d"], 1.0),
            "plain": measured(["a", "x"], 4.0),
            "static_8": measured(["a", "b"], 2.0),
            "static_16": measured(["a", "b"], 1.0),
            "llama": measured(["a", "b"], 2.0),
            "limit": measured(["a", "b"], 1.0),
        }
    )
    assert rows[OURS] == {
        "sentences": 4,
        "tokens_per_s": 40.0,
        "to_plain": 8.0,
        "to_best_static": 2.0,
        "to_best_llama": 4.0,
        "share_of_limit": 2.0,
        "peak_rss_mb": 100,
        "seconds": 1.0,
        "equal_to_plain": 0.5,
    }
    assert "equal_to_plain" not in rows["limit"]


def test_failed_side_keeps_its_reason() -> None:
    rows = compare({"plain": Measured([], None, "no memory"), OURS: measured(["a"], 1.0)})
    assert rows["plain"] == {"failed": "no memory"}
    assert "to_plain" not in rows[OURS]
