"""Greedy decoding that verifies a draft instead of generating it token by token.

There are three kinds of pass: one over the prefix that all prompts share, a first pass over the
rest of each row's prompt and its whole draft, and a step pass for rows that diverge from their
draft. A step feeds each row's last token and the next tokens of its draft. The row keeps the
longest prefix that the model agrees with and, at the first disagreement, the model's own token.
Finished rows are evicted. ``worker.engine.decoding.draft`` cites the papers.

Without a keep-bias the output matches plain greedy decoding; ties go to the first token. In
bfloat16, passes of different shapes round differently, so a near-tie between two tokens can fall
either way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count, pairwise
from typing import TYPE_CHECKING, Any

import torch

from worker.engine.decoding.key_values import KeyValues, PackedPass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.engine.decoding.draft import Draft

__all__ = ["Decoder", "Row"]

#: Tokens per step, over all rows. Packed matrix products of 64 rows reach nine tenths of the speed
#: of large ones, and those of 16 rows six tenths (bfloat16, two cores). At 128, the steps of 16
#: summaries, whose drafts mostly fail, took half as long again.
_STEP_TOKENS = 64

#: Maximum number of drafted tokens per row and step. The fewer rows remain, the more tokens each
#: row drafts. Where the rows alone fill a step, they draft none: a drafted token costs as much as
#: a written one then, and one in four is refused (a step of 64 sentences of rough news).
_MAX_DRAFTED = 24

#: Maximum number of cache slots for rows in progress after their first pass. A slot takes 23 KB
#: with the 135 M model.
_ACTIVE_SLOTS = 16_384

#: Positions whose logits are held at a time; a position takes 200 KB (49,152 words in float32). At
#: 256 the logits no longer fit the CPU cache, and processing them takes twice as long (measured).
_LOGIT_ROWS = 64

#: Steps between checkpoint calls; a step takes about 0.1 s.
_STEPS_BETWEEN_CHECKPOINTS = 8


@dataclass(slots=True)
class Row:
    """One prompt and its answer so far."""

    prompt: Sequence[int]
    draft: Sequence[int]
    """Tokens to verify in the first pass, including the end token; empty if there is no draft."""
    guide: Draft
    """Predicts the next tokens from the source."""
    budget: int
    keep_bias_nats: float = 0.0
    state_layer: int | None = None
    written: list[int] = field(default_factory=list)
    """The answer, including its end token."""
    nats: list[float] = field(default_factory=list)
    """Negative log-likelihood of each written token."""
    draft_nats: list[float] = field(default_factory=list)
    """Negative log-likelihood of each draft token."""
    draft_state: list[float] = field(default_factory=list)
    """Mean hidden state of the draft after ``state_layer``."""
    finished: bool = False
    """Whether the model wrote an end token."""

    @property
    def done(self) -> bool:
        """Whether the answer is finished or its budget is spent."""
        return self.finished or len(self.written) >= self.budget

    @property
    def cached_tokens(self) -> int:
        """Number of tokens in the cache: all except the last written token."""
        return len(self.prompt) + len(self.written) - 1

    @property
    def max_slots(self) -> int:
        """Maximum number of cache slots that the row can need."""
        return len(self.prompt) + max(self.budget, len(self.draft))


class Decoder:
    """A causal language model that answers prompts.

    Args:
        model: a transformers model, loaded with the attention backend of
            ``worker.engine.decoding.key_values``.
        end_tokens: tokens that end an answer.
        batch_tokens: maximum number of tokens in a first pass.
    """

    def __init__(self, model: Any, end_tokens: frozenset[int], batch_tokens: int) -> None:
        self._model, self._end_tokens, self._batch_tokens = model, end_tokens, batch_tokens
        self._body, self._head = model.base_model, model.get_output_embeddings()
        self._config = model.config
        self._heads_per_key = self._config.num_attention_heads // self._config.num_key_value_heads

    def prefix(self, tokens: Sequence[int]) -> KeyValues:
        """Compute the keys and values of a prefix that several prompts share."""
        cache = self._new_cache(1, len(tokens))
        self._run(cache, [0], [tokens])
        return cache

    def answer(
        self, rows: Sequence[Row], prefix: KeyValues, checkpoint: Callable[[], None]
    ) -> None:
        """Generate the answers and write them into ``rows``.

        Args:
            rows: rows whose prompts start with ``prefix`` and continue after it.
            prefix: keys and values from this decoder's ``prefix`` method.
            checkpoint: called before each first pass and every few steps.
        """
        active = _ActiveRows()
        for batch in _batches(rows, prefix.slots, self._batch_tokens):
            checkpoint()
            active.admit(*self._first_pass(batch, prefix))
            if active.slots > _ACTIVE_SLOTS:
                self._advance(active, _ACTIVE_SLOTS // 2, checkpoint)
        self._advance(active, 0, checkpoint)

    def _first_pass(self, rows: list[Row], prefix: KeyValues) -> tuple[list[Row], KeyValues]:
        """Verify each row's draft, and return the rows that are not done with their cache."""
        cache = self._new_cache(len(rows), max(len(row.prompt) + len(row.draft) for row in rows))
        cache.set_prefix(prefix)
        start = prefix.slots
        tokens = [[*row.prompt[start:], *row.draft[:-1]] for row in rows]
        # The logits at the prompt's last token give the answer's first token.
        skipped = [len(row.prompt) - start - 1 for row in rows]
        drafts = [row.draft for row in rows]
        # All rows of a call have the same template, and therefore the same layer.
        layer = rows[0].state_layer
        predictions = self._predict(
            cache, [start] * len(rows), tokens, drafts, skipped, state_layer=layer
        )
        for row, predicted in zip(rows, predictions, strict=True):
            row.draft_nats, row.draft_state = predicted.draft_nats, predicted.draft_state
            self._accept(row, predicted)
        kept = [index for index, row in enumerate(rows) if not row.done]
        return [rows[index] for index in kept], cache.select(kept)

    def _advance(self, active: _ActiveRows, slots: int, checkpoint: Callable[[], None]) -> None:
        """Take steps until the active rows need at most ``slots``."""
        for step in count():
            active.evict_done(self._new_cache)
            if active.slots <= slots:
                return
            if step % _STEPS_BETWEEN_CHECKPOINTS == 0:
                checkpoint()
            self._step(active)

    def _step(self, active: _ActiveRows) -> None:
        """Feed each row's last token and the next tokens of its draft, in one pass."""
        remaining = sum(not row.done for row in active.rows)
        limit = min(max(_STEP_TOKENS // remaining - 1, 0), _MAX_DRAFTED)
        tokens: list[Sequence[int]] = []
        drafts: list[Sequence[int]] = []
        for row in active.rows:
            if row.done:
                tokens.append(())
                drafts.append(())
                continue
            left = row.budget - len(row.written)
            draft = row.guide.next_tokens(min(limit + 1, left))
            # The draft's last token need not be fed: the logits at its predecessor verify it.
            tokens.append((row.written[-1], *draft[:-1]))
            drafts.append(draft)
        starts = [row.cached_tokens for row in active.rows]
        predictions = self._predict(active.cache, starts, tokens, drafts, [0] * len(tokens))
        for row, predicted in zip(active.rows, predictions, strict=True):
            self._accept(row, predicted)

    def _accept(self, row: Row, predicted: _Predictions) -> None:
        """Append the accepted prefix of the draft and, after a mismatch, the model's own token."""
        for index in range(len(predicted.tokens)):
            drafted = predicted.draft[index] if index < len(predicted.draft) else None
            token, nats = predicted.tokens[index], predicted.nats[index]
            if (
                drafted is not None
                and row.keep_bias_nats
                and row.guide.anchored
                and predicted.draft_nats[index] - nats <= row.keep_bias_nats
            ):
                token, nats = drafted, predicted.draft_nats[index]
            row.written.append(token)
            row.nats.append(nats)
            row.guide.follow(token)
            row.finished = token in self._end_tokens
            if row.done or token != drafted:
                return

    def _predict(
        self,
        cache: KeyValues,
        starts: Sequence[int],
        tokens: Sequence[Sequence[int]],
        drafts: Sequence[Sequence[int]],
        skipped: Sequence[int],
        *,
        state_layer: int | None = None,
    ) -> list[_Predictions]:
        """Predict the token after each fed token, except the first ``skipped`` of each row."""
        with self._captured_states(state_layer) as states:
            hidden, offsets = self._run(cache, starts, tokens)
        positions: list[int] = []
        drafted: list[int] = []
        bounds = [0]
        for (begin, end), first, draft in zip(pairwise(offsets), skipped, drafts, strict=True):
            predicted = range(begin + first, end)
            positions += predicted
            drafted += [*draft[: len(predicted)], *[0] * (len(predicted) - len(draft))]
            bounds.append(len(positions))
        top_tokens, top_nats, draft_nats = self._score(hidden[torch.tensor(positions)], drafted)
        return [
            _Predictions(
                draft,
                top_tokens[a:b],
                top_nats[a:b],
                draft_nats[a : min(b, a + len(draft))],
                [
                    mean
                    for state in states
                    for mean in state[positions[a:b]].float().mean(0).tolist()
                ],
            )
            for draft, (a, b) in zip(drafts, pairwise(bounds), strict=True)
        ]

    @contextmanager
    def _captured_states(self, layer: int | None) -> Iterator[list[torch.Tensor]]:
        """Yield a list that collects each pass's packed hidden states after ``layer``."""
        states: list[torch.Tensor] = []
        if layer is None:
            yield states
            return
        hook = self._body.layers[layer].register_forward_hook(
            lambda _module, _inputs, outputs: states.append(outputs[0])
        )
        try:
            yield states
        finally:
            hook.remove()

    def _score(
        self, hidden: torch.Tensor, drafted: list[int]
    ) -> tuple[list[int], list[float], list[float]]:
        """Return each position's top token, its nats, and the nats of the drafted token."""
        top_tokens: list[int] = []
        top_nats: list[float] = []
        draft_nats: list[float] = []
        for start in range(0, len(drafted), _LOGIT_ROWS):
            part = slice(start, start + _LOGIT_ROWS)
            logits = self._head(hidden[part]).float()
            total = logits.logsumexp(-1)
            top, token = logits.max(-1)
            index = torch.tensor(drafted[part])[:, None]
            top_tokens += token.tolist()
            top_nats += (total - top).tolist()
            draft_nats += (total - logits.gather(-1, index)[:, 0]).tolist()
        return top_tokens, top_nats, draft_nats

    def _run(
        self, cache: KeyValues, starts: Sequence[int], tokens: Sequence[Sequence[int]]
    ) -> tuple[torch.Tensor, list[int]]:
        """Return the packed last hidden states of the new tokens, and the row offsets."""
        packed = PackedPass(cache, starts, tokens, self._heads_per_key)
        output = self._body(
            input_ids=packed.input_ids,
            position_ids=packed.position_ids,
            use_cache=False,
            packed=packed,
        )
        return output.last_hidden_state[0], packed.offsets

    def _new_cache(self, rows: int, slots: int) -> KeyValues:
        return KeyValues.empty(self._config, self._model.dtype, rows=rows, slots=slots)


@dataclass(frozen=True, slots=True)
class _Predictions:
    """What the model predicts along one row's draft."""

    draft: Sequence[int]
    tokens: list[int]
    """The most likely token at each position; there is one more than draft tokens were fed."""
    nats: list[float]
    draft_nats: list[float]
    """Negative log-likelihood of each draft token that has a position."""
    draft_state: list[float]
    """Mean hidden state at the predicted positions; empty if no layer was requested."""


class _ActiveRows:
    """Rows that need steps after their first pass, with their keys and values."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._parts: list[KeyValues] = []

    @property
    def cache(self) -> KeyValues:
        """The cache of all rows, in row order; valid after ``evict_done``."""
        (cache,) = self._parts
        return cache

    @property
    def slots(self) -> int:
        """Total number of cache slots needed by the rows that are not done."""
        sizes = [row.max_slots for row in self.rows if not row.done]
        return len(sizes) * max(sizes, default=0)

    def admit(self, rows: list[Row], cache: KeyValues) -> None:
        """Add rows and their cache."""
        if rows:
            self.rows += rows
            self._parts.append(cache)

    def evict_done(self, new_cache: Callable[[int, int], KeyValues]) -> None:
        """Merge the caches into one, without the done rows.

        A single cache stays as it is until half of its rows are done: a done row costs only its
        place in attention, which is less than copying the other rows.
        """
        kept = [index for index, row in enumerate(self.rows) if not row.done]
        if len(self._parts) == 1 and len(kept) > len(self.rows) // 2 and self._has_room():
            return
        slots = max((self.rows[index].max_slots for index in kept), default=0)
        cache = new_cache(len(kept), slots)
        target = first = 0
        for part in self._parts:
            inside = [index - first for index in kept if first <= index < first + part.rows]
            cache.put(target, part.select(inside))
            target += len(inside)
            first += part.rows
        self.rows = [self.rows[index] for index in kept]
        self._parts = [cache]

    def _has_room(self) -> bool:
        return self.cache.slots >= max(row.max_slots for row in self.rows)


def _batches(rows: Sequence[Row], prefix_tokens: int, max_tokens: int) -> Iterator[list[Row]]:
    """Yield batches of rows of similar length, with at most ``max_tokens`` new tokens each."""
    batch: list[Row] = []
    total = 0
    for row in sorted(rows, key=lambda row: -len(row.prompt) - len(row.draft)):
        size = len(row.prompt) - prefix_tokens + len(row.draft)
        if batch and total + size > max_tokens:
            yield batch
            batch, total = [], 0
        batch.append(row)
        total += size
    if batch:
        yield batch
