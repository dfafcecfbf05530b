"""Stage 8, check: decides whether article sentences support a summary sentence or a title.

The functions are pure. The rules are strict on purpose, because a sentence from the article can
always replace a refused sentence.
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
    are_related,
    base_forms,
)
from worker.english.loaded_words import find_loaded_words
from worker.english.model_talk import find_model_talk
from worker.english.quotation import is_balanced, quotations
from worker.english.sentence_end import SENTENCE_END
from worker.english.sentence_view import SentenceView
from worker.records.reason import Reason
from worker.stages.check_result import CheckResult
from worker.stages.summarise.evidence import find_evidence
from worker.stages.summarise.who_did_what import FINITE_ATTRIBUTION_VERBS, reversed_roles

__all__ = ["SupportResult", "check_summary_sentence", "check_title"]

#: A rule takes a sentence and its evidence, and returns what differs, or None.
_Rule = Callable[[SentenceView, list[SentenceView]], str | None]


@dataclass(frozen=True, slots=True)
class SupportResult:
    """The result of checking a summary sentence."""

    check: CheckResult
    evidence: tuple[int, ...]
    """Indexes of the article sentences, at most two, that best support the sentence, best first."""


def _unknown_number(sentence: SentenceView, evidence: list[SentenceView]) -> str | None:
    known = {key for view in evidence for key in number_list(view.text)}
    return next((key for key in number_list(sentence.text) if key not in known), None)


def _unknown_name(sentence: SentenceView, evidence: list[SentenceView]) -> str | None:
    """Return a name that the evidence lacks, or adjacent names that the evidence never joins."""
    known = {key for view in evidence for key in names(view.text)}
    runs = [run for view in evidence for run in _name_runs(view)]
    known |= {part for run in runs for part in run}
    lower = {word for view in evidence for word in view.words}
    unsure = sentence.capitals[1]
    for key in names(sentence.text):
        # The first word may not be a name.
        if key not in known and not (key in unsure and key.lower() in lower):
            return key
    for run in _name_runs(sentence):
        # `in` advances the iterator, so the parts must occur in order.
        if len(run) > 1 and not any(all(part in rest for part in run) for rest in map(iter, runs)):
            return " ".join(run)
    return None


def _name_runs(view: SentenceView) -> list[list[str]]:
    """Return the runs of adjacent capitalised words."""
    runs: list[list[str]] = [[]]
    for token in view.tokens:
        if token.capital and not (
            token.soft and token.text.lower() in FUNCTION_WORDS | FRONT_ADVERBS
        ):
            runs[-1] += [part for part in token.text.replace(".", "").split("-") if part]
        elif runs[-1]:
            runs.append([])
    return runs


def _unknown_quote(sentence: SentenceView, evidence: list[SentenceView]) -> str | None:
    """Return quoted words that the evidence does not quote; half a quotation is always refused."""
    if not all(is_balanced(view.text) for view in (*evidence, sentence)):
        return "half a quotation"
    known = [f" {quote} " for view in evidence for quote in quotations(view.text.lower())]
    for quote in quotations(sentence.text.lower()):
        if not any(f" {quote} " in known_quote for known_quote in known):
            return quote
    return None


#: Modal verbs that reported speech shifts: "he will" becomes "he said he would".
_SHIFTED = {"would": "will", "could": "can", "might": "may"}


def _unshifted_modal_key(token: Token) -> str:
    key = modal_key(token)
    return _SHIFTED.get(key, key)


def _changed_key(
    sentence: SentenceView, evidence: list[SentenceView], key: Callable[[Token], str]
) -> str | None:
    """Return a shared word whose key, such as a negation, differs from its keys in the evidence."""
    known: dict[str, set[str]] = {}
    for view in evidence:
        governed = {word: name for name, word in view.governed(key)}
        for word, _ in view.content:
            for base in base_forms(word):
                known.setdefault(base, set()).add(governed.get(word, ""))
    governed = {word: name for name, word in sentence.governed(key)}
    for word, _ in sentence.content:
        known_names = set().union(*(known.get(base, set()) for base in base_forms(word)))
        name = governed.get(word, "")
        if (known_names or name) and name not in known_names:
            return f"{name} {word}".strip()
    return None


def _changed_negation(sentence: SentenceView, evidence: list[SentenceView]) -> str | None:
    return _changed_key(sentence, evidence, negation_key)


def _changed_modal(sentence: SentenceView, evidence: list[SentenceView]) -> str | None:
    return _changed_key(sentence, evidence, _unshifted_modal_key)


def _unknown_negation(sentence: SentenceView, evidence: list[SentenceView]) -> str | None:
    """Return a negation that occurs nowhere in the evidence."""
    known = {key for view in evidence for key, _ in view.governed(negation_key)}
    return next((key for key, _ in sentence.governed(negation_key) if key not in known), None)


#: Words for what is planned, likely or alleged, and so not yet a fact.
_UNCERTAIN_WORDS = frozenset(
    {"scheduled", "expected", "planned", "planning", "plans", "due", "likely", "unlikely"}
    | {"intends", "intended", "aims", "hopes", "wants", "wanted", "tries", "tried", "trying"}
    | {"attempted", "considering", "proposed", "possible", "possibly", "potential", "potentially"}
    | {"alleged", "allegedly", "reportedly", "apparently", "presumably", "probably", "suspected"}
    | {"supposedly", "seems", "seemed", "appears", "appeared", "refused", "failed", "almost"}
)


def _uncertainty_key(token: Token) -> str:
    lower = token.text.lower()
    return lower if lower in _UNCERTAIN_WORDS else ""


def _changed_certainty(sentence: SentenceView, evidence: list[SentenceView]) -> str | None:
    return _changed_key(sentence, evidence, _uncertainty_key)


_CLOSING_MARKS = frozenset({")", "]", '"', "'"})


def _cut_phrase(sentence: SentenceView, evidence: list[SentenceView]) -> str | None:
    """Return the last content word if it cuts a phrase short: "with Lund" from "with Lund's coach".

    After that word, the evidence must continue with a punctuation mark or a function word, or end.
    """
    last = sentence.content[-1][0] if sentence.content else ""
    following = [
        next(
            (token for token in view.tokens[index + 1 :] if token.text not in _CLOSING_MARKS), None
        )
        for view in evidence
        for word, index in view.content
        if are_related(word, last)
    ]
    if following and all(token is not None and _continues_phrase(token) for token in following):
        return last
    return None


def _continues_phrase(token: Token) -> bool:
    return bool(token_content(token)) or token.text.lower() == "'s"


#: A sentence end inside a sentence: ``."`` where the article has ``,"``.
_INNER_END = re.compile(SENTENCE_END + r"\s+[a-z]")


def _added_inner_end(sentence: SentenceView, evidence: list[SentenceView]) -> str | None:
    known = sum(len(_INNER_END.findall(view.folded)) for view in evidence)
    ends = _INNER_END.findall(sentence.folded)
    return ends[0] if len(ends) > known else None


_CONJUNCTIONS = frozenset({"and", "or", "nor"})


def _lost_conjunct(sentence: SentenceView, evidence: list[SentenceView]) -> str | None:
    """Return a conjunct that was cut: "Lund opened it" from "Lund and his wife opened it".

    Such a cut lies in the middle of the sentence and, apart from text in brackets, begins with a
    conjunction and ends with a word.
    """
    before = [token.text.lower() for token in (evidence[0].tokens if evidence else ())]
    after = [token.text.lower() for token in sentence.tokens]
    for step in LCSseq.opcodes(before, after):
        is_inner = step.dest_end < len(after) and after[step.dest_end][0].isalnum()
        if step.tag != "delete" or not is_inner:
            continue
        cut = " ".join(before[step.src_start : step.src_end])
        cut_words = re.sub(r"\( [^()]* \)", " ", cut).split()
        if cut_words and cut_words[0] in _CONJUNCTIONS and cut_words[-1][-1].isalnum():
            return " ".join(cut_words)
    return None


def _unknown_loaded_word(sentence: SentenceView, evidence: list[SentenceView]) -> str | None:
    known = {word for view in evidence for word in view.words}
    return next((word for word in find_loaded_words(sentence.text) if word not in known), None)


def _lost_attribution(sentence: SentenceView, evidence: list[SentenceView]) -> str | None:
    """Return the best evidence's attribution if the sentence states the claim as a fact."""
    attribution = _attribution(evidence[0]) if evidence else None
    return attribution if attribution and not _attribution(sentence) else None


