"""The server engine against a real ``transformers serve`` with the small model."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.support.model_server import ModelServer, running_model_server
from tests.support.plain_engine import PlainEngine
from tests.support.small import SMALL_MODEL
from worker.config.profile import ModelSettings, PromptTemplate
from worker.config.settings import Settings
from worker.config.weights import model_folder
from worker.engine import server as server_module
from worker.engine.openai_api import served_models
from worker.engine.protocol import Generation, Prompt
from worker.engine.server import ServerEngine
from worker.errors import EngineError

pytestmark = pytest.mark.model

#: For server and reference: in bfloat16 two tokens may be equally likely.
DTYPE = "float32"

TASK = PromptTemplate(
    instruction="Correct the grammar of the sentence. Answer with the sentence only.",
    examples=(("The prices has risen by 4 percent.", "The prices have risen by 4 percent."),),
)
TEXTS = (
    "The minister said that he not will take part in meeting on Friday.",
    "It is planned to be built in the city three new schools.",
    "The crew comed back to the harbour with 12 people on Monday.",
    "Residents were asked to boil the water before drinking it.",
    "Two of the three firm has closed since January.",
    "He said who the council had not answer.",
)
#: Enough for most answers to end by themselves.
MAX_TOKENS = 24

PROMPTS = [Prompt(TASK, text, MAX_TOKENS) for text in TEXTS]


def model_of(server: ModelServer, **options: int) -> ModelSettings:
    return ModelSettings(kind="server", name=server.model, revision="1", url=server.url, **options)


@cache
def plain_answers(home: Path) -> list[Generation]:
    """Answer each prompt greedily with the same weights in this process."""
    return PlainEngine(
        ModelSettings(name=SMALL_MODEL, dtype=DTYPE), Settings(home=home, threads=1)
    ).generate(PROMPTS)


@pytest.fixture
def wanted(model_home: Path) -> list[str]:
    # Cached by the real folder, since every test has a home of its own.
    return [answer.text for answer in plain_answers((model_home / "models").resolve().parent)]


@pytest.fixture
def server(model_home: Path, tmp_path: Path) -> Iterator[ModelServer]:
    folder = str(model_folder(SMALL_MODEL, model_home).resolve())
    with running_model_server(folder, tmp_path, dtype=DTYPE) as running:
        yield running


def test_a_real_server_answers_as_the_model_does(server: ModelServer, wanted: list[str]) -> None:
    engine = ServerEngine(model_of(server), Settings())

    answers = engine.generate(PROMPTS)

    assert [answer.text for answer in answers] == wanted
    assert any(answer.finished for answer in answers)
    assert all(0 < answer.tokens <= MAX_TOKENS for answer in answers)
    # The estimates are close to the server's counts, and not below them.
    around, sizes = engine.prompt_tokens(TASK), engine.count_tokens(TEXTS)
    for answer, size in zip(answers, sizes, strict=True):
        assert answer.tokens_read <= around + size < 1.6 * answer.tokens_read
    # It lists only the hub's cache, but serves a folder all the same.
    assert served_models(model_of(server), Settings()) == []


def test_a_real_server_without_likelihoods_answers_drafts_all_the_same(
    server: ModelServer, wanted: list[str]
) -> None:
    engine = ServerEngine(model_of(server), Settings())
    drafted = [replace(prompt, draft=prompt.text) for prompt in PROMPTS]

    with capture_logs() as logs:
        answers = engine.generate(drafted)

    assert [answer.text for answer in answers] == wanted
    assert {answer.draft_nats for answer in answers} == {()}
    (entry,) = [entry for entry in logs if entry["event"] == "server_without_likelihoods"]
    assert "404 Not Found" in entry["why"]
    # It lists no adapter, so it is asked for none.
    adapted = PromptTemplate(instruction="Mend it.", adapter="repair.v2")
    with pytest.raises(EngineError, match=r"does not serve the adapter repair\.v2"):
        engine.generate([Prompt(adapted, TEXTS[0], MAX_TOKENS)])


def test_a_server_that_is_killed_and_started_again_answers_all(
    server: ModelServer, wanted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "_CHECKPOINT_SECONDS", 0.05)
    at_kill: list[int] = []

    def kill_once() -> None:
        if not at_kill and server.answered:
            server.kill()
            at_kill.append(server.answered)
            server.start()

    answers = ServerEngine(model_of(server, in_flight=2), Settings()).generate(PROMPTS, kill_once)

    assert [answer.text for answer in answers] == wanted
    assert 1 <= at_kill[0] < len(PROMPTS)
    # At most the two in flight at the kill were computed again.
    assert len(PROMPTS) <= server.answered <= len(PROMPTS) + 2


def test_a_server_that_stays_down_is_an_error(server: ModelServer) -> None:
    server.kill()
    engine = ServerEngine(model_of(server), Settings(), patience_seconds=0.5)

    started = time.monotonic()
    with pytest.raises(EngineError) as raised:
        engine.generate(PROMPTS)

    assert raised.value.message.startswith(f"the server {server.url} does not answer")
    assert raised.value.code == "server_unreachable"
    assert "copydesk doctor" in str(raised.value.hint)
    assert time.monotonic() - started < 5.0


def test_an_unserved_name_is_refused_with_the_servers_message(server: ModelServer) -> None:
    model = model_of(server).model_copy(update={"name": "someone/something"})

    with pytest.raises(EngineError, match="pinned to") as raised:
        ServerEngine(model, Settings()).generate(PROMPTS)

    assert raised.value.code == "server_refused"
