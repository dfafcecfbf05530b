"""Measures summaries against human ones, with the first three sentences as a baseline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean

from pydantic import BaseModel, ConfigDict
from rouge_score.rouge_scorer import RougeScorer

from worker.evaluation.metric import find_facts, lower_case_words, normalised_words
from worker.evaluation.rows import SummaryRow
from worker.evaluation.slicing import call_in_slices
from worker.records.article import Article
from worker.records.result import Method, Result, SummarySentence
from worker.stages.split.sentences import split_sentences

__all__ = ["SummaryReport", "evaluate_summary"]

#: Articles per call: as many as in a queue chunk, so that the measured speed is a worker's.
SLICE_ARTICLES = 32

#: Number of sentences in the usual baseline for news summaries.
LEAD_SENTENCES = 3

#: Stages that precede the summary in a result's timings.
_STAGES_BEFORE = ("strip_and_split", "repair")

_NEGATIONS = frozenset({"not", "never", "no", "nor", "neither", "without", "cannot", "nobody"})
_MAX_SHORT_WORD_LETTERS = 3

_ROUGES = ("rouge1", "rouge2", "rougeL")


class SummaryReport(BaseModel):
    """The figures of one run. The keys are stable.

    ROUGE is F1 x 100, averaged over articles with one reference each. It is computed by Google's
    rouge-score with stemming, which folds case and drops punctuation. Use it only as a floor: two
    professional writers agree at ROUGE-1 34.8.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    n: int
    """Number of articles."""
    failed: int
    """Number of articles without a result. Their ROUGE is 0; other summary figures omit them."""
    rouge1: float
    rouge2: float
    rougeL: float  # noqa: N815 - the measure's own name, and a stable key
    lead3_rouge1: float
    """ROUGE-1 of the article's first three sentences (``split_sentences``), joined by spaces.

    Measured: SummEval 42.0, RealSumm 41.1, NeuS dev 37.0 (leads joined by empty lines, titles left
    out), professional writers' summaries 36.2. Without stemming, each figure is 1.0 to 1.5 lower;
    with another splitter, it differs by at most 0.4.
    """
    lead3_rouge2: float
    lead3_rougeL: float  # noqa: N815 - as above
    words_mean: float
    """Mean number of words in a summary, split at white space."""
    extractive_share: float
    """Share of articles whose summary consists of their own sentences only, 0-1."""
    invented: int
    """Articles whose summary or title has a number or name that their repaired text lacks, by rules
    that the checks do not share."""
    flipped: int
    """Summary sentences that add a negation to evidence without one, or keep a negated word without
    its negation, by rules that the checks do not share."""
    without_evidence: int
    """Summary sentences without a supporting article sentence."""
    titled_share: float
    """Share of articles whose title the model wrote, 0-1."""
    refused: dict[str, int]
    """Number of summary sentences and titles that a check refused, by reason."""
    time_share: float
    """Seconds spent on summaries per second spent on the preceding stages."""
    articles_per_s: float
    """Speed of ``summarise`` alone."""


