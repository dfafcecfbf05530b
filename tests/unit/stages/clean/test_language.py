"""Translated news passes as English, other languages do not."""

from __future__ import annotations

import pytest

from worker.stages.clean.language import is_english

ENGLISH = "The council said on Monday that the ferry between the two ports will run again in May."


@pytest.mark.parametrize(
    "text",
    [
        ENGLISH,
        "Minister of the transport yesterday have announce that new bridge is open soon.",
        "In Tórshavn were Jógvan Dánjalsson, Høgni Jákupsson and Beinta Lørdal, the office said.",
        ENGLISH.upper(),
    ],
    ids=["news", "translated", "names", "capitals"],
)
def test_english_passes(text: str) -> None:
    assert is_english(text)


@pytest.mark.parametrize(
    "text",
    [
        "Der Stadtrat sagte am Montag, dass die Fähre zwischen den Häfen im Mai wieder fährt.",
        "Le conseil a déclaré lundi que le ferry entre les ports reprendra son service en mai.",
        "Rada miasta poinformowała w poniedziałek, że prom między portami ruszy znowu w maju.",
        "Городской совет сообщил в понедельник, что паром между двумя портами снова пойдёт в мае.",
        "市议会星期一表示两个港口之间的渡轮将于五月恢复运营。届时票价将保持不变。" * 2,
    ],
    ids=["German", "French", "Polish", "Russian", "Chinese"],
)
def test_other_languages_do_not_pass(text: str) -> None:
    assert not is_english(text)


@pytest.mark.parametrize("text", ["", "   \n", "Der Rat tagt.", "7 : 0"])
def test_a_very_short_text_passes(text: str) -> None:
    assert is_english(text)


def test_white_space_does_not_make_a_text_long() -> None:
    assert is_english("Der Rat tagt." + " " * 200)


def test_only_the_beginning_counts() -> None:
    german = " Die Fähre fährt im Mai wieder zwischen den Häfen, sagte der Rat." * 100

    assert is_english(ENGLISH * 25 + german)
    assert not is_english(german + ENGLISH * 25)
