"""A stand-in for a server of vLLM on a real model: its protocol as documented, on transformers.

vLLM needs a GPU. The docstring of tests/unit/engine/test_server_draft.py names the pages.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch

from tests.support.plain_engine import PlainEngine
from tests.support.ruled_server import NAME, Reply, RuledServer, ruled_server

__all__ = ["vllm_server"]


@contextmanager
def vllm_server(engine: PlainEngine, adapters: Collection[str]) -> Iterator[RuledServer]:
    """Serve the model of ``engine`` as ``NAME``, and ``adapters`` under their names."""
    served = _Served(engine, adapters)
    rules = {
        "/v1/models": served.models,
        "/tokenize": served.tokenize,
        "/v1/completions": served.complete,
        "/v1/chat/completions": served.chat,
    }
    with ruled_server() as server:
        server.routes = {path: partial(served.answer, rule) for path, rule in rules.items()}
        yield server


class _Served:
    def __init__(self, engine: PlainEngine, adapters: Collection[str]) -> None:
        self._engine, self._adapters = engine, adapters
        for name in ("", *adapters):
            engine.model(name)  # loaded now, so that no request waits for it
        self._tokenizer = engine.local._tokenizer
        self._lock = threading.Lock()

    def answer(self, rule: Any, body: Any) -> Reply:
        with self._lock, torch.inference_mode():
            return Reply(rule(body))

    def models(self, _: Any) -> Any:
        return {"data": [{"id": name} for name in (NAME, *self._adapters)]}

    def tokenize(self, body: Any) -> Any:
        if "messages" in body:
            return {"tokens": self._chat(body["messages"], begun=body["add_generation_prompt"])}
        return {"tokens": self._encode(body["prompt"])}

    def complete(self, body: Any) -> Any:
        prompt = body["prompt"]
        logits = self._model(body)(input_ids=torch.tensor([prompt]), use_cache=False).logits[0]
        rated: list[Any] = [None]
        for token, row in zip(prompt[1:], logits.float().log_softmax(-1), strict=False):
            chosen = dict.fromkeys((token, int(row.argmax())))
            rated.append({str(key): self._rating(key, row) for key in chosen})
        return {"choices": [{"index": 0, "text": "", "prompt_logprobs": rated}]}

    def chat(self, body: Any) -> Any:
        prompt = self._chat(body["messages"], begun=True)
        output = self._model(body).generate(
            input_ids=torch.tensor([prompt]),
            attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
            max_new_tokens=body["max_tokens"],
            do_sample=False,
            pad_token_id=self._engine.local._end_token,
            output_logits=True,
            return_dict_in_generate=True,
        )
        written = output.sequences[0, len(prompt) :].tolist()
        rows = torch.cat(output.logits).float().log_softmax(-1)
        content = [self._rating(key, row) for key, row in zip(written, rows, strict=True)]
        text = self._tokenizer.decode(written, skip_special_tokens=True)
        choice = {
            "message": {"role": "assistant", "content": text},
            "logprobs": {"content": content} if body.get("logprobs") else None,
            "finish_reason": "stop" if written[-1] in self._engine.local._end_tokens else "length",
        }
        usage = {"prompt_tokens": len(prompt), "completion_tokens": len(written)}
        return {"choices": [choice], "usage": usage}

    def _model(self, body: Any) -> Any:
        return self._engine.model("" if body["model"] == NAME else body["model"])

    def _rating(self, token: int, row: Any) -> dict[str, Any]:
        return {"logprob": float(row[token]), "decoded_token": self._tokenizer.decode([token])}

    def _chat(self, messages: Any, *, begun: bool) -> list[int]:
        return self._encode(
            self._tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=begun
            )
        )

    def _encode(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])
