"""What carries a summary sentence, and whether it says no more than that.

Pure functions of their text. Strict on purpose: the article's own sentence can always stand in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import LCSseq

from worker.config.profile import CheckSettings
from worker.english.facts import (
    Token,
    modal_key,
    names,
    negation_key,
    number_list,
    token_content,
    words,
)
from worker.english.lexicon import (
    ATTRIBUTION_VERBS,
    FRONT_ADVERBS,
    FUNCTION_WORDS,
    bases,
    related,
)
from worker.english.loaded_words import loaded_words
from worker.english.model_talk import model_talk_in
from worker.english.quotation import is_balanced, quotations
from worker.english.sentence_view import SentenceView
from worker.records.reason import Reason
from worker.stages.check_result import CheckResult
from worker.stages.summarise.evidence import find_evidence
from worker.stages.summarise.who_did_what import SAYING, reversed_roles

__all__ = ["SupportResult", "check_summary_sentence", "check_title"]


@dataclass(frozen=True, slots=True)
class SupportResult:
    """What a check of a summary sentence found."""

    verdict: CheckResult
    evidence: tuple[int, ...]
    """Indexes of the article sentences that carry it best, best first, at most two."""


def _unknown_number(sentence: SentenceView, evidence: list[SentenceView]) -> str | None:
    known = {key for reading in evidence for key in number_list(reading.text)}
    return next((key for key in number_list(sentence.text) if key not in known), None)


def _unknown_name(sentence: SentenceView, evidence: list[SentenceView]) -> str | None:
    """A name that the evidence lacks, or names side by side that it never has in one name."""
    known = {key for reading in evidence for key in names(reading.text)}
    runs = [run for reading in evidence for run in _name_runs(reading)]
    known |= {part for run in runs for part in run}
    lower = {word for reading in evidence for word in reading.words}
    unsure = sentence.capitals[1]
    for key in names(sentence.text):
        # The first word may be no name at all.
        if key not in known and not (key in unsure and key.lower() in lower):
            return key
    for run in _name_runs(sentence):
        # `in` moves the iterator on, so that the words must come in their order.
        if len(run) > 1 and not any(all(part in left for part in run) for left in map(iter, runs)):
            return " ".join(run)
    return None


def _name_runs(reading: SentenceView) -> list[list[str]]:
    """The capitalised words that stand side by side."""
    runs: list[list[str]] = [[]]
    for token in reading.tokens:
        if token.capital and not (
            token.soft and token.text.lower() in FUNCTION_WORDS | FRONT_ADVERBS
        ):
            runs[-1] += [part for part in token.text.replace(".", "").split("-") if part]
        elif runs[-1]:
            runs.append([])
    return runs


def _unknown_quote(sentence: SentenceView, evidence: list[SentenceView]) -> str | None:
    """Quoted words that the evidence does not quote, or evidence that is half a quotation."""
    cut = next((reading for reading in evidence if not is_balanced(reading.text)), None)
    if cut is not None or not is_balanced(sentence.text):
        return "half a quotation"
    known = [f" {quote} " for reading in evidence for quote in quotations(reading.text.lower())]
    for quote in quotations(sentence.text.lower()):
        if not any(f" {quote} " in whole for whole in known):
            return quote
    return None


#: Reported speech shifts these: "he will", "he said he would".
_SHIFTED = {"would": "will", "could": "can", "might": "may"}


def _shifted_modal(token: Token) -> str:
    key = modal_key(token)
    return _SHIFTED.get(key, key)


def _unknown_governed(
    sentence: SentenceView, evidence: list[SentenceView], key: Callable[[Token], str]
) -> str | None:
    """A negation or modal that the evidence has not at this word, or has and the sentence not."""
    known: dict[str, set[str]] = {}
    for reading in evidence:
        governed = {word: name for name, word in reading.governed(key)}
        for word, _ in reading.content:
            for base in bases(word):
                known.setdefault(base, set()).add(governed.get(word, ""))
    governed = {word: name for name, word in sentence.governed(key)}
    for word, _ in sentence.content:
        found = set().union(*(known.get(base, set()) for base in bases(word)))
        name = governed.get(word, "")
        if (found or name) and name not in found:
            return f"{name} {word}".strip()
    return None


def _unknown_negation(sentence: SentenceView, evidence: list[SentenceView]) -> str | None:
    return _unknown_governed(sentence, evidence, negation_key)


def _unknown_modal(sentence: SentenceView, evidence: list[SentenceView]) -> str | None:
    return _unknown_governed(sentence, evidence, _shifted_modal)


def _missing_negation(sentence: SentenceView, evidence: list[SentenceView]) -> str | None:
    """A kind of negation that the evidence has nowhere."""
    known = {key for reading in evidence for key, _ in reading.governed(negation_key)}
    return next((key for key, _ in sentence.governed(negation_key) if key not in known), None)


#: What is planned, likely or alleged is no fact yet.
_UNSURE = frozenset(
    {"scheduled", "expected", "planned", "planning", "plans", "due", "likely", "unlikely"}
    | {"intends", "intended", "aims", "hopes", "wants", "wanted", "tries", "tried", "trying"}
    | {"attempted", "considering", "proposed", "possible", "possibly", "potential", "potentially"}
    | {"alleged", "allegedly", "reportedly", "apparently", "presumably", "probably", "suspected"}
    | {"supposedly", "seems", "seemed", "appears", "appeared", "refused", "failed", "almost"}
)


def _unsure_key(token: Token) -> str:
    lower = token.text.lower()
    return lower if lower in _UNSURE else ""


def _unknown_plan(sentence: SentenceView, evidence: list[SentenceView]) -> str | None:
    return _unknown_governed(sentence, evidence, _unsure_key)


_CLOSING = frozenset({")", "]", '"', "'"})


def _cut_off(sentence: SentenceView, evidence: list[SentenceView]) -> str | None:
    """An end in the middle of a phrase: "training with Lund" from "training with Lund's coach".

    Where the evidence goes on behind the sentence's last content word, it must go on with a mark
    or a function word.
    """
    last = sentence.content[-1][0] if sentence.content else ""
    following = [
        next((token for token in reading.tokens[at + 1 :] if token.text not in _CLOSING), None)
        for reading in evidence
        for word, at in reading.content
        if related(word, last)
    ]
    if following and all(token is not None and _goes_on(token) for token in following):
        return last
    return None


#: An end within a sentence: ``."`` where the article has ``,"``.
_INNER_END = re.compile(r"[.!?][\"')\]]*\s+[a-z]")


def _broken(sentence: SentenceView, evidence: list[SentenceView]) -> str | None:
    known = sum(len(_INNER_END.findall(reading.folded)) for reading in evidence)
    found = _INNER_END.findall(sentence.folded)
    return found[0] if len(found) > known else None


_ALSO = frozenset({"and", "or", "nor"})


def _half_named(sentence: SentenceView, evidence: list[SentenceView]) -> str | None:
    """A cut that leaves one of two out: "Lund opened it" from "Lund and his wife opened it".

    What is cut out of the middle may not begin with such a word, brackets aside, unless it ends at
    a mark.
    """
    before = [token.text.lower() for token in (evidence[0].tokens if evidence else ())]
    after = [token.text.lower() for token in sentence.tokens]
    for step in LCSseq.opcodes(before, after):
        goes_on = step.dest_end < len(after) and after[step.dest_end][0].isalnum()
        if step.tag != "delete" or not goes_on:
            continue
        gone = re.sub(r"\( [^()]* \)", " ", " ".join(before[step.src_start : step.src_end])).split()
        if gone and gone[0] in _ALSO and gone[-1][-1].isalnum():
            return " ".join(gone)
    return None


def _goes_on(token: Token) -> bool:
    return bool(token_content(token)) or token.text.lower() == "'s"


def _loaded(sentence: SentenceView, evidence: list[SentenceView]) -> str | None:
    known = {word for reading in evidence for word in reading.words}
    return next((word for word in loaded_words(sentence.text) if word not in known), None)


def _unattributed(sentence: SentenceView, evidence: list[SentenceView]) -> str | None:
    """What the article lets somebody say, said as a fact."""
    best = _attribution(evidence[0]) if evidence else None
    return best if best and not _attribution(sentence) else None


def _attribution(reading: SentenceView) -> str | None:
    return next((word for word in reading.words if word in SAYING or word == "according"), None)


def _untold(title: SentenceView, evidence: list[SentenceView]) -> str | None:
    """A saying of the evidence, where the title has none, as "Bridge unsafe: report" has."""
    return None if set(title.words) & ATTRIBUTION_VERBS else _unattributed(title, evidence)


def _other_subject(title: SentenceView, evidence: list[SentenceView]) -> str | None:
    """How a title begins that has not what its sentence begins with among its first two words.

    What the sentence begins with is its first content word, and all of the name that this is part
    of; behind the first comma once more, for a sentence may open with time and place.
    """
    begun: set[str] = set()
    for reading in evidence:
        comma = next((at for at, token in enumerate(reading.tokens) if token.text == ","), -1)
        for start in {0, comma + 1}:
            begun |= {base for word in _opening(reading, start) for base in bases(word)}
    first = [word for word, _ in title.content[:2]]
    if any(not begun.isdisjoint(bases(word)) for word in first):
        return None
    return " ".join(first) or title.text


def _opening(reading: SentenceView, start: int) -> list[str]:
    """The first content word from a token on, with the capitalised words right behind it."""
    opened: list[str] = []
    last = -1
    for word, at in reading.content:
        if at < start:
            continue
        if opened and not all(token.capital for token in reading.tokens[last + 1 : at + 1]):
            break
        opened.append(word)
        last = at
    return opened


def _unknown_content(sentence: SentenceView, evidence: list[SentenceView]) -> str | None:
    """A word with no relative in the evidence: in a long sentence one hardly lowers the share."""
    known = set().union(*(bases(word) for reading in evidence for word, _ in reading.content))
    return next((word for word, _ in sentence.content if known.isdisjoint(bases(word))), None)


_SUPPORT_STEPS: tuple[
    tuple[Reason, Callable[[SentenceView, list[SentenceView]], str | None]], ...
] = (
    (Reason.NUMBER_CHANGED, _unknown_number),
    (Reason.NAME_CHANGED, _unknown_name),
    (Reason.QUOTE_CHANGED, _unknown_quote),
    (Reason.NEGATION_CHANGED, _unknown_negation),
    (Reason.MODALITY_CHANGED, _unknown_modal),
    (Reason.MODALITY_CHANGED, _unknown_plan),
    (Reason.LOADED_WORD, _loaded),
    (Reason.NOT_SUPPORTED, _unknown_content),
    (Reason.NOT_SUPPORTED, reversed_roles),
    (Reason.NOT_SUPPORTED, _cut_off),
    (Reason.CONTENT_LOST, _half_named),
    (Reason.LAYOUT_CHANGED, _broken),
    (Reason.ATTRIBUTION_LOST, _unattributed),
)


def check_summary_sentence(
    sentence: str, article: Sequence[str], limits: CheckSettings
) -> SupportResult:
    """Which article sentences carry ``sentence``, and whether they do; the first refusal counts.

    1. a sentence of the article itself passes, unless it is half a quotation
    2. chatter: talk about the task, a new line, markup
    3. number_changed, 4. name_changed, 5. quote_changed: not in the evidence
    6. negation_changed, 7. modality_changed: a shared word is negated or hedged differently, or
       what is planned or likely is told as done
    8. loaded_word: a word of judgement that the evidence has not
    9. not_supported: a content word without a relative in the evidence; roles reversed
       round; the end cut off in the middle of a phrase; support under ``min_support``
    10. content_lost: one of two who do it is cut out; layout_changed: an end within the sentence
    11. attribution_lost: the best evidence lets somebody say it, the sentence does not

    Support is the mean of two shares: of the sentence's content words, word pairs and content
    pairs, how many the best article sentence holds, and how many the best two hold together.
    """
    reading = SentenceView(sentence)
    for at, candidate in enumerate(article):
        same = reading.words and words(candidate) == words(sentence)
        if same and is_balanced(sentence):
            return SupportResult(CheckResult(None, "", {"support": 1.0}), (at,))
    chosen, share = find_evidence(reading, article)
    scores = {"support": round(share, 4)}
    evidence = [SentenceView(article[at]) for at in chosen]
    whole = SentenceView(" ".join(article[at] for at in chosen))
    talk = model_talk_in(whole, reading)
    if talk is not None:
        return SupportResult(CheckResult(Reason.CHATTER, talk, scores), chosen)
    for reason, difference in _SUPPORT_STEPS:
        detail = difference(reading, evidence)
        if detail is not None:
            return SupportResult(CheckResult(reason, detail, scores), chosen)
    if share < limits.min_support:
        refusal = CheckResult(Reason.NOT_SUPPORTED, f"support {share:.2f}", scores)
        return SupportResult(refusal, chosen)
    return SupportResult(CheckResult(None, "", scores), chosen)


#: A title leaves out articles and auxiliaries and stands in the present, so that modality and
#: length are not compared; what it names must be there, and do what it does there.
_TITLE_STEPS: tuple[
    tuple[Reason, Callable[[SentenceView, list[SentenceView]], str | None]], ...
] = (
    (Reason.NUMBER_CHANGED, _unknown_number),
    (Reason.QUOTE_CHANGED, _unknown_quote),
    (Reason.NEGATION_CHANGED, _missing_negation),
    (Reason.LOADED_WORD, _loaded),
    (Reason.NOT_SUPPORTED, _unknown_content),
    (Reason.NAME_CHANGED, _unknown_name),
    (Reason.ATTRIBUTION_LOST, _untold),
    (Reason.NOT_SUPPORTED, reversed_roles),
    (Reason.NOT_SUPPORTED, _other_subject),
)


def check_title(title: str, sentences: Sequence[str]) -> CheckResult:
    """Whether one of the sentences it was written from says what a title says.

    number_changed, quote_changed, negation_changed, loaded_word; not_supported: a content word
    without a relative in the sentence; name_changed: a name in another form; attribution_lost: the
    sentence lets somebody say it, the title names no saying at all; not_supported: who did what is
    reversed_roles round, or the title has another subject. The first refusal counts.
    """
    reading = SentenceView(title)
    talk = model_talk_in(SentenceView(" ".join(sentences)), reading)
    if talk is not None:
        return CheckResult(Reason.CHATTER, talk, {})
    chosen, _ = find_evidence(reading, sentences, most=1)
    evidence = [SentenceView(sentences[at]) for at in chosen]
    for reason, difference in _TITLE_STEPS:
        detail = difference(reading, evidence)
        if detail is not None:
            return CheckResult(reason, detail, {})
    return CheckResult(None, "", {})
