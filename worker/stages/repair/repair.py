"""Stages 3 to 5: spots sentences, proposes repairs, and checks and accepts each change."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from worker.engine.budget import token_room
from worker.engine.fluency import text_nats
from worker.engine.protocol import Prompt
from worker.english.facts import words
from worker.records.reason import Reason
from worker.stages.repair.acceptor import ModelScores, load_acceptor
from worker.stages.repair.changes import apply_edits, edit_rate, find_changes, with_case_of
from worker.stages.repair.fidelity import check_proposal
from worker.stages.repair.needs_source import load_estimator, needs_source
from worker.stages.repair.rewrite import SAME_PROBABILITY, check_part, check_rewrite
from worker.stages.repair.roughness import least_gains
from worker.stages.repair.spotting import is_awkward, is_long_enough

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.config.profile import Profile
    from worker.engine.protocol import Engine, Generation
    from worker.stages.repair.acceptor import Acceptor
    from worker.stages.repair.changes import Change, WordEdit
    from worker.stages.repair.needs_source import Estimator

__all__ = ["ChangeDecision", "RepairedSentence", "propose_repairs", "repair_articles"]

#: Tokens allowed beyond the sentence's size times ``max_growth``, so that short answers can finish.
_SPARE_TOKENS = 8

#: Reasons that refuse a proposal as a whole, before its changes are checked one by one: it is no
#: version of the sentence, or, without a judge to say whether it is, too far from it.
_NO_VERSION = frozenset({Reason.CHATTER, Reason.UNFINISHED})
_TOO_FAR = _NO_VERSION | {Reason.TOO_DIFFERENT, Reason.LENGTH_CHANGED}


@dataclass(frozen=True, slots=True)
class ChangeDecision:
    """A proposed change, and whether it was made."""

    change: Change
    text: str
    """The sentence with only this change made, or with all of them if they were decided as one."""
    reason: Reason
    """``MODEL_REWRITE`` if the change was made, else why it was refused."""
    detail: str = ""
    model_scores: ModelScores | None = None
    """``None`` if the change fails a check or the engine returns no likelihoods."""
    probability: float | None = None
    """The probability that the change helps; ``None`` without an acceptor."""

    @property
    def scores(self) -> dict[str, float]:
        """The probability and the model scores, under the names used in the records."""
        scores = {"probability": self.probability}
        if self.model_scores is not None:
            scores["gain_nats"] = self.model_scores.gain_nats
            scores[SAME_PROBABILITY] = self.model_scores.same_probability
            if self.probability is not None:
                scores["fluency_nats"] = self.model_scores.fluency_nats
        return {name: round(value, 3) for name, value in scores.items() if value is not None}

    @property
    def accepted(self) -> bool:
        """Whether the change was made."""
        return self.reason is Reason.MODEL_REWRITE


@dataclass(frozen=True, slots=True)
class RepairedSentence:
    """A sentence after repair, with the decisions behind it."""

    text: str
    """The sentence to use: the source with the accepted changes."""
    awkward: bool = False
    """Whether the sentence reads badly, or a change that may help was not made."""
    proposal: str = ""
    """The engine's proposal, if it differs from the source."""
    reason: Reason | None = None
    """Why the proposal was refused as a whole, or why none was requested."""
    detail: str = ""
    decisions: tuple[ChangeDecision, ...] = ()
    gain_nats: float = 0.0
    """Nats by which the proposal is a likelier repair than the sentence; 0 if it is not known."""
    whole: bool = False
    """Whether the decisions are one, on all changes together."""
    needs_source: bool = False
    """Whether the sentence cannot be understood without the source text."""

    @property
    def accepted(self) -> bool:
        """Whether any change was made."""
        return any(decision.accepted for decision in self.decisions)


