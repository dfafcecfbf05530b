"""What differs between a sentence and a proposal, fact by fact.

Each function returns what differs, or ``None``. ``worker.stages.repair.fidelity`` says which
differences refuse a proposal.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from itertools import pairwise

from worker.english.facts import (
    Token,
    modal_key,
    negation_key,
    number_list,
    numbers,
    token_content,
)
from worker.english.lexicon import (
    ATTRIBUTION_VERBS,
    FRONT_ADVERBS,
    FUNCTION_WORDS,
    GUARDED_WORDS,
    HEDGES,
    MONTHS,
    PERSONS,
    WEEKDAYS,
    are_related,
    is_plain,
)
from worker.english.quotation import quotations
from worker.english.sentence_end import ends_sentence
from worker.english.sentence_view import SentenceView, pair_related_words
from worker.english.spelling import is_word

__all__ = [
    "added_content",
    "added_word",
    "counted_difference",
    "guarded_difference",
    "layout_difference",
    "lost_content",
    "lost_word",
    "missing_boundary",
    "modal_count_difference",
    "modality_difference",
    "name_difference",
    "name_difference_beyond_case",
    "negation_count_difference",
    "negation_difference",
    "number_difference",
    "person_difference",
    "question_difference",
    "quote_difference",
]

#: Guarded words that a rewrite may lose or gain: rough copy has them for other prepositions
#: ("delayed on seven months", "up to 10 tons"), and the judge of meaning counts them.
_LOOSE_WORDS = frozenset({"by", "down", "off", "out", "over", "per", "up"})

_YEAR = re.compile(r"[12]\d{3}")

_QUANTITY_SIGNS = frozenset("$\u20ac\u00a3\u00a5\u20b9\u20bd\u00a2\u00b0\u00b1+=")


def missing_boundary(source: SentenceView, proposal: SentenceView) -> str | None:
    """Report an empty proposal, a lost first capital, or a lost end mark."""
    if not proposal.words:
        return "empty"
    before, after = (side.folded.lstrip("\"'([ ") for side in (source, proposal))
    if before[:1].isupper() and after[:1].islower():
        return "no capital"
    had_end, has_end = (ends_sentence(side.folded) for side in (source, proposal))
    return "no end" if had_end and not has_end else None


_LIST_MARK = re.compile(r"\s*(?:[-*\u2022\u00b7\u2013]|\(?\w{1,2}[.)])\s")
#: Marks at the end of a line that lead on to the next line.
_OPEN_ENDS = (";", ":", ",")


def layout_difference(source: SentenceView, proposal: SentenceView) -> str | None:
    """Compare list marks, markup, brackets, and a semicolon, colon or comma at the end."""
    return _difference(_layout(source.folded), _layout(proposal.folded))


def _layout(text: str) -> Counter[str]:
    layout = Counter(re.findall(r"[*_#\[\]<>()]", text))
    layout["list mark"] = _LIST_MARK.match(text) is not None
    layout["end " + text.rstrip()[-1:]] = text.rstrip().endswith(_OPEN_ENDS)
    return +layout


def _difference(source: Counter[str], proposal: Counter[str]) -> str | None:
    """Return the keys that differ as ``-lost +added``."""
    if source == proposal:
        return None
    lost, added = source - proposal, proposal - source
    return " ".join([f"-{key}" for key in lost] + [f"+{key}" for key in added])


def number_difference(source: SentenceView, proposal: SentenceView) -> str | None:
    """Compare numbers and their order, digits as written, signs, and words such as "about"."""
    sides = (source, proposal)
    listed = [number_list(side.text) for side in sides]
    digits = [Counter(re.findall(r"\d+", side.folded)) for side in sides]
    signs = [Counter(sign for sign in side.folded if sign in _QUANTITY_SIGNS) for side in sides]
    hedges = [Counter(_hedged_numbers(side)) for side in sides]
    return (
        _difference(*map(Counter, listed))
        or _difference(*digits)
        or _difference(*signs)
        or _difference(*hedges)
        or (None if listed[0] == listed[1] else "order of numbers")
    )


def counted_difference(source: SentenceView, proposal: SentenceView) -> str | None:
    """Compare what each number counts: "25% more ships" is not "25% of ships"."""
    for before, after in zip(_counted_words(source), _counted_words(proposal), strict=False):
        if before and after and not are_related(before, after):
            return f"number of {before} / {after}"
    return None


def _counted_words(side: SentenceView) -> list[str]:
    """Return the next content or guarded word after each number; empty if a mark comes first."""
    counted: list[str] = []
    waiting = 0
    for token in side.tokens:
        lower = token.text.lower()
        candidates = (*token_content(token), *({lower} & GUARDED_WORDS))
        if candidates or not (token.text[0].isalnum() or token.text in "%-"):
            counted += [next(iter(candidates), "")] * waiting
            waiting = 0
        waiting += token.text[0].isdigit()
    return counted + [""] * waiting


def _hedged_numbers(side: SentenceView) -> list[str]:
    lower = [token.text.lower() for token in side.tokens]
    return [
        f"{hedge} {token}"
        for hedge, token in pairwise(lower)
        if hedge in HEDGES and hedge != "to" and (token[0].isdigit() or numbers(token))
    ]


def name_difference(source: SentenceView, proposal: SentenceView) -> str | None:
    """Compare capitalised words and their order.

    A plain first word may gain or lose its capital by moving. Any other word must be capitalised
    equally often in both texts, unless its lower-case form in the source shows that it is not a
    name.
    """
    sure_before, unsure_before, order_before = source.capitals
    sure_after, unsure_after, order_after = proposal.capitals
    for word in dict.fromkeys([*order_before, *order_after]):
        before = sure_before[word] + unsure_before[word]
        after = sure_after[word] + unsure_after[word]
        if before == after:
            continue
        if is_plain(word) and word != "I":
            if sure_after[word] > before or sure_before[word] > after:
                return f"{'+' if after > before else '-'}{word}"
        elif after > before:
            is_known = any(are_related(word.lower(), plain) for plain in source.lower_case)
            if after - before > unsure_after[word] or not is_known:
                return f"+{word}"
        elif before - after > unsure_before[word] or not source.lower_case[word.lower()]:
            return f"-{word}"
    movable = MONTHS | WEEKDAYS | FUNCTION_WORDS | FRONT_ADVERBS
    unchanged = {
        word for word, count in Counter(order_before).items() if order_after.count(word) == count
    }
    names_before, names_after = (
        [word for word in order if word in unchanged and word.lower() not in movable]
        for order in (order_before, order_after)
    )
    return None if names_before == names_after else "order of names"


_LETTERS = re.compile(r"[^\W\d_]+")


def name_difference_beyond_case(source: SentenceView, proposal: SentenceView) -> str | None:
    """Compare names, after giving the proposal's words the case that they have in the source."""
    soft = {token.text.lower() for token in source.tokens if token.soft and token.capital}
    written = set(_LETTERS.findall(source.folded))

    def as_in_source(match: re.Match[str]) -> str:
        word, lower = match[0], match[0].lower()
        if lower in FUNCTION_WORDS or word in written:
            return word
        if word != lower:
            return lower if source.lower_case[lower] else word
        # The source's first word has a capital that another place does not need.
        return lower.capitalize() if lower in soft and is_word(lower) else word

    levelled = _LETTERS.sub(as_in_source, proposal.folded)
    return name_difference(source, SentenceView(levelled))


