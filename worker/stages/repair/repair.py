"""Stages 3 to 5 on sentences: spot, let the engine propose, check and judge change by change."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from worker.engine.fluency import text_nats
from worker.engine.protocol import Prompt
from worker.english.facts import words
from worker.records.reason import Reason
from worker.stages.repair.acceptor import ModelScores, load_acceptor
from worker.stages.repair.changes import apply_edits, edit_rate, find_changes
from worker.stages.repair.fidelity import check_proposal
from worker.stages.repair.needs_source import load_estimator, needs_source
from worker.stages.repair.spotting import reads_badly, worth_reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.config.profile import Profile
    from worker.engine.protocol import Engine, Generation
    from worker.stages.repair.acceptor import Acceptor
    from worker.stages.repair.changes import Change, WordEdit
    from worker.stages.repair.needs_source import Estimator

__all__ = ["JudgedChange", "RepairedSentence", "propose", "repair_articles"]

#: Tokens that an answer may have beyond its share, so that short sentences can be finished.
_SPARE_TOKENS = 8

#: What is wrong with a proposal as a whole: no change of it is looked at.
_WHOLE = frozenset({Reason.CHATTER, Reason.UNFINISHED, Reason.TOO_DIFFERENT, Reason.LENGTH_CHANGED})


@dataclass(frozen=True, slots=True)
class JudgedChange:
    """One change of a proposal, and what became of it."""

    change: Change
    text: str
    """The sentence with this change alone."""
    reason: Reason
    """``MODEL_REWRITE`` when it was made, a refusal's code when not."""
    detail: str = ""
    evidence: ModelScores | None = None
    """What the models say of it; ``None`` where it is against the law, or they cannot say."""
    probability: float | None = None
    """That it helps, where an acceptor has weighed it."""

    @property
    def scores(self) -> dict[str, float]:
        """What speaks for it and against it, as the records have it."""
        found = {"probability": self.probability}
        if self.evidence is not None:
            found["gain_nats"] = self.evidence.gain_nats
            found["fluency_nats"] = self.evidence.fluency_nats
        return {name: round(value, 3) for name, value in found.items() if value is not None}

    @property
    def accepted(self) -> bool:
        """Whether the change was made."""
        return self.reason is Reason.MODEL_REWRITE


@dataclass(frozen=True, slots=True)
class RepairedSentence:
    """What became of one sentence."""

    text: str
    """The sentence to use: the source with the changes that were accepted."""
    spotted: bool = False
    """Whether it reads badly: as such, or because a change that may help was not made."""
    proposal: str = ""
    """What the engine wrote, where that differs from the source."""
    reason: Reason | None = None
    """Why the proposal was refused as a whole, or none was asked for."""
    detail: str = ""
    changes: tuple[JudgedChange, ...] = ()
    needs_source: bool = False
    """Whether only the source text could say what it means."""

    @property
    def accepted(self) -> bool:
        """Whether any change was made."""
        return any(judged.accepted for judged in self.changes)


def repair_articles(
    articles: Sequence[Sequence[str]], engine: Engine, profile: Profile
) -> list[list[RepairedSentence]]:
    """Each article's sentences, with those changes that stand up to every check.

    All sentences go through the engine together, each as the draft of its own repair: where the
    model would leave it as it is, to read it is all there is to do. What it would change is read
    once more with each change made alone. How much a change is believed depends on what else there
    is to mend in its article, and on no other article.

    Raises:
        EngineError: the engine failed on the batch.
    """
    adapter = profile.prompts[profile.repair.prompt].adapter
    acceptor = load_acceptor(adapter) if adapter else None
    proposed = iter(propose([one for article in articles for one in article], engine, profile))
    return [
        _mended(article, list(islice(proposed, len(article))), acceptor, profile)
        for article in articles
    ]