def _attribution(view: SentenceView) -> str | None:
    attributions = (
        word for word in view.words if word in FINITE_ATTRIBUTION_VERBS or word == "according"
    )
    return next(attributions, None)


def _lost_title_attribution(title: SentenceView, evidence: list[SentenceView]) -> str | None:
    """Apply ``_lost_attribution``, but let a title use a noun: "Bridge unsafe: report"."""
    return None if set(title.words) & ATTRIBUTION_VERBS else _lost_attribution(title, evidence)


def _changed_subject(title: SentenceView, evidence: list[SentenceView]) -> str | None:
    """Return a title's first two content words if neither opens the evidence.

    A sentence opens with its first content word and the rest of the name to which that word
    belongs. The same words after its first comma also count as an opening, because a sentence may
    start with a time and a place.
    """
    opening: set[str] = set()
    for view in evidence:
        comma = next((index for index, token in enumerate(view.tokens) if token.text == ","), -1)
        for start in {0, comma + 1}:
            opening |= {base for word in _opening_words(view, start) for base in base_forms(word)}
    first_words = [word for word, _ in title.content[:2]]
    if any(not opening.isdisjoint(base_forms(word)) for word in first_words):
        return None
    return " ".join(first_words) or title.text


def _opening_words(view: SentenceView, start: int) -> list[str]:
    """Return the first content word at or after ``start``, and capitalised words right after it."""
    opening: list[str] = []
    last = -1
    for word, index in view.content:
        if index < start:
            continue
        if opening and not all(token.capital for token in view.tokens[last + 1 : index + 1]):
            break
        opening.append(word)
        last = index
    return opening


