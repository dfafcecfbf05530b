"""Retries: what is repeated, when, and for how long."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs

from tests.support.ruled_server import (
    TIMEOUT_SECONDS,
    Reply,
    RuledServer,
    echo,
    engine_at,
    model_at,
    ruled_server,
)
from worker.config.profile import PromptTemplate
from worker.engine import server_client
from worker.engine.openai_api import BusyError
from worker.engine.protocol import Prompt

TASK = PromptTemplate(instruction="Mend it.")
PROMPTS = tuple(Prompt(TASK, f"Sentence number {number}.", 20) for number in range(2))


@pytest.fixture
def server() -> Iterator[RuledServer]:
    with ruled_server() as running:
        yield running


def first_then(first: Callable[[Any], Reply | None]) -> Callable[[Any], Reply | None]:
    """Answer the first request by ``first``, and all others by ``echo``."""
    rules = iter([first])
    return lambda body: next(rules, echo)(body)  # noqa: PLW0108 - a new rule on each call


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_server_is_asked_again(server: RuledServer, status: int) -> None:
    server.rule = first_then(lambda _: Reply({"error": "wait"}, status))

    answers = engine_at(server.url).generate(PROMPTS[:2])

    assert [answer.text for answer in answers] == [prompt.text.upper() for prompt in PROMPTS[:2]]
    assert len(server.requests) == 3


def test_a_lost_connection_is_reopened(server: RuledServer) -> None:
    server.rule = first_then(lambda _: None)

    assert engine_at(server.url).generate(PROMPTS[:1])[0].text == PROMPTS[0].text.upper()
    assert len(server.requests) == 2


def test_patience_starts_with_the_first_failure(server: RuledServer) -> None:
    def never_answer(_: Any) -> None:
        server.stopping.wait(TIMEOUT_SECONDS)

    server.rule = first_then(never_answer)

    # The first attempt alone takes longer than the patience.
    engine = engine_at(server.url, timeout_seconds=0.6, patience=0.5)

    assert engine.generate(PROMPTS[:1])[0].text == PROMPTS[0].text.upper()


def test_a_silent_server_and_its_return_are_logged(server: RuledServer) -> None:
    server.rule = first_then(lambda _: Reply({}, 503))

    with capture_logs() as logs:
        engine_at(server.url).generate(PROMPTS[:1])

    silent, back = logs
    assert silent == {
        "event": "server_silent",
        "url": server.url,
        "why": "BusyError",
        "log_level": "warning",
    }
    assert (back["event"], back["url"]) == ("server_answers_again", server.url)


def failed(error: Exception, tries: int = 1, wait: float = 0.0) -> Any:
    return SimpleNamespace(
        outcome=SimpleNamespace(exception=lambda: error), attempt_number=tries, upcoming_sleep=wait
    )


def busy(retry_after: str) -> BusyError:
    return BusyError(httpx2.Response(429, headers={"Retry-After": retry_after}))


def test_waits_grow_and_stay_bounded() -> None:
    waits = [
        [server_client._wait(failed(httpx2.ConnectError(""), tries)) for _ in range(200)]
        for tries in (1, 4, 60)
    ]

    assert max(waits[0]) <= 0.25 < max(waits[1]) <= 2.0 < max(waits[2]) <= 5.0
    assert len(set(waits[2])) > 100


def test_a_retry_waits_as_long_as_the_server_asks_for() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)

    assert 7.0 <= server_client._wait(failed(busy("7"))) <= 7.25
    assert 28.0 <= server_client._wait(failed(busy(date))) <= 30.25
    for no_wait in ("", "soon", "-3", "Wed, 21 Oct 2015 07:28:00 GMT"):
        assert 0.0 <= server_client._wait(failed(busy(no_wait))) <= 0.25


def test_patience_is_shared_by_all_requests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    patience = server_client._Patience(model_at("http://127.0.0.1/v1"), 60.0)
    stops = []
    for now, answered in ((0, False), (50, True), (100, False), (155, False), (161, False)):  # noqa: B007
        if answered:
            patience.reset()
        else:
            stops.append(patience(failed(httpx2.ConnectError(""), wait=5.0)))

    assert stops == [False, False, False, True]
