"""Rows of tokens on their way through a model: their keys and values, and one packed pass.

The tokens of all rows go through the linear layers one behind the other, without padding; only
attention sees them row by row. Row and position name the slot of a key, so that cutting a row
back is to say how long it is: what lies behind is written over.

This is transformers' interface for attention backends, which vLLM uses too: the model is called
without a cache of its own, and ``attend`` is handed the ``Pass`` by keyword.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any, Self

import torch
from transformers import AttentionInterface

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ATTENTION", "KeyValues", "Pass", "attend", "has_plain_attention"]

#: The name of ``attend`` among transformers' attention backends.
ATTENTION = "copydesk_rows"


def has_plain_attention(config: Any) -> bool:
    """Whether every layer of the model attends to all that precedes, as ``attend`` does.

    Others see a window only, or bend the scores, and would silently come out wrong.
    """
    kinds = getattr(config, "layer_types", None) or ["full_attention"]
    windowed = getattr(config, "sliding_window", None) and getattr(
        config, "use_sliding_window", True
    )
    bent = getattr(config, "attn_logit_softcapping", None)
    return set(kinds) == {"full_attention"} and not windowed and not bent


class KeyValues:
    """Keys and values of some rows: tensors of layers x rows x slots x heads x width."""

    def __init__(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        self.keys, self.values = keys, values

    @classmethod
    def empty(cls, config: Any, dtype: torch.dtype, *, rows: int, slots: int) -> Self:
        """Room for ``rows`` rows of ``slots`` tokens each of the model that ``config`` describes.

        Zeros, since a masked slot counts nothing times what is in it, and that must be finite.
        """
        width = getattr(config, "head_dim", None) or (
            config.hidden_size // config.num_attention_heads
        )
        shape = (config.num_hidden_layers, rows, slots, config.num_key_value_heads, width)
        return cls(torch.zeros(shape, dtype=dtype), torch.zeros(shape, dtype=dtype))

    @property
    def rows(self) -> int:
        """How many rows."""
        return self.keys.shape[1]

    @property
    def slots(self) -> int:
        """Tokens that each row has room for."""
        return self.keys.shape[2]

    def select(self, rows: Sequence[int]) -> KeyValues:
        """A copy of these rows alone."""
        index = torch.tensor(rows, dtype=torch.long)
        return KeyValues(self.keys.index_select(1, index), self.values.index_select(1, index))

    def put(self, at: int, other: KeyValues) -> None:
        """Take in the rows of ``other`` from row ``at`` on, as far as they go."""
        slots = min(self.slots, other.slots)
        self.keys[:, at : at + other.rows, :slots] = other.keys[:, :, :slots]
        self.values[:, at : at + other.rows, :slots] = other.values[:, :, :slots]

    def share(self, prefix: KeyValues) -> None:
        """Begin every row with the one row of ``prefix``."""
        self.keys[:, :, : prefix.slots] = prefix.keys
        self.values[:, :, : prefix.slots] = prefix.values


class Pass:
    """New tokens of each row, to be put through the model together.

    Args:
        cache: keys and values of the rows, in the rows' order.
        starts: the position of each row's first new token; all before it is in the cache.
        tokens: the new tokens of each row; a row may have none.
        heads_per_key: query heads that share a key.
    """

    def __init__(
        self,
        cache: KeyValues,
        starts: Sequence[int],
        tokens: Sequence[Sequence[int]],
        heads_per_key: int,
    ) -> None:
        self._cache, self._heads_per_key = cache, heads_per_key
        counts = [len(row) for row in tokens]
        self.offsets = [0, *accumulate(counts)]
        """Where each row begins among the packed tokens, and their total."""
        self.input_ids = torch.tensor([[token for row in tokens for token in row]])
        rows = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
        within = torch.arange(self.offsets[-1]) - torch.tensor(self.offsets)[rows]
        positions = torch.tensor(starts)[rows] + within
        self.position_ids = positions[None]
        self._rows, self._positions = rows, positions
        self._width = max(counts)
        self._slots = int(positions.max()) + 1
        # Each row's queries side by side: what is missing is filled with the row's first one.
        first = torch.tensor(self.offsets[:-1]).clamp(max=self.offsets[-1] - 1)
        self._unpack = first[:, None].repeat(1, self._width)
        self._unpack[rows, within] = torch.arange(self.offsets[-1])
        self._pack = rows * self._width + within
        seen = torch.arange(self._slots) <= positions[self._unpack][..., None]
        hidden = torch.zeros(seen.shape, dtype=cache.keys.dtype).masked_fill(~seen, -torch.inf)
        # The heads that share a key are so many more queries of it: nothing need be copied.
        self._mask = hidden.repeat(1, heads_per_key, 1)[:, None]

    def attend(
        self,
        layer: int,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scaling: float | None,
    ) -> torch.Tensor:
        """Attention of the packed tokens (1 x heads x tokens x width) to their rows' slots.

        Gives 1 x tokens x heads x width.
        """
        keys, values = self._cache.keys[layer], self._cache.values[layer]
        keys[self._rows, self._positions] = key[0].transpose(0, 1)
        values[self._rows, self._positions] = value[0].transpose(0, 1)
        heads, width = key.shape[1], query.shape[-1]
        shared, rows = self._heads_per_key, keys.shape[0]
        side_by_side = query[0].transpose(0, 1)[self._unpack]
        queries = side_by_side.view(rows, self._width, heads, shared, width).permute(0, 2, 3, 1, 4)
        found = torch.nn.functional.scaled_dot_product_attention(
            queries.reshape(rows, heads, shared * self._width, width),
            keys[:, : self._slots].transpose(1, 2),
            values[:, : self._slots].transpose(1, 2),
            attn_mask=self._mask,
            scale=scaling,
        )
        found = found.view(rows, heads, shared, self._width, width).permute(0, 3, 1, 2, 4)
        return found.reshape(rows * self._width, heads * shared, width)[self._pack][None]


def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    rows: Pass,
    scaling: float | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """What transformers calls in each layer; ``rows`` comes from the model's own call."""
    del attention_mask
    layer: Any = module.layer_idx
    return rows.attend(layer, query, key, value, scaling), None


AttentionInterface.register(ATTENTION, attend)
