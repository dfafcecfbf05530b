"""The key-value cache of a batch, and packed forward passes over it.

The tokens of all rows pass through the linear layers back to back, without padding; only attention
sees them row by row. A key's slot is determined by its row and position, so truncating a row only
changes its length: slots past the end are overwritten.

Attention is registered through transformers' interface for attention backends, which vLLM uses too.
The model runs without its own cache, and passes the ``PackedPass`` to ``attend`` by keyword.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any, Self

import torch
from transformers import AttentionInterface

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ATTENTION", "KeyValues", "PackedPass", "attend", "has_plain_attention"]

#: The name of ``attend`` among transformers' attention backends.
ATTENTION = "copydesk_rows"


def has_plain_attention(config: Any) -> bool:
    """Return whether every layer attends to all preceding tokens with plain scores.

    ``attend`` supports nothing else: models with sliding windows or soft-capped scores would
    silently give wrong answers.
    """
    kinds = getattr(config, "layer_types", None) or ["full_attention"]
    windowed = getattr(config, "sliding_window", None) and getattr(
        config, "use_sliding_window", True
    )
    capped = getattr(config, "attn_logit_softcapping", None)
    return set(kinds) == {"full_attention"} and not windowed and not capped


class KeyValues:
    """Keys and values of a batch, as tensors of layers x rows x slots x heads x width."""

    def __init__(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        self.keys, self.values = keys, values

    @classmethod
    def empty(cls, config: Any, dtype: torch.dtype, *, rows: int, slots: int) -> Self:
        """Allocate ``rows`` rows of ``slots`` tokens for the model that ``config`` describes.

        The tensors are zero-filled: a masked slot has weight zero, but must hold a finite value.
        """
        width = getattr(config, "head_dim", None) or (
            config.hidden_size // config.num_attention_heads
        )
        shape = (config.num_hidden_layers, rows, slots, config.num_key_value_heads, width)
        return cls(torch.zeros(shape, dtype=dtype), torch.zeros(shape, dtype=dtype))

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.keys.shape[1]

    @property
    def slots(self) -> int:
        """Number of tokens that each row can hold."""
        return self.keys.shape[2]

    def select(self, rows: Sequence[int]) -> KeyValues:
        """Copy the given rows."""
        index = torch.tensor(rows, dtype=torch.long)
        return KeyValues(self.keys.index_select(1, index), self.values.index_select(1, index))

    def put(self, row: int, source: KeyValues) -> None:
        """Overwrite rows from ``row`` on with the rows of ``source``, up to the shorter length."""
        slots = min(self.slots, source.slots)
        self.keys[:, row : row + source.rows, :slots] = source.keys[:, :, :slots]
        self.values[:, row : row + source.rows, :slots] = source.values[:, :, :slots]

    def set_prefix(self, prefix: KeyValues) -> None:
        """Overwrite the start of every row with the only row of ``prefix``."""
        self.keys[:, :, : prefix.slots] = prefix.keys
        self.values[:, :, : prefix.slots] = prefix.values


class PackedPass:
    """One forward pass over the new tokens of all rows, packed without padding.

    Args:
        cache: keys and values of the rows, in the rows' order.
        starts: position of each row's first new token; all tokens before it are cached.
        tokens: new tokens of each row, possibly none.
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
        """Where each row starts among the packed tokens, followed by their total."""
        self.input_ids = torch.tensor([[token for row in tokens for token in row]])
        rows = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
        within = torch.arange(self.offsets[-1]) - torch.tensor(self.offsets)[rows]
        positions = torch.tensor(starts)[rows] + within
        self.position_ids = positions[None]
        self._rows, self._positions = rows, positions
        self._width = max(counts)
        self._slots = int(positions.max()) + 1
        # Attention needs the queries by row; short rows are padded with their first query.
        first = torch.tensor(self.offsets[:-1]).clamp(max=self.offsets[-1] - 1)
        self._unpack = first[:, None].repeat(1, self._width)
        self._unpack[rows, within] = torch.arange(self.offsets[-1])
        self._pack = rows * self._width + within
        visible = torch.arange(self._slots) <= positions[self._unpack][..., None]
        mask = torch.zeros(visible.shape, dtype=cache.keys.dtype).masked_fill(~visible, -torch.inf)
        # Heads that share a key are treated as extra queries for it, so that no key is copied.
        self._mask = mask.repeat(1, heads_per_key, 1)[:, None]

    def attend(
        self,
        layer: int,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scaling: float | None,
    ) -> torch.Tensor:
        """Attend from the packed tokens (1 x heads x tokens x width) to their rows' slots.

        Returns:
            A tensor of 1 x tokens x heads x width.
        """
        keys, values = self._cache.keys[layer], self._cache.values[layer]
        keys[self._rows, self._positions] = key[0].transpose(0, 1)
        values[self._rows, self._positions] = value[0].transpose(0, 1)
        heads, width = key.shape[1], query.shape[-1]
        shared, rows = self._heads_per_key, keys.shape[0]
        unpacked = query[0].transpose(0, 1)[self._unpack]
        queries = unpacked.view(rows, self._width, heads, shared, width).permute(0, 2, 3, 1, 4)
        attended = torch.nn.functional.scaled_dot_product_attention(
            queries.reshape(rows, heads, shared * self._width, width),
            keys[:, : self._slots].transpose(1, 2),
            values[:, : self._slots].transpose(1, 2),
            attn_mask=self._mask,
            scale=scaling,
        )
        attended = attended.view(rows, heads, shared, self._width, width).permute(0, 3, 1, 2, 4)
        return attended.reshape(rows * self._width, heads * shared, width)[self._pack][None]


def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    packed: PackedPass,
    scaling: float | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attend in one layer; transformers forwards ``packed`` from the model call."""
    del attention_mask
    layer: Any = module.layer_idx
    return packed.attend(layer, query, key, value, scaling), None


AttentionInterface.register(ATTENTION, attend)