def _mended(
    sentences: Sequence[str],
    proposed: Sequence[RepairedSentence],
    acceptor: Acceptor | None,
    profile: Profile,
) -> list[RepairedSentence]:
    """The sentences of one article, what was proposed for them decided."""
    believed = iter(_probabilities(proposed, acceptor))
    mended: list[RepairedSentence] = []
    for source, found in zip(sentences, proposed, strict=True):
        changes = tuple(
            judged
            if judged.evidence is None
            else _decided(judged, judged.evidence, next(believed), acceptor, profile)
            for judged in found.changes
        )
        spotted = found.spotted or any(_is_open(judged, acceptor) for judged in changes)
        mended.append(_made(source, replace(found, changes=changes, spotted=spotted), profile))
    return mended


def _probabilities(
    proposed: Sequence[RepairedSentence], acceptor: Acceptor | None
) -> Sequence[float | None]:
    """That each weighed change of an article helps; ``None`` without an acceptor."""
    weighed = [
        (judged.change, judged.evidence)
        for found in proposed
        for judged in found.changes
        if judged.evidence is not None
    ]
    if acceptor is None:
        return [None] * len(weighed)
    return acceptor.probabilities(weighed, sentences=len(proposed))


def propose(sentences: Sequence[str], engine: Engine, profile: Profile) -> list[RepairedSentence]:
    """The sentences as they are, with what the engine would change in them.

    Changes against the law are refused already; the others have what the models say of them, each
    made alone.

    Raises:
        EngineError: the engine failed on the batch.
    """
    proposed = [RepairedSentence(sentence) for sentence in sentences]
    estimator = load_estimator(profile.prompts[profile.repair.prompt].adapter)
    prompts = _prompts(sentences, engine, profile, proposed, estimator)
    cases: list[_Case] = []
    for index, answer in zip(prompts, engine.generate(list(prompts.values())), strict=True):
        edit_rate = estimator.edit_rate(answer.draft_state) if estimator else None
        beyond = needs_source(sentences[index], edit_rate, estimator)
        made = _proposed(sentences[index], answer, profile)
        proposed[index] = replace(made, needs_source=beyond)
        cases += [
            _Case(index, at, sentences[index], answer.draft_nats, judged)
            for at, judged in enumerate(proposed[index].changes)
            if judged.accepted and answer.draft_nats
        ]
    for case, evidence in zip(cases, _weigh(cases, engine, profile), strict=True):
        changes = list(proposed[case.index].changes)
        changes[case.at] = replace(case.judged, evidence=evidence)
        proposed[case.index] = replace(proposed[case.index], changes=tuple(changes))
    return proposed


@dataclass(frozen=True, slots=True)
class _Case:
    """A lawful change that is to be weighed."""

    index: int
    """Of the sentence."""
    at: int
    """Of the change in its proposal."""
    source: str
    source_nats: Sequence[float]
    judged: JudgedChange


def _prompts(
    sentences: Sequence[str],
    engine: Engine,
    profile: Profile,
    mended: list[RepairedSentence],
    estimator: Estimator | None,
) -> dict[int, Prompt]:
    """The prompts of the sentences that are worth it; what does not fit is noted in ``mended``."""
    sizes = engine.count_tokens(sentences)
    template = profile.prompts[profile.repair.prompt]
    around = engine.prompt_tokens(template)
    prompts: dict[int, Prompt] = {}
    for index, sentence in enumerate(sentences):
        if not worth_reading(sentence):
            continue
        budget = int(sizes[index] * profile.repair.max_growth) + _SPARE_TOKENS
        if sizes[index] + budget + around > engine.window:
            mended[index] = RepairedSentence(sentence, spotted=True, reason=Reason.TOO_LONG)
            continue
        prompts[index] = Prompt(
            template,
            sentence,
            budget,
            draft=sentence,
            keep_bias_nats=profile.repair.keep_bias_nats,
            state_layer=estimator.layer if estimator else None,
        )
    return prompts