def repair_articles(
    articles: Sequence[Sequence[str]], engine: Engine, profile: Profile
) -> list[list[RepairedSentence]]:
    """Return each article's sentences with the changes that pass every check.

    The engine processes all sentences together. Each sentence is the draft of its own repair, so
    the model reads a sentence once if it would leave the sentence unchanged, and once more for each
    change it would make. Whether a change is accepted depends on the rest of its own article, but
    not on other articles.

    Raises:
        EngineError: the engine failed on the batch.
    """
    acceptor = load_acceptor(profile.prompts[profile.repair.prompt].adapter)
    as_whole = acceptor is None
    sentences = [sentence for article in articles for sentence in article]
    proposed = iter(propose_repairs(sentences, engine, profile, as_whole=as_whole))
    return [
        _repair_article(article, list(islice(proposed, len(article))), acceptor, profile)
        for article in articles
    ]


def _repair_article(
    sources: Sequence[str],
    proposed: Sequence[RepairedSentence],
    acceptor: Acceptor | None,
    profile: Profile,
) -> list[RepairedSentence]:
    """Decide each proposed change in an article; return its sentences with the accepted changes."""
    probabilities = iter(_change_probabilities(proposed, acceptor))
    gains = [sentence.gain_nats for sentence in proposed]
    repaired: list[RepairedSentence] = []
    for source, sentence, least_gain in zip(
        sources, proposed, least_gains(gains, profile.checks.min_gain_nats), strict=True
    ):
        decisions = tuple(
            decision
            if decision.model_scores is None
            else _decide(decision, next(probabilities), acceptor, least_gain, profile)
            for decision in sentence.decisions
        )
        # An editor is to see a sentence that the model would rewrite, but nobody vouches for.
        is_doubtful = not sentence.whole and sentence.gain_nats >= least_gain
        awkward = (
            sentence.awkward
            or is_doubtful
            or any(_is_worth_review(decision, acceptor) for decision in decisions)
        )
        decided = replace(sentence, decisions=decisions, awkward=awkward)
        repaired.append(_apply_accepted(source, decided, profile))
    return repaired


def _change_probabilities(
    proposed: Sequence[RepairedSentence], acceptor: Acceptor | None
) -> Sequence[float | None]:
    """Return the probability that each scored change helps, or ``None`` without an acceptor."""
    scored = [
        (decision.change, decision.model_scores)
        for sentence in proposed
        for decision in sentence.decisions
        if decision.model_scores is not None
    ]
    if acceptor is None:
        return [None] * len(scored)
    return acceptor.probabilities(scored, sentences=len(proposed))


def propose_repairs(
    sentences: Sequence[str], engine: Engine, profile: Profile, *, as_whole: bool
) -> list[RepairedSentence]:
    """Return the sentences unchanged, each with the changes that the engine proposes.

    Changes that fail a check are already refused. The remaining changes carry their model scores.
    Each change is checked and measured with only that change made.

    Args:
        sentences: the sentences of any number of articles.
        engine: writes the proposals, and reads the changes.
        profile: the prompt and the limits of the checks.
        as_whole: a proposal that passes every check is to be decided as a whole: its changes share
            its scores, which need no reading of their own. An acceptor decides change by change,
            and also needs each one's fluency.

    Raises:
        EngineError: the engine failed on the batch.
    """
    proposed = [RepairedSentence(sentence) for sentence in sentences]
    estimator = load_estimator(profile.prompts[profile.repair.prompt].adapter)
    prompts = _build_prompts(sentences, engine, profile, proposed, estimator)
    scorable: list[_ScorableChange] = []
    for index, answer in zip(prompts, engine.generate(list(prompts.values())), strict=True):
        source = sentences[index]
        rate = estimator.edit_rate(answer.draft_state) if estimator else None
        proposed[index] = replace(
            _read_proposal(source, answer, profile, as_whole=as_whole),
            needs_source=needs_source(source, rate, estimator),
        )
        scorable += [
            _ScorableChange(index, number, source, answer.draft_nats, decision)
            for number, decision in enumerate(proposed[index].decisions)
            if decision.accepted and decision.model_scores is None and answer.draft_nats
        ]
    scored = _score_changes(scorable, engine, profile, with_fluency=not as_whole)
    for case, scores in zip(scorable, scored, strict=True):
        decisions = list(proposed[case.index].decisions)
        decisions[case.number] = replace(case.decision, model_scores=scores)
        proposed[case.index] = replace(proposed[case.index], decisions=tuple(decisions))
    return proposed


