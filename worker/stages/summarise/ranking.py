"""Stage 6, choose: ranks sentences by how much of the story they carry.

Uses centroid centrality (Radev et al. 2004, MEAD) with a bias to the lead, where news puts what
matters. The time is linear in the article's length, so even a long article is ranked in full.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING

from worker.english.facts import content_words, fold_typography, words
from worker.english.lexicon import ATTRIBUTION_VERBS, is_plain
from worker.english.loaded_words import find_loaded_words
from worker.english.model_talk import find_instruction
from worker.english.quotation import is_balanced, quotation_spans
from worker.english.sentence_end import strip_closing_marks

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

__all__ = ["is_repetition", "rank_sentences", "select_sentences"]

#: Weight of the position against centrality (0-1), and decay of that weight in sentences. ROUGE-1
#: over four dev sets: summaries have 39.73 at .6 and .7, and 39.71 at .8; extracts have 39.40 at
#: .5, and 39.39, 39.71, 39.70 and 39.45 for a decay of 2, 3, 4 and 6 sentences.
_LEAD_WEIGHT = 0.7
_LEAD_DECAY = 3.0

#: Bonus for a sentence that names its source, as news should. ROUGE-1 as above: 39.63 at .05, 39.73
#: at .1, 39.44 at .15.
_ATTRIBUTION_BONUS = 0.1

#: Penalties for a sentence that reads badly, refers back to another sentence, or uses loaded words
#: in its own voice.
_AWKWARD_PENALTY = 0.15
_BACK_REFERENCE_PENALTY = 0.1
_LOADED_PENALTY = 0.3

#: Penalty for a sentence in the first or second person: promos, advice, instructions to a model and
#: pieces of speech. News does not address its reader. "US" and "World War I" do not count.
_ADDRESS_PENALTY = 0.3
_ADDRESS = re.compile(
    r"\b(?:(?i:you|your|yours|yourself)|[Mm][ey]|[Ww]e|[Oo]ur|us)\b"
    r"|(?:^(?:\w+ )?|[^\w\s]\s?|\b[a-z]\w*\s)I\b"
)

#: Shorter sentences are headings and exclamations.
_MIN_WORDS = 7

#: Headings, bylines and time stamps lack these marks. A question mark is left out: a question is
#: not a summary.
_END_MARKS = (".", "!")
#: Teasers break off with an ellipsis, and notes to the reader are set in emphasis.
_TEASER_OR_NOTE_ENDS = ("..", "*", "_")

#: A sentence repeats another if both share more than this part of their content words (0-1).
_MAX_OVERLAP = 0.6

#: Weight of the share of content words that no chosen sentence has. Mean ROUGE-1 of extracts over
#: four dev sets at 55 words: 39.76 without it, 39.83 at .1, 39.88 at .2, 39.78 at .3.
_NOVELTY_WEIGHT = 0.2

#: Bonus for each name that no chosen sentence has, up to two names. Mean ROUGE-1 of summaries over
#: four dev sets: 39.65 without it, 39.72 at .06, 39.65 at .08.
_NAME_BONUS = 0.06
_MAX_NEW_NAMES = 2

#: First words that refer back to another sentence.
_BACK_REFERENCES = frozenset(
    {"he", "she", "it", "they", "this", "that", "these", "those", "his", "her", "its", "their"}
    | {"however", "but", "also", "therefore", "then", "moreover", "meanwhile", "instead"}
)


def rank_sentences(
    sentences: Sequence[str], awkward: Collection[int] = (), unfit: Collection[int] = ()
) -> list[float]:
    """Return one score per sentence: higher is better, ``-inf`` if it must not be chosen.

    Args:
        sentences: the article's sentences in order.
        awkward: indexes of sentences that read badly.
        unfit: indexes of sentences that must not be chosen.
    """
    bags = [Counter(content_words(sentence)) for sentence in sentences]
    centrality = _centrality_scores(bags)
    instructs = [find_instruction(sentence) is not None for sentence in sentences]
    scores = []
    for index, sentence in enumerate(sentences):
        # The sentence after an instruction is most often what the model is told to say.
        is_instructed = any(instructs[max(0, index - 1) : index + 1])
        if index in unfit or is_instructed or not _may_stand_alone(sentence):
            scores.append(-math.inf)
            continue
        lead = math.exp(-index / _LEAD_DECAY)
        score = centrality[index] + _LEAD_WEIGHT * lead
        scores.append(score + _style_score(sentence) - _AWKWARD_PENALTY * (index in awkward))
    return scores


def _centrality_scores(bags: Sequence[Counter[str]]) -> list[float]:
    """Return each sentence's cosine with the article's centroid, weighted for the score."""
    spread = Counter(word for bag in bags for word in bag)
    # Smoothed inverse sentence frequency: a word in every sentence says little about any sentence.
    weight = {word: math.log(1 + len(bags) / count) for word, count in spread.items()}
    centroid: Counter[str] = Counter()
    for bag in bags:
        for word, count in bag.items():
            centroid[word] += count * weight[word]  # type: ignore[assignment]
    centroid_norm = math.sqrt(sum(value * value for value in centroid.values())) or 1.0
    scores = []
    for bag in bags:
        norm = math.sqrt(sum((count * weight[word]) ** 2 for word, count in bag.items())) or 1.0
        dot = sum(count * weight[word] * centroid[word] for word, count in bag.items())
        scores.append((1 - _LEAD_WEIGHT) * dot / (norm * centroid_norm))
    return scores


def _may_stand_alone(sentence: str) -> bool:
    is_long_enough = len(sentence.split()) >= _MIN_WORDS
    has_end = strip_closing_marks(sentence).endswith(_END_MARKS)
    is_ended = has_end and not sentence.endswith(_TEASER_OR_NOTE_ENDS)
    return is_long_enough and is_ended and is_balanced(sentence)


def _style_score(sentence: str) -> float:
    lower = [word.lower() for word in words(sentence)]
    is_attributed = not ATTRIBUTION_VERBS.isdisjoint(lower) or "according" in lower
    return (
        _ATTRIBUTION_BONUS * is_attributed
        - _BACK_REFERENCE_PENALTY * (lower[0] in _BACK_REFERENCES)
        - _ADDRESS_PENALTY * _speaks_in_person(sentence)
        - _LOADED_PENALTY * bool(find_loaded_words(sentence))
    )


def _speaks_in_person(sentence: str) -> bool:
    """Return whether the sentence says "I", "we" or "you" outside its quotations."""
    folded = fold_typography(sentence)
    spans = quotation_spans(sentence)
    return any(
        not any(start <= match.start() < end for start, end in spans)
        for match in _ADDRESS.finditer(folded)
    )


def select_sentences(
    sentences: Sequence[str],
    scores: Sequence[float],
    sizes: Sequence[int],
    *,
    budget: int,
    target: int | None = None,
    covered: Collection[int] = (),
) -> list[int]:
    """Return the indexes of the best sentences that fit, best first, without repetitions.

    A sentence also scores for what it adds to the sentences already chosen (maximal marginal
    relevance, Carbonell and Goldstein 1998): new content words, new names and a new speaker.

    Args:
        sentences: the article's sentences.
        scores: their scores by ``rank_sentences``.
        sizes: their sizes, in the unit of ``budget``.
        budget: maximum total size of the chosen sentences.
        target: stop as soon as the chosen sentences reach this size.
        covered: indexes of sentences that are already in the summary and must be neither chosen nor
            repeated.
    """
    bags = [frozenset(content_words(sentence)) for sentence in sentences]
    names = [_capitals(sentence) & bag for sentence, bag in zip(sentences, bags, strict=True)]
    speakers = [_speaker(sentence) & bag for sentence, bag in zip(sentences, bags, strict=True)]
    covered_words = frozenset[str]().union(*(bags[index] for index in covered))
    remaining = [
        index
        for index, score in enumerate(scores)
        if score > -math.inf
        and index not in covered
        and not _repeats_any(bags[index], bags, covered)
    ]

    def marginal_score(index: int) -> tuple[float, int]:
        bag = bags[index]
        novelty = _NOVELTY_WEIGHT * (len(bag - covered_words) / (len(bag) or 1))
        novelty += _NAME_BONUS * min(_MAX_NEW_NAMES, len(names[index] - covered_words))
        # A speaker who is already in the summary is not a new source.
        is_heard = bool(speakers[index]) and speakers[index] <= covered_words
        return scores[index] + novelty - _ATTRIBUTION_BONUS * is_heard, -index

    chosen: list[int] = []
    used = 0
    while target is None or used < target:
        remaining = [index for index in remaining if used + sizes[index] <= budget]
        if not remaining:
            break
        best = max(remaining, key=marginal_score)
        chosen.append(best)
        used += sizes[best]
        covered_words |= bags[best]
        remaining = [
            index
            for index in remaining
            if index != best and not _repeats_any(bags[index], bags, (best,))
        ]
    return chosen


def _capitals(sentence: str) -> frozenset[str]:
    """Return the capitalised words after the first word, in lower case."""
    return frozenset(word.lower() for word in words(sentence)[1:] if word[0].isupper())


def _speaker(sentence: str) -> frozenset[str]:
    """Return the capitalised words before the first attribution verb, in lower case."""
    all_words = words(sentence)
    verb_index = next(
        (index for index, word in enumerate(all_words) if word.lower() in ATTRIBUTION_VERBS), 0
    )
    return frozenset(
        word.lower()
        for index, word in enumerate(all_words[:verb_index])
        if word[0].isupper() and (index or not is_plain(word))
    )


def _repeats_any(
    bag: frozenset[str], bags: Sequence[frozenset[str]], indexes: Iterable[int]
) -> bool:
    return any(_overlap(bag, bags[index]) > _MAX_OVERLAP for index in indexes)


def is_repetition(first: str, second: str) -> bool:
    """Return whether two sentences share so many content words that one repeats the other."""
    shared = _overlap(frozenset(content_words(first)), frozenset(content_words(second)))
    return shared > _MAX_OVERLAP


def _overlap(first: frozenset[str], second: frozenset[str]) -> float:
    return len(first & second) / (min(len(first), len(second)) or 1)