def _unknown_word(sentence: SentenceView, evidence: list[SentenceView]) -> str | None:
    """Return a word without a relative in the evidence; in long sentences, support misses it."""
    known = set().union(*(base_forms(word) for view in evidence for word, _ in view.content))
    return next((word for word, _ in sentence.content if known.isdisjoint(base_forms(word))), None)


_SUPPORT_RULES: tuple[tuple[Reason, _Rule], ...] = (
    (Reason.NUMBER_CHANGED, _unknown_number),
    (Reason.NAME_CHANGED, _unknown_name),
    (Reason.QUOTE_CHANGED, _unknown_quote),
    (Reason.NEGATION_CHANGED, _changed_negation),
    (Reason.MODALITY_CHANGED, _changed_modal),
    (Reason.MODALITY_CHANGED, _changed_certainty),
    (Reason.LOADED_WORD, _unknown_loaded_word),
    (Reason.NOT_SUPPORTED, _unknown_word),
    (Reason.NOT_SUPPORTED, reversed_roles),
    (Reason.NOT_SUPPORTED, _cut_phrase),
    (Reason.CONTENT_LOST, _lost_conjunct),
    (Reason.LAYOUT_CHANGED, _added_inner_end),
    (Reason.ATTRIBUTION_LOST, _lost_attribution),
)


def check_summary_sentence(
    sentence: str, article: Sequence[str], limits: CheckSettings
) -> SupportResult:
    """Return the article sentences that best support ``sentence``, and whether they support it.

    The first rule that applies decides:

    1. a sentence copied from the article passes, unless it is half a quotation
    2. chatter: talk about the task, a new line, markup
    3. number_changed, 4. name_changed, 5. quote_changed: not in the evidence
    6. negation_changed, 7. modality_changed: a shared word is negated or hedged differently, or
       what is planned or likely is reported as done
    8. loaded_word: a word of judgement that the evidence lacks
    9. not_supported: a content word without a relative in the evidence; reversed roles; a phrase
       that ends early; support under ``min_support``, which is compared last
    10. content_lost: a conjunct is cut out; layout_changed: a sentence end inside the sentence
    11. attribution_lost: the best evidence attributes the claim, but the sentence does not

    Support is the mean of two shares of the sentence's content words, word pairs and content-word
    pairs: the share that the best article sentence holds alone, and the share that the best two
    sentences hold together.
    """
    view = SentenceView(sentence)
    for index, candidate in enumerate(article):
        is_same = view.words and words(candidate) == words(sentence)
        if is_same and is_balanced(sentence):
            return SupportResult(CheckResult(None, "", {"support": 1.0}), (index,))
    chosen, share = find_evidence(view, article)
    scores = {"support": round(share, 4)}
    evidence = [SentenceView(article[index]) for index in chosen]
    evidence_text = SentenceView(" ".join(article[index] for index in chosen))
    talk = find_model_talk(evidence_text, view)
    if talk is not None:
        return SupportResult(CheckResult(Reason.CHATTER, talk, scores), chosen)
    for reason, find_difference in _SUPPORT_RULES:
        detail = find_difference(view, evidence)
        if detail is not None:
            return SupportResult(CheckResult(reason, detail, scores), chosen)
    if share < limits.min_support:
        refusal = CheckResult(Reason.NOT_SUPPORTED, f"support {share:.2f}", scores)
        return SupportResult(refusal, chosen)
    return SupportResult(CheckResult(None, "", scores), chosen)


#: A title drops articles and auxiliaries and uses the present tense, so modality and length are not
#: compared. Whatever the title names must occur in the evidence, in the same role.
_TITLE_RULES: tuple[tuple[Reason, _Rule], ...] = (
    (Reason.NUMBER_CHANGED, _unknown_number),
    (Reason.QUOTE_CHANGED, _unknown_quote),
    (Reason.NEGATION_CHANGED, _unknown_negation),
    (Reason.LOADED_WORD, _unknown_loaded_word),
    (Reason.NOT_SUPPORTED, _unknown_word),
    (Reason.NAME_CHANGED, _unknown_name),
    (Reason.ATTRIBUTION_LOST, _lost_title_attribution),
    (Reason.NOT_SUPPORTED, reversed_roles),
    (Reason.NOT_SUPPORTED, _changed_subject),
)


def check_title(title: str, sentences: Sequence[str]) -> CheckResult:
    """Check a title against its evidence, the best of the sentences that it was written from.

    The first failed check decides: chatter; number_changed, quote_changed, negation_changed,
    loaded_word; not_supported: a content word without a relative in the evidence; name_changed: a
    name in another form; attribution_lost: only the evidence has an attribution; not_supported:
    reversed roles or another subject.
    """
    view = SentenceView(title)
    talk = find_model_talk(SentenceView(" ".join(sentences)), view)
    if talk is not None:
        return CheckResult(Reason.CHATTER, talk, {})
    chosen, _ = find_evidence(view, sentences, max_sentences=1)
    evidence = [SentenceView(sentences[index]) for index in chosen]
    for reason, find_difference in _TITLE_RULES:
        detail = find_difference(view, evidence)
        if detail is not None:
            return CheckResult(reason, detail, {})
    return CheckResult(None, "", {})
