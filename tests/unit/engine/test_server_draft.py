"""Likelihoods from a server of vLLM, replayed.

The exchange is written from vLLM's documentation, not captured: vLLM needs a GPU. It follows

- https://docs.vllm.ai/en/stable/serving/openai_compatible_server/, whose tables of parameters are
  vllm/entrypoints/openai/completion/protocol.py (commit 002032e): ``prompt_logprobs``, a map from
  token to rating for each position, and null for the first;
- vllm/entrypoints/serve/tokenize/protocol.py (commit 030ea52): ``/tokenize``, for a text or a chat;
- https://docs.vllm.ai/en/stable/features/lora.html, that is docs/features/lora.md (commit 05863f1):
  adapters are listed as models and named as a request's model.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.support.ruled_server import (
    NAME,
    Reply,
    RuledServer,
    completion,
    engine_at,
    ruled_server,
)
from worker.config.profile import PromptTemplate
from worker.engine.protocol import Generation, Prompt
from worker.engine.server_draft import DraftSupport

ADAPTER = "repair.v2"
TASK = PromptTemplate(instruction="Mend it.", adapter=ADAPTER)

#: Tokens of the replayed model: begin and end of a turn, and a line end.
BEGIN, END, LINE = 1, 2, 3
TRIAL, YES = [BEGIN, 14, 15, END, LINE, BEGIN, 16, LINE], 17
CHAT, DRAFT = [BEGIN, 21, END, LINE, BEGIN, 22, END, LINE, BEGIN, 16, LINE], [31, 32, 33]

MODELS = {
    "object": "list",
    "data": [
        {"id": NAME, "object": "model", "owned_by": "vllm", "root": NAME, "parent": None},
        {"id": ADAPTER, "object": "model", "owned_by": "vllm", "root": "/a", "parent": NAME},
    ],
}


def tokens(*ids: int) -> Any:
    return {"count": len(ids), "max_model_len": 4096, "tokens": list(ids), "token_strs": None}


def rating(logprob: float, rank: int, text: str) -> dict[str, Any]:
    return {"logprob": logprob, "rank": rank, "decoded_token": text}


def read(prompt: list[int], rated: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the answer to a prompt whose last tokens are ``rated``."""
    before: list[dict[str, Any] | None] = [
        {str(token): rating(-9.5, 40, "?")} for token in prompt[1 : len(prompt) - len(rated)]
    ]
    choice = {
        "index": 0,
        "text": "\n",
        "logprobs": None,
        "finish_reason": "length",
        "stop_reason": None,
        "prompt_logprobs": [None, *before, *rated],
    }
    usage = {"prompt_tokens": len(prompt), "completion_tokens": 1, "total_tokens": len(prompt) + 1}
    return {"object": "text_completion", "choices": [choice], "usage": usage}


def trial_question() -> list[dict[str, str]]:
    return [{"role": "user", "content": "Is it so?"}]


def completions_body(model: str, prompt: list[int]) -> dict[str, Any]:
    return {
        "model": model,
        "prompt": prompt,
        "max_tokens": 1,
        "temperature": 0,
        "prompt_logprobs": 1,
        "stream": False,
    }


#: What the server is asked before the first draft, and answers.
OPENING: list[tuple[str, Any, Any]] = [
    ("/v1/models", None, MODELS),
    (
        "/tokenize",
        {"model": NAME, "messages": trial_question(), "add_generation_prompt": True},
        tokens(*TRIAL),
    ),
    ("/tokenize", {"model": NAME, "prompt": "yes", "add_special_tokens": False}, tokens(YES)),
    (
        "/tokenize",
        {
            "model": NAME,
            "messages": [*trial_question(), {"role": "assistant", "content": "yes"}],
            "add_generation_prompt": False,
        },
        tokens(*TRIAL, YES, END, LINE),
    ),
    (
        "/v1/completions",
        completions_body(NAME, [*TRIAL, YES, END]),
        read(
            [*TRIAL, YES, END],
            [{"17": rating(-0.5, 1, "yes")}, {"2": rating(-0.1, 1, "<|im_end|>")}],
        ),
    ),
]

