"""Time spans that ``--deadline`` accepts, and a restraint that has no effect."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cli.submit import parse_deadline, warn_of_unused_restraint
from worker.config.settings import load_profile, load_settings
from worker.errors import ExitCode, UsageError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("90s", timedelta(seconds=90)),
        ("45m", timedelta(minutes=45)),
        ("2h30m", timedelta(hours=2, minutes=30)),
        ("1d", timedelta(days=1)),
        ("1.5h", timedelta(minutes=90)),
        ("1:30:00", timedelta(minutes=90)),
    ],
)
def test_a_time_span_is_parsed(text: str | None, expected: timedelta | None) -> None:
    assert parse_deadline(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "soon", "0", "90", "0s", "-5m", "5 parsecs", "2h later", "nan", "5m\n6", "9" * 20 + "d"],
)
def test_an_invalid_time_span_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_deadline(text)

    assert (caught.value.code, caught.value.exit_code) == ("usage", ExitCode.USAGE)
    assert repr(text) in caught.value.message
    assert "2h30m" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("profile", "restraint", "warned"),
    [
        ("standard", "bold", False),
        ("small", "bold", False),
        ("hub", "careful", True),
        ("hub", None, False),
    ],
)
def test_a_restraint_that_changes_nothing_is_said(
    profile: str, restraint: str | None, warned: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load_settings(profile=profile, restraint=restraint)

    warn_of_unused_restraint(load_profile(settings), settings)

    said = capsys.readouterr().err
    assert ("[restraint_unused]" in said) is (f"the profile {profile}," in said) is warned
