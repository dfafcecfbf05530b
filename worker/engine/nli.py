"""Judges entailment with an optional classifier trained on natural language inference (NLI).

Works with any hub model that has an entailment label. SummaC (Laban et al. 2022) checks summaries
this way.
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

#: Pairs per forward pass; a summary has three or four.
_BATCH = 16

#: Prefix of the entailment label. Other labels are "neutral" and "contradiction", or
#: "not_entailment".
_LABEL_START = "entail"


def entailment_probabilities(
    pairs: Sequence[tuple[str, str]], *, name: str, revision: str
) -> list[float]:
    """Return the probability (0-1) that each pair's premise entails its hypothesis.

    Args:
        pairs: premises and hypotheses; a premise too long for the model is truncated.
        name: hub id or folder.
        revision: commit or tag, if ``name`` is a hub id.

    Raises:
        EngineError: the model cannot be loaded, has no entailment label, or fails.
    """
    model, tokenizer, entailment = _load(name, revision)
    order = sorted(range(len(pairs)), key=lambda index: sum(map(len, pairs[index])))
    probabilities = [0.0] * len(pairs)
    for start in range(0, len(order), _BATCH):
        batch = order[start : start + _BATCH]
        inputs = tokenizer(
            [pairs[index][0] for index in batch],
            [pairs[index][1] for index in batch],
            padding=True,
            truncation="only_first",
            return_tensors="pt",
        )
        try:
            with torch.inference_mode():
                scores = model(**inputs).logits.float().softmax(-1)[:, entailment].tolist()
        except RuntimeError as error:
            raise EngineError(f"the model {name} failed on {len(batch)} claims: {error}") from error
        for index, score in zip(batch, scores, strict=True):
            probabilities[index] = score
    return probabilities


@lru_cache(maxsize=1)
def _load(name: str, revision: str) -> tuple[Any, Any, int]:
    """Load the model and its tokenizer, and find the index of its entailment label."""
    options: dict[str, Any] = {"trust_remote_code": False}
    folder = Path(name).expanduser()
    if folder.is_dir():
        options["local_files_only"] = True
    else:
        options["revision"] = revision
    source = str(folder) if folder.is_dir() else name
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(source, **options)
        model: Any = AutoModelForSequenceClassification.from_pretrained(source, **options)
    except Exception as error:  # a damaged file can raise anything
        raise EngineError(
            f"the model {name} cannot be loaded: {error}",
            code="model_load_failed",
            hint="is entailment_model in the profile's [checks] a hub id or a folder?",
        ) from error
    labels = {str(label).lower(): int(index) for index, label in model.config.id2label.items()}
    entailment = next((labels[label] for label in labels if label.startswith(_LABEL_START)), None)
    if entailment is None:
        raise EngineError(
            f"the model {name} has the labels {', '.join(labels)}, none of them for entailment",
            code="model_load_failed",
            hint="name a model trained on natural language inference",
        )
    return model.eval(), tokenizer, entailment