@dataclass(frozen=True, slots=True)
class _ScorableChange:
    """A change that passes the checks and awaits its model scores."""

    index: int
    """Index of the sentence."""
    number: int
    """Index of the change in its proposal."""
    source: str
    source_nats: Sequence[float]
    decision: ChangeDecision


def _build_prompts(
    sentences: Sequence[str],
    engine: Engine,
    profile: Profile,
    repaired: list[RepairedSentence],
    estimator: Estimator | None,
) -> dict[int, Prompt]:
    """Return prompts by sentence index; mark sentences too long for a prompt in ``repaired``."""
    sizes = engine.count_tokens(sentences)
    template = profile.prompts[profile.repair.prompt]
    room = token_room(engine, template)
    prompts: dict[int, Prompt] = {}
    for index, sentence in enumerate(sentences):
        if not is_long_enough(sentence):
            continue
        max_tokens = int(sizes[index] * profile.repair.max_growth) + _SPARE_TOKENS
        if sizes[index] + max_tokens > room:
            repaired[index] = RepairedSentence(sentence, awkward=True, reason=Reason.TOO_LONG)
            continue
        prompts[index] = Prompt(
            template,
            sentence,
            max_tokens,
            draft=sentence,
            keep_bias_nats=profile.repair.keep_bias_nats,
            state_layer=estimator.layer if estimator else None,
        )
    return prompts


def _read_proposal(
    source: str, answer: Generation, profile: Profile, *, as_whole: bool
) -> RepairedSentence:
    """Return the sentence with its proposed changes; refuse changes that fail a check."""
    proposal = answer.text.strip()
    awkward = is_awkward(source, answer, profile.spotting)
    # Most sentences come back unchanged; skip the alignment for them.
    changes = [] if words(proposal) == words(source) else find_changes(source, proposal)
    if not changes:
        # Only typography or quotation marks differ.
        return RepairedSentence(source, awkward)
    gain_nats = 0.0
    if as_whole and answer.finished and answer.nats and answer.draft_nats:
        whole = _check_whole(source, changes, answer, profile)
        if whole.accepted:
            return replace(whole, awkward=awkward)
        gain_nats = whole.gain_nats
    result = check_proposal(source, proposal, profile.checks)
    reason = result.reason if answer.finished else Reason.UNFINISHED
    refusing = _NO_VERSION if profile.checks.meaning_judge else _TOO_FAR
    if reason not in _TOO_FAR and edit_rate(source, proposal) > 1 - profile.checks.min_similarity:
        reason = Reason.TOO_DIFFERENT
    if reason in refusing:
        return RepairedSentence(source, awkward, proposal, reason, result.detail)
    decisions = tuple(_check_change(source, change, profile) for change in changes)
    return RepairedSentence(source, awkward, proposal, decisions=decisions, gain_nats=gain_nats)


def _check_whole(
    source: str, changes: Sequence[Change], answer: Generation, profile: Profile
) -> RepairedSentence:
    """Return the sentence with all changes decided alike, by the check of all of them together.

    The engine has read the source and written the answer, so both likelihoods are known.
    """
    edits = [edit for change in changes for edit in change.edits]
    text = with_case_of(answer.text, source, apply_edits(source, edits))
    result = check_rewrite(source, text, profile)
    gain_nats = sum(answer.draft_nats) - sum(answer.nats)
    scores = ModelScores(
        gain_nats=gain_nats,
        fluency_nats=0.0,
        source_nats=sum(answer.draft_nats) / len(answer.draft_nats),
        words=len(source.split()),
        changes=len(changes),
        same_probability=result.scores.get(SAME_PROBABILITY),
    )
    reason = result.reason or Reason.MODEL_REWRITE
    decisions = tuple(
        ChangeDecision(change, text, reason, result.detail, scores) for change in changes
    )
    return RepairedSentence(
        source, proposal=text, decisions=decisions, gain_nats=gain_nats, whole=True
    )