def evaluate_summary(
    rows: Sequence[SummaryRow],
    summarise: Callable[[Sequence[Article]], Sequence[Result | None]],
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> SummaryReport:
    """Measure ``summarise`` on ``rows``.

    Args:
        rows: articles with a human summary; an article in several rows is summarised once.
        summarise: returns a result for each article, in order, or None if the article failed;
            called with up to ``SLICE_ARTICLES``.
        on_progress: receives the number of articles done and the total.

    Raises:
        ValueError: there are no rows, or ``summarise`` did not return one result per article.
    """
    if not rows:
        raise ValueError("there is nothing to measure")
    results, articles_per_s = _summarise_once(rows, summarise, on_progress)
    references = [row.summary for row in rows]
    summaries = [result.summary if result else "" for result in results]
    successful = [result for result in results if result]
    scores = _rouge(references, summaries)
    leads = _rouge(references, (_lead(row.text) for row in rows))
    refused = Counter(
        refusal.reason.value
        for result in successful
        for refusal in result.refused
        if refusal.stage in {"summary", "title"}
    )
    common = lower_case_words(result.repaired for result in successful)
    sentences = [sentence for result in successful for sentence in result.evidence]
    seconds_before = sum(
        result.timings.get(stage, 0.0) for result in successful for stage in _STAGES_BEFORE
    )
    return SummaryReport(
        n=len(rows),
        failed=len(results) - len(successful),
        rouge1=scores["rouge1"],
        rouge2=scores["rouge2"],
        rougeL=scores["rougeL"],
        lead3_rouge1=leads["rouge1"],
        lead3_rouge2=leads["rouge2"],
        lead3_rougeL=leads["rougeL"],
        words_mean=_mean([len(result.summary.split()) for result in successful]),
        extractive_share=_mean([result.method is Method.EXTRACTIVE for result in successful]),
        invented=sum(_invents(result, common) for result in successful),
        flipped=sum(_is_flipped(sentence) for sentence in sentences),
        without_evidence=sum(not sentence.sentences for sentence in sentences),
        titled_share=_mean([_has_written_title(result) for result in successful]),
        refused=dict(sorted(refused.items())),
        time_share=sum(result.timings.get("summary", 0.0) for result in successful)
        / (seconds_before or 1.0),
        articles_per_s=articles_per_s,
    )


def _summarise_once(
    rows: Sequence[SummaryRow],
    summarise: Callable[[Sequence[Article]], Sequence[Result | None]],
    on_progress: Callable[[int, int], None] | None,
) -> tuple[list[Result | None], float]:
    """Return each row's result, and articles per second; equal articles are summarised once."""
    articles: dict[tuple[str, str], Article] = {}
    for row in rows:
        article = Article(id=row.id, title=row.title, text=row.text)
        articles.setdefault((row.title, row.text), article)
    results, seconds = call_in_slices(
        list(articles.values()),
        summarise,
        size=SLICE_ARTICLES,
        noun="articles",
        on_progress=on_progress,
    )
    by_article = dict(zip(articles, results, strict=True))
    return [by_article[row.title, row.text] for row in rows], len(articles) / seconds


def _invents(result: Result, common: frozenset[str]) -> bool:
    summary = find_facts(f"{result.summary}\n{result.summary_title}", common)
    return bool(summary.missing_in(find_facts(f"{result.repaired}\n{result.title}", common)))


def _has_written_title(result: Result) -> bool:
    return result.summary_title not in {"", result.title}


def _is_flipped(sentence: SummarySentence) -> bool:
    evidence = " ".join(source.text for source in sentence.sentences)
    negated, evidence_negated = _negated_words(sentence.sentence), _negated_words(evidence)
    if bool(negated) == bool(evidence_negated):
        return False
    dropped = evidence_negated & set(normalised_words(sentence.sentence))
    return bool(negated - evidence_negated or (dropped and not negated))


def _negated_words(text: str) -> set[str]:
    """Return the first word after each negation, short words skipped."""
    words = [word.lower() for word in normalised_words(text)]
    return {
        next((word for word in words[index + 1 :] if len(word) > _MAX_SHORT_WORD_LETTERS), "")
        for index, word in enumerate(words)
        if word in _NEGATIONS or word.endswith("n't")
    }


def _mean(values: Sequence[float]) -> float:
    return fmean(values) if values else 0.0


def _lead(text: str) -> str:
    return " ".join(split_sentences(text)[:LEAD_SENTENCES])


def _rouge(references: Sequence[str], summaries: Iterable[str]) -> dict[str, float]:
    scorer = RougeScorer(_ROUGES, use_stemmer=True)
    scores = [
        scorer.score(reference, summary)
        for reference, summary in zip(references, summaries, strict=True)
    ]
    return {name: 100 * fmean(score[name].fmeasure for score in scores) for name in _ROUGES}
