"""A stronger judge for those who have one: a classifier trained on natural language inference.

Any model of the hub that tells entailment from the rest will do; SummaC (Laban et al. 2022) checks
summaries so.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from worker.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["entailment_probabilities"]

#: Pairs of one pass: a summary has three or four.
_BATCH = 16

#: What such a model calls the label; the others are "neutral" and "contradiction", or
#: "not_entailment".
_LABEL = "entail"


def entailment_probabilities(
    pairs: Sequence[tuple[str, str]], *, name: str, revision: str
) -> list[float]:
    """How probable it is that each pair's first text entails its second (0-1).

    Args:
        pairs: premise and hypothesis; a premise that is too long for the model is cut at its end.
        name: hub id, or folder.
        revision: commit or tag of a hub id.

    Raises:
        EngineError: the model cannot be loaded, has no such label, or fails.
    """
    model, tokenizer, label = _load(name, revision)
    order = sorted(range(len(pairs)), key=lambda at: len(pairs[at][0]) + len(pairs[at][1]))
    found = [0.0] * len(pairs)
    for start in range(0, len(order), _BATCH):
        part = order[start : start + _BATCH]
        asked = tokenizer(
            [pairs[at][0] for at in part],
            [pairs[at][1] for at in part],
            padding=True,
            truncation="only_first",
            return_tensors="pt",
        )
        try:
            with torch.inference_mode():
                shares = model(**asked).logits.float().softmax(-1)[:, label].tolist()
        except RuntimeError as error:
            raise EngineError(f"the model {name} failed on {len(part)} claims: {error}") from error
        for at, share in zip(part, shares, strict=True):
            found[at] = share
    return found


@lru_cache(maxsize=1)
def _load(name: str, revision: str) -> tuple[Any, Any, int]:
    """The model, its tokenizer, and the number of its label for entailment."""
    options: dict[str, Any] = {"trust_remote_code": False}
    folder = Path(name).expanduser()
    if folder.is_dir():
        options["local_files_only"] = True
    else:
        options["revision"] = revision
    place = str(folder) if folder.is_dir() else name
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(place, **options)
        model: Any = AutoModelForSequenceClassification.from_pretrained(place, **options)
    except Exception as error:  # a damaged file can raise anything
        raise EngineError(
            f"the model {name} cannot be loaded: {error}",
            code="model_load_failed",
            hint="is entailment_model in the profile's [checks] a hub id or a folder?",
        ) from error
    labels = {str(text).lower(): int(at) for at, text in model.config.id2label.items()}
    label = next((at for text, at in labels.items() if text.startswith(_LABEL)), None)
    if label is None:
        raise EngineError(
            f"the model {name} tells {', '.join(labels)}, and not entailment",
            code="model_load_failed",
            hint="name a model trained on natural language inference",
        )
    return model.eval(), tokenizer, label
