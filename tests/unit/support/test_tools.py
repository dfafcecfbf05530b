"""The tools of the tests themselves: what they refuse, what they wait for, what they answer."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tests.support.fake_engine import BREAKS, FAILS, FakeEngine
from tests.support.waiting import wait_until
from worker.config.profile import PromptTemplate
from worker.config.settings import load_settings
from worker.engine.protocol import Engine, Prompt
from worker.errors import EngineError

REPAIR = PromptTemplate(instruction="Correct the sentence.")
SUMMARY = PromptTemplate(instruction="Summarize the text.", examples=(("a b", "c"),))


def test_every_test_has_a_home_of_its_own(home: Path) -> None:
    assert load_settings().home == home
    assert list(home.iterdir()) == []
    assert [name for name in os.environ if name.startswith("COPYDESK_")] == [
        "COPYDESK_HOME",
        "COPYDESK_PROFILE",
    ]


@pytest.mark.parametrize("method", ["connect", "connect_ex"])
@pytest.mark.parametrize("host", ["192.0.2.1", "example.org"])
def test_the_world_is_out_of_reach(method: str, host: str) -> None:
    with (
        socket.socket() as client,
        pytest.raises(pytest.fail.Exception, match=f"may not connect to .*{host}"),
    ):
        getattr(client, method)((host, 80))


def test_this_machine_is_in_reach(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        client.connect(server.getsockname())
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
        path = os.path.relpath(tmp_path / "s")
        listener.bind(path)
        listener.listen()
        client.connect(path)


def test_waiting_ends_with_the_event() -> None:
    rounds = iter([False, False, True])

    wait_until(lambda: next(rounds), timeout=5, description="the third round")

    assert list(rounds) == []


def test_waiting_in_vain_says_for_what() -> None:
    with pytest.raises(AssertionError, match=r"0\.05 s in vain for: the moon"):
        wait_until(lambda: False, timeout=0.05, description="the moon")


def test_the_fake_engine_answers_by_rule() -> None:
    engine: Engine = FakeEngine(answers={"It are.": "It is."}, summaries={"moon": "It rose."})

    answers = engine.generate(
        [
            Prompt(REPAIR, "It are.", 9),
            Prompt(REPAIR, "It was.", 9),
            Prompt(SUMMARY, "One is. Two is. Three is.", 9),
            Prompt(SUMMARY, "The moon rose. It was red.", 9),
            Prompt(REPAIR, "one two three four", 3),
        ]
    )

    assert [(one.text, one.finished, one.tokens, one.tokens_read) for one in answers] == [
        ("It is.", True, 2, 2),
        ("It was.", True, 2, 2),
        ("One is. Two is.", True, 4, 6),
        ("It rose.", True, 2, 6),
        ("one two three", False, 3, 4),
    ]
    assert engine.count_tokens(["", "one two"]) == [0, 2]
    assert engine.prompt_tokens(SUMMARY) == 6


def test_the_fake_engine_finds_some_words_awkward() -> None:
    engine = FakeEngine(surprisals={"told": 7.0}, answers={"a comed": "a came"})
    prompts = [Prompt(REPAIR, text, 9, draft=text) for text in ("a b", "a comed", "told")]
    plain, awkward, told = engine.generate(prompts)

    assert (plain.draft_nats, told.draft_nats) == ((0.2, 0.2), (7.0,))
    assert awkward.draft_nats == (50.2, 50.2)


@pytest.mark.parametrize(("marker", "error"), [(FAILS, EngineError), (BREAKS, RuntimeError)])
def test_the_fake_engine_fails_when_told(marker: str, error: type[Exception]) -> None:
    with pytest.raises(error, match="was told to"):
        FakeEngine().generate([Prompt(REPAIR, "fine", 9), Prompt(REPAIR, f"not {marker} fine", 9)])