def quote_difference(source: SentenceView, proposal: SentenceView) -> str | None:
    """Compare the words of each quotation, ignoring case and the kind of quotation mark."""
    before, after = (quotations(side.text.lower()) for side in (source, proposal))
    if before == after:
        return None
    changed = [quote for quote in after if quote not in before]
    return changed[0] if changed else f"{len(before)} quotations became {len(after)}"


def _governed_difference(
    source: SentenceView, proposal: SentenceView, key: Callable[[Token], str]
) -> str | None:
    """Compare negations or modals, each with the content word that it governs."""
    before, after = source.governed(key), proposal.governed(key)
    count_difference = _difference(
        Counter(name for name, _ in before), Counter(name for name, _ in after)
    )
    if count_difference:
        return count_difference
    for (name, word), (new_name, new_word) in zip(before, after, strict=True):
        if name != new_name or not are_related(word, new_word):
            return f"{name} {word} / {new_name} {new_word}"
    return None


def negation_difference(source: SentenceView, proposal: SentenceView) -> str | None:
    """Compare the negations, each with the word that it governs."""
    return _governed_difference(source, proposal, negation_key)


def modality_difference(source: SentenceView, proposal: SentenceView) -> str | None:
    """Compare the modals, each with the word that it governs, and the question marks."""
    return question_difference(source, proposal) or _governed_difference(
        source, proposal, modal_key
    )


