"""Greedy decoding that verifies a draft instead of writing it again.

Three kinds of passes: one over the prompt that all share, one over each row's own prompt and its
whole draft, and steps for the rows that leave their draft. In a step each row takes its last
token and the next ones of its draft; the model says for all of them at once what it would have
written, and the row keeps the longest prefix that it agrees with and one token more. Rows that
are finished leave. See ``worker.engine.decoding.draft`` for the method's sources.

With no keep-bias the answers are those of plain greedy decoding: the first of the most likely
tokens is taken. In bfloat16 passes of different shapes round differently, so that a near-tie
between two tokens can fall either way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count, pairwise
from typing import TYPE_CHECKING, Any

import torch

from worker.engine.decoding.key_values import KeyValues, Pass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.engine.decoding.draft import Draft

__all__ = ["Decoder", "Row"]

#: Tokens of one step over all rows. Packed matrix products of 64 rows reach nine tenths of the
#: speed of large ones, of 16 six tenths (in bfloat16 on two cores); with 128 the steps of 16
#: summaries, most of whose drafts fail, took half as long again.
_STEP_TOKENS = 64

#: Drafted tokens of a row in one step. The fewer rows are left, the more are drafted.
_LEAST_DRAFTED, _MOST_DRAFTED = 3, 24

#: Slots of the rows that wait for their steps: 23 KB each with the embedded model.
_WAITING_SLOTS = 16_384

#: Positions whose logits are held at a time: 49,152 words in float32 take 200 KB each. With 256 of
#: them what is done to the logits takes twice as long (measured), since they do not stay in cache.
_LOGIT_ROWS = 64

#: Steps between two calls of the checkpoint, each of about 0.1 s.
_STEPS_BETWEEN_CHECKPOINTS = 8


@dataclass(slots=True)
class Row:
    """One prompt on its way to an answer."""

    prompt: Sequence[int]
    draft: Sequence[int]
    """Tokens to verify in the first pass, the one that ends the answer included; or none."""
    guide: Draft
    """Says what is likely to come next."""
    budget: int
    keep_bias_nats: float = 0.0
    state_layer: int | None = None
    written: list[int] = field(default_factory=list)
    """The answer, with the token that ends it."""
    nats: list[float] = field(default_factory=list)
    """Of each token written."""
    draft_nats: list[float] = field(default_factory=list)
    """Of each token of the draft."""
    draft_state: list[float] = field(default_factory=list)
    """Mean hidden state of the draft behind ``state_layer``."""
    finished: bool = False
    """Whether the answer has ended by itself."""

    @property
    def over(self) -> bool:
        """Whether nothing more is to be written."""
        return self.finished or len(self.written) >= self.budget

    @property
    def read(self) -> int:
        """Tokens that are in the cache: all but the last one written."""
        return len(self.prompt) + len(self.written) - 1

    @property
    def slots(self) -> int:
        """Most tokens that it may come to."""
        return len(self.prompt) + max(self.budget, len(self.draft))


class Decoder:
    """A causal language model that answers prompts.

    Args:
        model: of transformers, loaded with the attention of ``worker.engine.decoding.key_values``.
        ends: tokens that end an answer.
        batch_tokens: tokens of one first pass.
    """

    def __init__(self, model: Any, ends: frozenset[int], batch_tokens: int) -> None:
        self._model, self._ends, self._batch_tokens = model, ends, batch_tokens
        self._body, self._head = model.base_model, model.get_output_embeddings()
        self._config = model.config
        self._shared = self._config.num_attention_heads // self._config.num_key_value_heads

    def prefix(self, tokens: Sequence[int]) -> KeyValues:
        """Keys and values of what several prompts begin with."""
        cache = self._room(1, len(tokens))
        self._run(cache, [0], [tokens])
        return cache

    def answer(
        self, rows: Sequence[Row], prefix: KeyValues, checkpoint: Callable[[], None]
    ) -> None:
        """Write the rows' answers.

        Args:
            rows: their prompts begin with ``prefix`` and go on behind it.
            prefix: from this decoder's ``prefix``.
            checkpoint: is called before each first pass and every few steps.
        """
        waiting = _Waiting()
        for batch in _batches(rows, prefix.slots, self._batch_tokens):
            checkpoint()
            waiting.take_in(*self._first_pass(batch, prefix))
            if waiting.slots > _WAITING_SLOTS:
                self._advance(waiting, _WAITING_SLOTS // 2, checkpoint)
        self._advance(waiting, 0, checkpoint)

    def _first_pass(self, rows: list[Row], prefix: KeyValues) -> tuple[list[Row], KeyValues]:
        """Verify each row's draft; the rows that go on, and their keys and values."""
        cache = self._room(len(rows), max(len(row.prompt) + len(row.draft) for row in rows))
        cache.share(prefix)
        begin = prefix.slots
        tokens = [[*row.prompt[begin:], *row.draft[:-1]] for row in rows]
        # The last token of a prompt foretells the first of its answer.
        unjudged = [len(row.prompt) - begin - 1 for row in rows]
        drafts = [row.draft for row in rows]
        # All rows of a call have the same prompt, so they ask for the same.
        layer = rows[0].state_layer
        verdicts = self._judge(
            cache, [begin] * len(rows), tokens, drafts, unjudged, state_layer=layer
        )
        for row, verdict in zip(rows, verdicts, strict=True):
            row.draft_nats, row.draft_state = verdict.drafted_nats, verdict.state
            self._write(row, verdict)
        going_on = [at for at, row in enumerate(rows) if not row.over]
        return [rows[at] for at in going_on], cache.select(going_on)

    def _advance(self, waiting: _Waiting, slots: int, checkpoint: Callable[[], None]) -> None:
        """Take steps until the waiting rows need no more than ``slots``."""
        for step in count():
            waiting.let_go(self._room)
            if waiting.slots <= slots:
                return
            if step % _STEPS_BETWEEN_CHECKPOINTS == 0:
                checkpoint()
            self._step(waiting)

    def _step(self, waiting: _Waiting) -> None:
        """One pass over the last token of each row and the next ones of its draft."""
        going_on = sum(not row.over for row in waiting.rows)
        most = min(max(_STEP_TOKENS // going_on - 1, _LEAST_DRAFTED), _MOST_DRAFTED)
        tokens: list[Sequence[int]] = []
        drafts: list[Sequence[int]] = []
        for row in waiting.rows:
            if row.over:
                tokens.append(())
                drafts.append(())
                continue
            left = row.budget - len(row.written)
            draft = row.guide.next_tokens(min(most + 1, left))
            # The last one is judged by what is fed before it.
            tokens.append((row.written[-1], *draft[:-1]))
            drafts.append(draft)
        starts = [row.read for row in waiting.rows]
        verdicts = self._judge(waiting.cache, starts, tokens, drafts, [0] * len(tokens))
        for row, verdict in zip(waiting.rows, verdicts, strict=True):
            self._write(row, verdict)

    def _write(self, row: Row, verdict: _Verification) -> None:
        """Take over what is agreed on, and the first token that is not."""
        for at in range(len(verdict.best)):
            drafted = verdict.draft[at] if at < len(verdict.draft) else None
            token, nats = verdict.best[at], verdict.best_nats[at]
            if (
                drafted is not None
                and row.keep_bias_nats
                and row.guide.anchored
                and verdict.drafted_nats[at] - nats <= row.keep_bias_nats
            ):
                token, nats = drafted, verdict.drafted_nats[at]
            row.written.append(token)
            row.nats.append(nats)
            row.guide.follow(token)
            row.finished = token in self._ends
            if row.over or token != drafted:
                return

    def _judge(
        self,
        cache: KeyValues,
        starts: Sequence[int],
        tokens: Sequence[Sequence[int]],
        drafts: Sequence[Sequence[int]],
        unjudged: Sequence[int],
        *,
        state_layer: int | None = None,
    ) -> list[_Verification]:
        """What the model would have written behind each row's tokens but the ``unjudged`` first."""
        with self._noted(state_layer) as states:
            hidden, offsets = self._run(cache, starts, tokens)
        places: list[int] = []
        wanted: list[int] = []
        bounds = [0]
        for (begin, end), first, draft in zip(pairwise(offsets), unjudged, drafts, strict=True):
            judged = range(begin + first, end)
            places += judged
            wanted += [*draft[: len(judged)], *[0] * (len(judged) - len(draft))]
            bounds.append(len(places))
        best, best_nats, drafted_nats = self._look_up(hidden[torch.tensor(places)], wanted)
        return [
            _Verification(
                draft,
                best[a:b],
                best_nats[a:b],
                drafted_nats[a : min(b, a + len(draft))],
                [mean for state in states for mean in state[places[a:b]].float().mean(0).tolist()],
            )
            for draft, (a, b) in zip(drafts, pairwise(bounds), strict=True)
        ]

    @contextmanager
    def _noted(self, layer: int | None) -> Iterator[list[torch.Tensor]]:
        """The hidden states behind a layer in the pass that is made meanwhile, packed; or none."""
        states: list[torch.Tensor] = []
        if layer is None:
            yield states
            return
        hook = self._body.layers[layer].register_forward_hook(
            lambda _module, _given, found: states.append(found[0])
        )
        try:
            yield states
        finally:
            hook.remove()

    def _look_up(
        self, hidden: torch.Tensor, wanted: list[int]
    ) -> tuple[list[int], list[float], list[float]]:
        """At each position: the most likely token, its nats, and those of the wanted one."""
        best: list[int] = []
        best_nats: list[float] = []
        wanted_nats: list[float] = []
        for at in range(0, len(wanted), _LOGIT_ROWS):
            part = slice(at, at + _LOGIT_ROWS)
            logits = self._head(hidden[part]).float()
            total = logits.logsumexp(-1)
            top, token = logits.max(-1)
            asked = torch.tensor(wanted[part])[:, None]
            best += token.tolist()
            best_nats += (total - top).tolist()
            wanted_nats += (total - logits.gather(-1, asked)[:, 0]).tolist()
        return best, best_nats, wanted_nats

    def _run(
        self, cache: KeyValues, starts: Sequence[int], tokens: Sequence[Sequence[int]]
    ) -> tuple[torch.Tensor, list[int]]:
        """Last hidden state of each new token, packed, and where each row's begin."""
        rows = Pass(cache, starts, tokens, self._shared)
        found = self._body(
            input_ids=rows.input_ids, position_ids=rows.position_ids, use_cache=False, rows=rows
        )
        return found.last_hidden_state[0], rows.offsets

    def _room(self, rows: int, slots: int) -> KeyValues:
        return KeyValues.empty(self._config, self._model.dtype, rows=rows, slots=slots)


@dataclass(frozen=True, slots=True)
class _Verification:
    """What the model says of one row's drafted tokens."""

    draft: Sequence[int]
    best: list[int]
    """The most likely token at each place: one more than were fed of the draft."""
    best_nats: list[float]
    drafted_nats: list[float]
    """Of the draft's tokens, as far as there are any."""
    state: list[float]
    """Mean hidden state of the tokens that were judged; empty where none was asked for."""


class _Waiting:
    """Rows that have left their draft, with their keys and values."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._parts: list[KeyValues] = []

    @property
    def cache(self) -> KeyValues:
        """Of all rows, in their order; after ``let_go``."""
        (cache,) = self._parts
        return cache

    @property
    def slots(self) -> int:
        """What the rows that are not over need together."""
        sizes = [row.slots for row in self.rows if not row.over]
        return len(sizes) * max(sizes, default=0)

    def take_in(self, rows: list[Row], cache: KeyValues) -> None:
        """More rows to go on with."""
        if rows:
            self.rows += rows
            self._parts.append(cache)

    def let_go(self, room: Callable[[int, int], KeyValues]) -> None:
        """Make one cache of all, without what is over once that is half of the rows.

        Until then a finished row costs nothing but its place in attention; to copy the others
        costs more.
        """
        kept = [at for at, row in enumerate(self.rows) if not row.over]
        if len(self._parts) == 1 and len(kept) > len(self.rows) // 2 and self._has_room():
            return
        cache = room(len(kept), max((self.rows[at].slots for at in kept), default=0))
        at = first = 0
        for part in self._parts:
            inside = [row - first for row in kept if first <= row < first + part.rows]
            cache.put(at, part.select(inside))
            at += len(inside)
            first += part.rows
        self.rows = [self.rows[row] for row in kept]
        self._parts = [cache]

    def _has_room(self) -> bool:
        return self.cache.slots >= max(row.slots for row in self.rows)


def _batches(rows: Sequence[Row], known: int, most: int) -> Iterator[list[Row]]:
    """Rows of about the same length whose new tokens come to no more than ``most``."""
    batch: list[Row] = []
    total = 0
    for row in sorted(rows, key=lambda row: -len(row.prompt) - len(row.draft)):
        size = len(row.prompt) - known + len(row.draft)
        if batch and total + size > most:
            yield batch
            batch, total = [], 0
        batch.append(row)
        total += size
    if batch:
        yield batch