def _check_change(source: str, change: Change, profile: Profile) -> ChangeDecision:
    """Check the sentence with only this change made."""
    text = apply_edits(source, change.edits)
    result = check_part(source, text, profile)
    return ChangeDecision(change, text, result.reason or Reason.MODEL_REWRITE, result.detail)


def _score_changes(
    scorable: Sequence[_ScorableChange],
    engine: Engine,
    profile: Profile,
    *,
    with_fluency: bool,
) -> list[ModelScores]:
    """Return the model scores of each change."""
    if not scorable:
        return []
    template = profile.prompts[profile.repair.prompt]
    prompts = [Prompt(template, case.source, 1, draft=case.decision.text) for case in scorable]
    texts = [text for case in scorable for text in (case.source, case.decision.text)]
    # Two more readings for each change.
    fluency = text_nats(texts, engine, profile) if with_fluency else {}
    changes = Counter(case.index for case in scorable)
    return [
        ModelScores(
            gain_nats=sum(case.source_nats) - sum(answer.draft_nats),
            fluency_nats=fluency.get(case.source, 0.0) - fluency.get(case.decision.text, 0.0),
            source_nats=sum(case.source_nats) / len(case.source_nats),
            words=len(case.source.split()),
            changes=changes[case.index],
        )
        for case, answer in zip(scorable, engine.generate(prompts), strict=True)
    ]


def _decide(
    decision: ChangeDecision,
    probability: float | None,
    acceptor: Acceptor | None,
    least_gain: float,
    profile: Profile,
) -> ChangeDecision:
    """Accept or refuse the change by its probability or, without an acceptor, by its gain."""
    if acceptor is None or probability is None:
        is_better = _gain(decision) >= least_gain
    else:
        is_better = acceptor.accepts(probability, profile.repair.restraint)
    reason = Reason.MODEL_REWRITE if is_better else Reason.NOT_BETTER
    return replace(decision, reason=reason, probability=probability)


def _is_worth_review(decision: ChangeDecision, acceptor: Acceptor | None) -> bool:
    """Return whether a refused change is at least as likely to help as to harm."""
    if acceptor is None or decision.accepted or decision.probability is None:
        return False
    return acceptor.accepts(decision.probability, "bold")


def _apply_accepted(source: str, sentence: RepairedSentence, profile: Profile) -> RepairedSentence:
    """Make the accepted changes, best first, except those that then fail a check."""
    decisions = list(sentence.decisions)
    if sentence.whole:
        return replace(sentence, text=decisions[0].text) if sentence.accepted else sentence
    accepted = sorted(
        (index for index, decision in enumerate(decisions) if decision.accepted),
        key=lambda index: (-_order(decisions[index]), index),
    )
    text = source
    edits: list[WordEdit] = []
    for index in accepted:
        candidate_edits = [*edits, *decisions[index].change.edits]
        candidate = apply_edits(source, candidate_edits)
        result = check_part(source, candidate, profile)
        if result.reason:
            decisions[index] = replace(decisions[index], reason=result.reason, detail=result.detail)
        else:
            text, edits = candidate, candidate_edits
    return replace(sentence, text=text, decisions=tuple(decisions))


def _order(decision: ChangeDecision) -> float:
    """Return how good the change is: its probability or, without an acceptor, its gain."""
    return _gain(decision) if decision.probability is None else decision.probability


def _gain(decision: ChangeDecision) -> float:
    return decision.model_scores.gain_nats if decision.model_scores else 0.0
