"""Failures of a server as errors for a person, in the engine and in the doctor."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from cli import doctor
from cli.output.report import Report
from tests.support.ruled_server import (
    NAME,
    TIMEOUT_SECONDS,
    ReceivedRequest,
    Reply,
    RuledServer,
    completion,
    echo,
    engine_at,
    ruled_server,
    text_of,
)
from worker.config.profile import PromptTemplate
from worker.config.settings import Settings, load_profile
from worker.engine.protocol import Prompt
from worker.engine.server import ServerEngine
from worker.engine.server_draft import DraftSupport
from worker.errors import EngineError, ExitCode
from worker.pipeline import process
from worker.records.article import Article, ArticleState
from worker.records.reason import Reason

PROMPTS = tuple(
    Prompt(PromptTemplate(instruction="Mend it."), f"Sentence number {number}.", 20)
    for number in range(8)
)


@pytest.fixture
def server() -> Iterator[RuledServer]:
    with ruled_server() as running:
        yield running


def closed_url() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


# The engine -----------------------------------------------------------------------------------


def test_a_server_that_is_down_is_named(server: RuledServer) -> None:
    url = closed_url()

    with pytest.raises(EngineError) as raised:
        engine_at(url, patience=0.3).generate(PROMPTS)

    assert raised.value.message.startswith(f"the server {url} does not answer")
    assert raised.value.code == "server_unreachable"
    assert raised.value.hint
    assert server.requests == []


def test_an_invalid_address_is_not_retried(server: RuledServer) -> None:
    started = time.monotonic()
    with pytest.raises(EngineError, match="Invalid IPv6 address") as raised:
        engine_at("http://[::::]/v1").generate(PROMPTS)

    assert raised.value.code == "server_unreachable"
    assert time.monotonic() - started < TIMEOUT_SECONDS / 2
    assert server.requests == []


def test_a_timeout_is_named(server: RuledServer) -> None:
    def never_answer(_: Any) -> None:
        server.stopping.wait(TIMEOUT_SECONDS)

    server.rule = never_answer

    with pytest.raises(EngineError, match="took too long") as raised:
        engine_at(server.url, timeout_seconds=0.2, patience=0.1).generate(PROMPTS[:1])

    assert raised.value.code == "server_timed_out"
    assert "timeout_seconds" in str(raised.value.hint)


def test_a_wait_longer_than_the_patience_is_not_started(server: RuledServer) -> None:
    server.rule = lambda _: Reply({}, 429, {"Retry-After": "3600"})

    started = time.monotonic()
    with pytest.raises(EngineError, match="it says 429 Too Many Requests") as raised:
        engine_at(server.url).generate(PROMPTS[:1])

    assert raised.value.code == "server_unreachable"
    assert time.monotonic() - started < TIMEOUT_SECONDS / 2
    assert len(server.requests) == 1


TOO_LONG = "lower window under [model]"
NO_KEY = "COPYDESK_API_KEY set?"


@pytest.mark.parametrize(
    ("reply", "message", "hint"),
    [
        (Reply({"error": {"message": "4097 tokens"}}, 400), "400 Bad Request: 4097", TOO_LONG),
        (Reply({"object": "error", "message": "long"}, 400), "400 Bad Request: long", TOO_LONG),
        (Reply({"detail": [{"msg": "no", "input": "Sentence"}]}, 422), ": no", TOO_LONG),
        (Reply({"error": {"message": "x" * 5000}}, 400), "x" * 300, TOO_LONG),
        (Reply({"detail": "no key"}, 401), "401 Unauthorized: no key", NO_KEY),
        (Reply(b"<h1>No\n entry</h1>", 403), "403 Forbidden: <h1>No entry</h1>", NO_KEY),
        (Reply({"error": "no such model"}, 404), "404 Not Found: no such model", NAME),
        (Reply(b"", 307), "307 Temporary Redirect", "/v1"),
        (Reply(b"Internal Server Error", 500), "failed on a request: 500", "log"),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Reply) else "",
)
def test_a_refusal_quotes_the_servers_message(
    server: RuledServer, reply: Reply, message: str, hint: str
) -> None:
    server.rule = lambda _: reply

    with pytest.raises(EngineError) as raised:
        engine_at(server.url).generate(PROMPTS[:1])

    assert raised.value.code == ("engine_error" if reply.status == 500 else "server_refused")
    assert server.url in raised.value.message
    assert message in raised.value.message
    assert len(raised.value.message) < 400
    assert hint in str(raised.value.hint)
    assert "Sentence" not in raised.value.message
    assert len(server.requests) == 1


def test_a_key_that_is_refused_is_not_shown(server: RuledServer) -> None:
    server.rule = lambda _: Reply({"detail": "wrong key"}, 401)
    engine = engine_at(server.url, key="sk-1234")

    with pytest.raises(EngineError) as raised:
        engine.generate(PROMPTS[:1])

    assert raised.value.hint == "is the key in COPYDESK_API_KEY right?"
    assert "sk-1234" not in f"{raised.value!r} {raised.value.hint} {engine._settings!r}"


@pytest.mark.parametrize(
    "content", [b"", b"<html>", b"[]", {"choices": []}, {"choices": [{"text": "It is."}]}]
)
def test_another_kind_of_server_is_reported(server: RuledServer, content: Any) -> None:
    server.rule = lambda _: Reply(content)

    with pytest.raises(
        EngineError, match="does not answer like an OpenAI-compatible server"
    ) as raised:
        engine_at(server.url).generate(PROMPTS[:1])

    assert raised.value.code == "server_refused"


def test_a_refusal_cancels_all_other_requests(server: RuledServer) -> None:
    def refuse_one(body: Any) -> Reply:
        if text_of(body) == PROMPTS[3].text:
            return Reply({"detail": "too long"}, 400)
        server.stopping.wait(TIMEOUT_SECONDS)
        return echo(body)

    server.rule = refuse_one

    started = time.monotonic()
    with pytest.raises(EngineError, match="too long"):
        engine_at(server.url).generate(PROMPTS)

    assert time.monotonic() - started < TIMEOUT_SECONDS / 2


def test_an_article_that_the_server_refuses_does_not_affect_others(
    server: RuledServer, settings: Settings
) -> None:
    text = "The harbour of Milltown will close for two weeks in June, the council said on Monday."
    articles = [Article(id=word, text=f"{text} It asked {word} to wait.") for word in "ABC"]

    def refuse_b(body: Any) -> Reply:
        refused = "asked B to" in text_of(body)
        return Reply({"detail": "too long"}, 400) if refused else completion(text_of(body))

    server.rule = refuse_b
    profile = load_profile(settings, "vllm")

    processed = process(articles, lambda: engine_at(server.url), profile)

    assert [result.outcome.state for result in processed] == [
        ArticleState.DONE,
        ArticleState.FAILED,
        ArticleState.DONE,
    ]
    assert processed[1].outcome.reason is Reason.ENGINE_ERROR
    assert "too long" in processed[1].outcome.message


# The doctor ----------------------------------------------------------------------------------


@pytest.fixture
def diagnose(
    server: RuledServer, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], Report]:
    """Run the doctor with a profile whose model is on the test server."""
    profile = tmp_path / "profiles" / "mine.toml"
    profile.parent.mkdir()
    (tmp_path / "prompts").symlink_to((settings.configs / "prompts").resolve())
    profile.write_text(
        f'[model]\nkind = "server"\nname = "{NAME}"\nrevision = "abc"\nurl = "{server.url}"\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("COPYDESK_CONFIGS", str(tmp_path))
    monkeypatch.setenv("COPYDESK_PROFILE", "mine")
    monkeypatch.setenv("COPYDESK_API_KEY", "sk-1234")
    return doctor.command


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["other", NAME], f"{NAME}, served at "),
        (["other"], f"answers; it lists other, not {NAME}"),
        ([], f"answers; it lists nothing, not {NAME}"),
    ],
)
def test_the_doctor_reports_whether_the_server_has_the_model(
    server: RuledServer, diagnose: Callable[[], Report], names: Sequence[str], expected: str
) -> None:
    server.rule = lambda _: Reply({"object": "list", "data": [{"id": name} for name in names]})

    report = diagnose()

    assert report.exit_code == ExitCode.OK
    assert expected in report.data["checks"]["model"]["found"]
    assert "; without likelihoods: " in report.data["checks"]["model"]["found"]
    assert server.requests[0] == ReceivedRequest("/v1/models", "Bearer sk-1234", None)
    assert [request.path for request in server.requests[1:]] == ["/tokenize"]
    assert "sk-1234" not in f"{report.text} {report.data}"
    assert "api_key" not in report.data["settings"]


@pytest.mark.parametrize("listed", [[NAME], [NAME, "repair.v2"]])
def test_the_doctor_reports_whether_the_server_has_the_adapters(
    server: RuledServer, diagnose: Callable[[], Report], tmp_path: Path, listed: list[str]
) -> None:
    with (tmp_path / "profiles" / "mine.toml").open("a", encoding="utf-8") as stream:
        stream.write('[repair]\nprompt = "repair.v2.toml"\n')
    server.rule = lambda _: Reply({"data": [{"id": name} for name in listed]})

    report = diagnose()

    found = report.data["checks"]["model"]["found"]
    if "repair.v2" in listed:
        assert report.exit_code == ExitCode.OK
        assert found.startswith(f"{NAME}, repair.v2, served at {server.url}; ")
    else:
        assert report.exit_code == ExitCode.SOME_FAILED
        assert found.endswith("does not serve the adapter repair.v2")
        assert [problem.code for problem in report.problems] == ["adapter_not_served"]


def test_the_doctor_reports_likelihoods(
    server: RuledServer, diagnose: Callable[[], Report], monkeypatch: pytest.MonkeyPatch
) -> None:
    server.rule = lambda _: Reply({"data": [{"id": NAME}]})
    monkeypatch.setattr(ServerEngine, "draft_support", lambda _: DraftSupport(2))

    assert diagnose().data["checks"]["model"]["found"].endswith("; it says how likely drafts are")


@pytest.mark.parametrize(
    ("reply", "code", "message"),
    [
        (Reply({"detail": "no"}, 401), "server_refused", "401 Unauthorized: no"),
        (Reply({}, 404), "server_refused", "404 Not Found"),
        (Reply({}, 503), "server_unreachable", "503 Service Unavailable"),
        (None, "server_unreachable", "does not answer"),
        (Reply(b"<html>"), "server_refused", "does not answer like an OpenAI-compatible server"),
    ],
)
def test_the_doctor_reports_a_failure_of_the_server(
    server: RuledServer,
    diagnose: Callable[[], Report],
    reply: Reply | None,
    code: str,
    message: str,
) -> None:
    server.rule = lambda _: reply

    report = diagnose()

    assert report.exit_code == ExitCode.SOME_FAILED
    (problem,) = report.problems
    assert problem.code == code
    assert message in problem.message
    assert len(server.requests) == 1