def _proposed(source: str, answer: Generation, profile: Profile) -> RepairedSentence:
    """The proposal's changes, those against the law refused already."""
    proposal = answer.text.strip()
    spotted = reads_badly(source, answer, profile.spotting)
    # Most sentences come back as they are: those are not aligned.
    changes = [] if words(proposal) == words(source) else find_changes(source, proposal)
    if not changes:
        # Equal but for typography and marks: nothing was proposed.
        return RepairedSentence(source, spotted)
    whole = check_proposal(source, proposal, profile.checks)
    reason = whole.reason if answer.finished else Reason.UNFINISHED
    if reason not in _WHOLE and edit_rate(source, proposal) > 1 - profile.checks.min_similarity:
        reason = Reason.TOO_DIFFERENT
    if reason in _WHOLE:
        return RepairedSentence(source, spotted, proposal, reason, whole.detail)
    judged: list[JudgedChange] = []
    for change in changes:
        text = apply_edits(source, change.edits)
        verdict = check_proposal(source, text, profile.checks)
        judged.append(
            JudgedChange(change, text, verdict.reason or Reason.MODEL_REWRITE, verdict.detail)
        )
    return RepairedSentence(source, spotted, proposal, changes=tuple(judged))


def _weigh(cases: Sequence[_Case], engine: Engine, profile: Profile) -> list[ModelScores]:
    """What the models say of each change."""
    if not cases:
        return []
    template = profile.prompts[profile.repair.prompt]
    repairs = [Prompt(template, case.source, 1, draft=case.judged.text) for case in cases]
    texts = (text for case in cases for text in (case.source, case.judged.text))
    fluency = text_nats(texts, engine, profile)
    changes = Counter(case.index for case in cases)
    return [
        ModelScores(
            gain_nats=sum(case.source_nats) - sum(read.draft_nats),
            fluency_nats=fluency.get(case.source, 0.0) - fluency.get(case.judged.text, 0.0),
            source_nats=sum(case.source_nats) / len(case.source_nats),
            words=len(case.source.split()),
            changes=changes[case.index],
        )
        for case, read in zip(cases, engine.generate(repairs), strict=True)
    ]


def _decided(
    judged: JudgedChange,
    evidence: ModelScores,
    probability: float | None,
    acceptor: Acceptor | None,
    profile: Profile,
) -> JudgedChange:
    """The change with its last verdict; without an acceptor its gain decides."""
    if acceptor is None or probability is None:
        better = evidence.gain_nats >= profile.checks.min_gain_nats
    else:
        better = acceptor.accepts(probability, profile.repair.restraint)
    reason = Reason.MODEL_REWRITE if better else Reason.NOT_BETTER
    return replace(judged, reason=reason, probability=probability)


def _is_open(judged: JudgedChange, acceptor: Acceptor | None) -> bool:
    """Whether a change was not made that helps as probably as not: an editor may look at it."""
    if acceptor is None or judged.accepted or judged.probability is None:
        return False
    return acceptor.accepts(judged.probability, "bold")


def _made(source: str, found: RepairedSentence, profile: Profile) -> RepairedSentence:
    """The accepted changes made, the surest first, as long as the checks let all of them stand."""
    order = sorted(
        (at for at, judged in enumerate(found.changes) if judged.accepted),
        key=lambda at: (-(found.changes[at].probability or 0.0), at),
    )
    text = source
    edits: list[WordEdit] = []
    refused: dict[int, JudgedChange] = {}
    for at in order:
        more = [*edits, *found.changes[at].change.edits]
        together = apply_edits(source, more)
        verdict = check_proposal(source, together, profile.checks)
        if verdict.reason:
            refused[at] = replace(found.changes[at], reason=verdict.reason, detail=verdict.detail)
        else:
            text, edits = together, more
    changes = tuple(refused.get(at, judged) for at, judged in enumerate(found.changes))
    return replace(found, text=text, changes=changes)
