"""Whether a text is English: the first question, since all stages after it assume so."""

from __future__ import annotations

from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

__all__ = ["is_english"]

#: The identifier reads this much; more does not change its mind and costs time.
_READ_CHARS = 2_000

#: Shorter texts are taken for English: there is too little to go by.
_LEAST_CHARS = 60

#: Probability of English below which a text counts as another language. Measured: the least
#: of 1,500 translated news articles is .98, of 1,270 single sentences all but 0.5 % are over
#: .01 (the rest are lists of foreign names); sentences in five other languages are under 1e-6.
_LEAST_PROBABILITY = 0.01


@cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def is_english(text: str) -> bool:
    """Whether the beginning of ``text`` reads as English; very short texts pass."""
    sample = text[:_READ_CHARS]
    if len(sample.strip()) < _LEAST_CHARS:
        return True
    ranked = dict(_identifier().rank(sample))
    return float(ranked["en"]) >= _LEAST_PROBABILITY