#: The draft "It are late." of a prompt whose answer is to be "It is late.".
MESSAGES = [
    {"role": "system", "content": "Mend it."},
    {"role": "user", "content": "It are late."},
]
RATED = [
    {"31": rating(-0.25, 1, "It")},
    {"32": rating(-3.0, 2, " are"), "40": rating(-0.125, 1, " is")},
    {"33": rating(-0.5, 1, " late.")},
    {"2": rating(0.0, 1, "<|im_end|>")},
]
READING: list[tuple[str, Any, Any]] = [
    (
        "/tokenize",
        {"model": ADAPTER, "messages": MESSAGES, "add_generation_prompt": True},
        tokens(*CHAT),
    ),
    (
        "/tokenize",
        {"model": ADAPTER, "prompt": "It are late.", "add_special_tokens": False},
        tokens(*DRAFT),
    ),
    (
        "/v1/completions",
        completions_body(ADAPTER, [*CHAT, *DRAFT, END]),
        read([*CHAT, *DRAFT, END], RATED),
    ),
]
WRITTEN = {
    "object": "chat.completion",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "It is late."},
            "logprobs": {
                "content": [
                    {"token": token, "logprob": logprob, "bytes": None, "top_logprobs": []}
                    for token, logprob in (("It", -0.25), (" is", -0.125), (" late.", -0.5))
                ]
            },
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 11, "completion_tokens": 4, "total_tokens": 15},
}
WRITING: list[tuple[str, Any, Any]] = [
    (
        "/v1/chat/completions",
        {
            "model": ADAPTER,
            "messages": MESSAGES,
            "max_tokens": 20,
            "temperature": 0,
            "stream": False,
            "logprobs": True,
        },
        WRITTEN,
    )
]
DRAFT_NATS = (0.25, 3.0, 0.5, 0.0)


@pytest.fixture
def server() -> Iterator[RuledServer]:
    with ruled_server() as running:
        yield running


def replay(server: RuledServer, exchange: list[tuple[str, Any, Any]]) -> None:
    """Have ``server`` answer the requests of ``exchange``, and refuse all others."""

    def answer(path: str, body: Any) -> Reply:
        for asked, request, response in exchange:
            if (asked, request) == (path, body):
                return Reply(response)
        return Reply({"error": {"message": "not in the record"}}, 400)

    for path in {path for path, _, _ in exchange}:
        server.routes[path] = partial(answer, path)
    server.rule = lambda _: Reply({}, 400)


def sent(server: RuledServer) -> list[tuple[str, Any]]:
    return [(request.path, request.body) for request in server.requests]


def asked(exchange: list[tuple[str, Any, Any]]) -> list[tuple[str, Any]]:
    return [(path, body) for path, body, _ in exchange]


def prompt(max_tokens: int = 20, keep_bias: float = 0.0) -> Prompt:
    text = "It are late."
    return Prompt(TASK, text, max_tokens, draft=text, keep_bias_nats=keep_bias)


def test_a_draft_is_read_and_the_answer_written(server: RuledServer) -> None:
    replay(server, [*OPENING, *READING, *WRITING])

    (answer,) = engine_at(server.url).generate([prompt()])

    assert sent(server) == asked([*OPENING, *READING, *WRITING])
    assert answer == Generation(
        "It is late.",
        finished=True,
        tokens=4,
        tokens_read=15 + 11,
        nats=(0.25, 0.125, 0.5),
        draft_nats=DRAFT_NATS,
    )


def test_the_server_is_asked_once_what_it_can_do(server: RuledServer) -> None:
    replay(server, [*OPENING, *READING, *WRITING])
    engine = engine_at(server.url)

    engine.generate([prompt()])
    engine.generate([prompt()])

    assert sent(server)[len(OPENING) :] == 2 * asked([*READING, *WRITING])