def question_difference(source: SentenceView, proposal: SentenceView) -> str | None:
    """Compare the question marks."""
    return None if source.folded.count("?") == proposal.folded.count("?") else "question"


def negation_count_difference(source: SentenceView, proposal: SentenceView) -> str | None:
    """Compare how often each negation occurs, whatever it governs."""
    return _difference(*(_count_keys(side, negation_key) for side in (source, proposal)))


def modal_count_difference(source: SentenceView, proposal: SentenceView) -> str | None:
    """Compare how often each modal occurs, whatever it governs."""
    return _difference(*(_count_keys(side, modal_key) for side in (source, proposal)))


def _count_keys(side: SentenceView, key: Callable[[Token], str]) -> Counter[str]:
    return Counter(name for name in map(key, side.tokens) if name)


#: Distances in content words within which a repeated word may be dropped: a doubled word, and an
#: attribution made twice ("reportedly ... the report said"). Farther apart, both words may be
#: needed: "the former head of the former ministry".
_DOUBLE_REACH, _ATTRIBUTION_REACH = 1, 8


def lost_content(source: SentenceView, proposal: SentenceView) -> str | None:
    """Return a content or guarded word that is lost, or the persons if a pronoun's differs."""
    lost = lost_word(source, proposal)
    if lost is None:
        lost = next(iter(_guarded_words(source) - _guarded_words(proposal)), None)
    return person_difference(source, proposal) if lost is None else lost


def lost_word(source: SentenceView, proposal: SentenceView) -> str | None:
    """Return a content word that is lost, unless it stands there twice."""
    kept = {index for index, _ in pair_related_words(source, proposal)}
    for index, (word, _) in enumerate(source.content):
        if index in kept or _names_its_kind(source, index):
            continue
        reach = _ATTRIBUTION_REACH if _is_attribution(word) else _DOUBLE_REACH
        nearby = range(max(0, index - reach), index + reach + 1)
        if not any(
            neighbour in kept and are_related(word, source.content[neighbour][0])
            for neighbour in nearby
        ):
            return word
    return None


def person_difference(source: SentenceView, proposal: SentenceView) -> str | None:
    """Compare the persons of the pronouns, in order."""
    before, after = _pronoun_persons(source), _pronoun_persons(proposal)
    return None if before == after else f"persons {' '.join(before)} / {' '.join(after)}"


def _names_its_kind(side: SentenceView, index: int) -> bool:
    """Return whether the content word only says what follows: "month of May", "year 1931"."""
    word, place = side.content[index]
    following = [token.text for token in side.tokens[place + 1 : place + 3] if token.text != "of"]
    if not following:
        return False
    return (word == "month" and following[0].lower() in MONTHS) or (
        word == "year" and _YEAR.fullmatch(following[0]) is not None
    )


def _is_attribution(word: str) -> bool:
    return any(are_related(word, verb) for verb in ATTRIBUTION_VERBS)


def added_content(source: SentenceView, proposal: SentenceView) -> str | None:
    """Return a content or guarded word that the source lacks."""
    added = added_word(source, proposal)
    if added is None:
        added = next(iter(_guarded_words(proposal) - _guarded_words(source)), None)
    return added


def added_word(source: SentenceView, proposal: SentenceView) -> str | None:
    """Return a content word that the source lacks."""
    kept = {index for _, index in pair_related_words(source, proposal)}
    content = enumerate(proposal.content)
    return next((word for index, (word, _) in content if index not in kept), None)


def guarded_difference(source: SentenceView, proposal: SentenceView) -> str | None:
    """Compare the guarded words, except those that rough copy has for other prepositions."""
    before, after = (
        Counter(
            {
                word: count
                for word, count in _guarded_words(side).items()
                if word not in _LOOSE_WORDS
            }
        )
        for side in (source, proposal)
    )
    return _difference(before, after)


def _guarded_words(side: SentenceView) -> Counter[str]:
    return Counter(word for word in side.words if word in GUARDED_WORDS)


def _pronoun_persons(side: SentenceView) -> list[str]:
    """Return the persons of the pronouns in order; any difference can change who acts on whom."""
    return [PERSONS[word] for word in side.words if word in PERSONS]
