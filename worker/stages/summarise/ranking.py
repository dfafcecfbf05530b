"""Stage 6, choose: the sentences that carry the story.

Centroid centrality (Radev et al. 2004, MEAD) with a bias to the lead, where news puts what
matters. Linear in the article's length, so the whole of a long article counts.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING

from worker.english.facts import content_words, fold, words
from worker.english.lexicon import ATTRIBUTION_VERBS, is_plain
from worker.english.loaded_words import loaded_words
from worker.english.model_talk import instruction_in
from worker.english.quotation import is_balanced, quotation_spans

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

__all__ = ["overlaps", "rank_sentences", "select"]

#: Weight of the position against centrality (0-1), and how fast it fades, in sentences. ROUGE-1 of
#: summaries, mean over four dev sets with the bonus below: 39.73 at .6 and .7, 39.71 at .8; of own
#: sentences alone 39.40 at .5, and fading over 2, 3, 4 and 6 sentences 39.39, 39.71, 39.70, 39.45.
_LEAD_WEIGHT = 0.7
_LEAD_SENTENCES = 3.0

#: Who says it matters in news: a sentence that names its source gets this much more. ROUGE-1 as
#: above: 39.63 at .05, 39.73 at .1, 39.44 at .15.
_ATTRIBUTION_BONUS = 0.1

#: Sentences that were found awkward, lean on one before them, or judge in their own voice.
_AWKWARD_PENALTY = 0.15
_LEANING_PENALTY = 0.1
_LOADED_PENALTY = 0.3

#: News does not speak to its reader, or of itself: promos, advice, orders to a model and pieces of
#: speech do. "US" is not "us", and "World War I" is nobody.
_ADDRESS_PENALTY = 0.3
_ADDRESS = re.compile(
    r"\b(?:(?i:you|your|yours|yourself)|[Mm][ey]|[Ww]e|[Oo]ur|us)\b"
    r"|(?:^(?:\w+ )?|[^\w\s]\s?|\b[a-z]\w*\s)I\b"
)

#: Shorter pieces are headings and exclamations; they carry no story of their own.
_LEAST_WORDS = 7

#: What a sentence of the story ends with; headings, bylines and time stamps do not.
_SENTENCE_ENDS = (".", "!", '."', ".\u201d", ".'", ".\u2019", ".)")
#: A teaser breaks off.
_BROKEN_OFF = ".."

#: A sentence that shares more of its content words with one already chosen says it again.
_MOST_OVERLAP = 0.6

#: Weight of the share of its content words that no chosen sentence has. ROUGE-1 of own sentences,
#: mean over four dev sets at 55 words: 39.76 without, 39.83 at .1, 39.88 at .2, 39.78 at .3.
_NOVELTY_WEIGHT = 0.2

#: For each name that no chosen sentence has, of two at most: who else has a part in the story.
#: ROUGE-1 of summaries, mean over four dev sets: 39.65 without, 39.72 at .06, 39.65 at .08.
_NAME_BONUS = 0.06
_MOST_NAMES = 2

#: First words that point back to another sentence.
_LEANING = frozenset(
    {"he", "she", "it", "they", "this", "that", "these", "those", "his", "her", "its", "their"}
    | {"however", "but", "also", "therefore", "then", "moreover", "meanwhile", "instead"}
)


def rank_sentences(
    sentences: Sequence[str], awkward: Collection[int] = (), unfit: Collection[int] = ()
) -> list[float]:
    """One score per sentence, higher is better; ``-inf`` for what should not be chosen at all.

    Args:
        sentences: the article's sentences in order.
        awkward: indexes of those that read badly.
        unfit: indexes of those that must not be chosen.
    """
    bags = [Counter(content_words(sentence)) for sentence in sentences]
    spread = Counter(word for bag in bags for word in bag)
    # Smoothed inverse sentence frequency: a word of every sentence says little about one.
    weight = {word: math.log(1 + len(bags) / seen) for word, seen in spread.items()}
    centroid: Counter[str] = Counter()
    for bag in bags:
        for word, times in bag.items():
            centroid[word] += times * weight[word]  # type: ignore[assignment]
    length = math.sqrt(sum(value * value for value in centroid.values())) or 1.0

    scores = []
    orders = [instruction_in(sentence) is not None for sentence in sentences]
    for at, (sentence, bag) in enumerate(zip(sentences, bags, strict=True)):
        # What stands right behind an order is most often what it wants to be said.
        ordered = any(orders[max(0, at - 1) : at + 1])
        if at in unfit or ordered or not _may_stand_alone(sentence):
            scores.append(-math.inf)
            continue
        own = math.sqrt(sum((times * weight[word]) ** 2 for word, times in bag.items())) or 1.0
        dot = sum(times * weight[word] * centroid[word] for word, times in bag.items())
        lead = math.exp(-at / _LEAD_SENTENCES)
        score = (1 - _LEAD_WEIGHT) * dot / (own * length) + _LEAD_WEIGHT * lead
        scores.append(score + _character(sentence) - _AWKWARD_PENALTY * (at in awkward))
    return scores


def _may_stand_alone(sentence: str) -> bool:
    long_enough = len(sentence.split()) >= _LEAST_WORDS
    ends = sentence.endswith(_SENTENCE_ENDS) and not sentence.endswith(_BROKEN_OFF)
    whole = ends and is_balanced(sentence)
    return long_enough and whole


def _character(sentence: str) -> float:
    found = [word.lower() for word in words(sentence)]
    attributed = not ATTRIBUTION_VERBS.isdisjoint(found) or "according" in found
    return (
        _ATTRIBUTION_BONUS * attributed
        - _LEANING_PENALTY * (found[0] in _LEANING)
        - _ADDRESS_PENALTY * _speaks_in_person(sentence)
        - _LOADED_PENALTY * bool(loaded_words(sentence))
    )


def _speaks_in_person(sentence: str) -> bool:
    folded = fold(sentence)
    spans = quotation_spans(sentence)
    return any(
        not any(start <= place.start() < end for start, end in spans)
        for place in _ADDRESS.finditer(folded)
    )


def select(
    sentences: Sequence[str],
    scores: Sequence[float],
    sizes: Sequence[int],
    *,
    budget: int,
    enough: int | None = None,
    said: Collection[int] = (),
) -> list[int]:
    """Indexes of the best sentences that fit, the best first, none said twice.

    Each is the best beside those chosen before it: what is not told yet counts as well (maximal
    marginal relevance, Carbonell and Goldstein 1998), and so does who has not been named or heard.

    Args:
        sentences: the article's sentences.
        scores: what ``rank_sentences`` said of them.
        sizes: their sizes, in the unit of ``budget``.
        budget: most that the chosen may come to.
        enough: stop as soon as they come to this much.
        said: indexes of what is told already: neither chosen nor said again.
    """
    bags = [frozenset(content_words(sentence)) for sentence in sentences]
    names = [_capitals(sentence) & bag for sentence, bag in zip(sentences, bags, strict=True)]
    speakers = [_speaker(sentence) & bag for sentence, bag in zip(sentences, bags, strict=True)]
    told = frozenset[str]().union(*(bags[at] for at in said))
    left = [
        at
        for at, score in enumerate(scores)
        if score > -math.inf and at not in said and not _says_again(bags[at], bags, said)
    ]

    def worth(at: int) -> tuple[float, int]:
        fresh = _NOVELTY_WEIGHT * (len(bags[at] - told) / (len(bags[at]) or 1))
        fresh += _NAME_BONUS * min(_MOST_NAMES, len(names[at] - told))
        # Who has been heard already is no further source.
        heard = bool(speakers[at]) and speakers[at] <= told
        return scores[at] + fresh - _ATTRIBUTION_BONUS * heard, -at

    chosen: list[int] = []
    used = 0
    while enough is None or used < enough:
        left = [at for at in left if used + sizes[at] <= budget]
        if not left:
            break
        best = max(left, key=worth)
        chosen.append(best)
        used += sizes[best]
        told |= bags[best]
        left = [at for at in left if at != best and not _says_again(bags[at], bags, (best,))]
    return chosen


def _capitals(sentence: str) -> frozenset[str]:
    """The words with a capital behind the first word, in lower case."""
    return frozenset(word.lower() for word in words(sentence)[1:] if word[0].isupper())


def _speaker(sentence: str) -> frozenset[str]:
    """The words with a capital in front of the first verb of saying, in lower case."""
    found = words(sentence)
    says = next((at for at, word in enumerate(found) if word.lower() in ATTRIBUTION_VERBS), 0)
    return frozenset(
        word.lower()
        for at, word in enumerate(found[:says])
        if word[0].isupper() and (at or not is_plain(word))
    )


def _says_again(bag: frozenset[str], bags: Sequence[frozenset[str]], others: Iterable[int]) -> bool:
    return any(_overlap(bag, bags[other]) > _MOST_OVERLAP for other in others)


def overlaps(one: str, other: str) -> bool:
    """Whether two sentences share so many of their content words that one says the other again."""
    shared = _overlap(frozenset(content_words(one)), frozenset(content_words(other)))
    return shared > _MOST_OVERLAP


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / (min(len(one), len(other)) or 1)