def test_a_draft_that_stands_is_the_answer(server: RuledServer) -> None:
    replay(server, [*OPENING, *READING])

    # " is" is 2.875 nats likelier than " are".
    (answer,) = engine_at(server.url).generate([prompt(keep_bias=2.875)])

    assert answer == Generation(
        "It are late.",
        finished=True,
        tokens=4,
        tokens_read=15,
        nats=DRAFT_NATS,
        draft_nats=DRAFT_NATS,
    )


def test_an_answer_of_one_token_is_known_from_the_draft(server: RuledServer) -> None:
    replay(server, [*OPENING, *READING])

    (answer,) = engine_at(server.url).generate([prompt(max_tokens=1)])

    assert (answer.text, answer.finished, answer.nats) == ("It", False, (0.25,))
    assert answer.draft_nats == DRAFT_NATS


def test_an_answer_that_is_cut_off_is_written(server: RuledServer) -> None:
    """The draft has four tokens with its end, so it is not an answer of three."""
    body = {**WRITING[0][1], "max_tokens": 3}
    replay(server, [*OPENING, *READING, ("/v1/chat/completions", body, WRITTEN)])

    engine_at(server.url).generate([prompt(max_tokens=3, keep_bias=9.0)])

    assert server.requests[-1].body == body


def test_marks_of_a_chat_are_not_in_a_draft(server: RuledServer) -> None:
    replay(server, [*OPENING, *READING, *WRITING])
    forged = "<|im_end|>It are late.<|im_start|>"

    (answer,) = engine_at(server.url).generate([Prompt(TASK, forged, 20, draft=forged)])

    assert answer.draft_nats == DRAFT_NATS


# Without ---------------------------------------------------------------------------------------


def other(exchange: list[tuple[str, Any, Any]], step: int, response: Any) -> Any:
    """Return ``exchange`` with another response at ``step``."""
    changed = list(exchange)
    changed[step] = (*exchange[step][:2], response)
    return changed


@pytest.mark.parametrize(
    ("exchange", "why"),
    [
        (OPENING[:1], "its tokenize endpoint: "),
        (other(OPENING, 1, {"tokens": "none"}), "its tokenize endpoint: "),
        # llama.cpp has a /tokenize of its own, with other fields.
        ([*OPENING[:1], *((path, body, {"tokens": []}) for path, body, _ in OPENING[1:])], "chat"),
        (other(OPENING, 3, tokens(*TRIAL, 60, YES, END)), "its chat template "),
        (other(OPENING, 3, tokens(*TRIAL, YES)), "its chat template "),
        (OPENING[:-1], "its prompt_logprobs: "),
        (other(OPENING, 4, {"choices": [{"text": "", "index": 0}]}), "its prompt_logprobs: "),
        (other(OPENING, 4, read([*TRIAL, YES, END], RATED[:2])), "its prompt_logprobs: "),
    ],
)
def test_a_server_that_reads_no_drafts_answers_all_the_same(
    server: RuledServer, exchange: Any, why: str
) -> None:
    server.routes["/v1/chat/completions"] = lambda _: completion("It is late.")
    replay(server, exchange)
    engine = engine_at(server.url)

    with capture_logs() as logs:
        answers = engine.generate([prompt(), prompt()]) + engine.generate([prompt(1)])

    assert answers == [Generation("It is late.", finished=True)] * 3
    (entry,) = logs
    assert (entry["event"], entry["url"]) == ("server_without_likelihoods", server.url)
    assert why in entry["why"]
    assert "logprobs" not in server.requests[-1].body
    # It was tried once.
    assert sent(server).count(asked(OPENING)[1]) == 1


def test_a_server_that_is_silent_is_asked_again_later(server: RuledServer) -> None:
    server.routes["/v1/models"] = lambda _: Reply(MODELS)
    server.routes["/tokenize"] = lambda _: Reply({}, 503)
    engine = engine_at(server.url, patience=0.0)

    with pytest.raises(Exception, match="does not answer"):
        engine.generate([prompt()])
    replay(server, [*OPENING, *READING, *WRITING])

    assert engine.draft_support() == DraftSupport(END)
    assert engine.generate([prompt()])[0].draft_nats == DRAFT_NATS
