"""How near summaries come to people's, beside the first three sentences of the article."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean

from pydantic import BaseModel, ConfigDict
from rouge_score.rouge_scorer import RougeScorer

from worker.evaluation.metric import facts, lower_case_words, normalised_words
from worker.evaluation.rows import SummaryRow
from worker.evaluation.slicing import call_in_slices
from worker.records.article import Article
from worker.records.result import Method, Result, SummarySentence
from worker.stages.split.sentences import split_sentences

__all__ = ["SummaryReport", "evaluate_summary"]

#: Articles handed over at a time: one chunk of the queue, so that speed is that of a worker.
SLICE_ARTICLES = 32

#: Sentences of the baseline that news summaries are measured against.
LEAD_SENTENCES = 3

#: Stages of a result's timings that come before its summary.
_STAGES_BEFORE = ("strip_and_split", "repair")

_NEGATIONS = frozenset({"not", "never", "no", "nor", "neither", "without", "cannot", "nobody"})
_SHORT_WORD = 3

_ROUGES = ("rouge1", "rouge2", "rougeL")


class SummaryReport(BaseModel):
    """Figures of one run. The keys are stable.

    ROUGE is F1 x 100, mean over articles, by Google's rouge-score with stemming (it folds case
    and drops punctuation), one reference each. It is a floor only: two professional writers agree
    with each other at ROUGE-1 34.8.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    n: int
    """Articles."""
    failed: int
    """Articles without a result; their ROUGE counts as 0, and they count nowhere else."""
    rouge1: float
    rouge2: float
    rougeL: float  # noqa: N815 - the measure's own name, and a stable key
    lead3_rouge1: float
    """ROUGE-1 of the article's first three sentences (``split_sentences``), joined by spaces.

    Measured with these settings: SummEval 42.0, RealSumm 41.1, NeuS dev 37.0 (leads joined by
    empty lines, titles left out), articles with professional writers' summaries 36.2. Without
    stemming each is 1.0 to 1.5 lower; another splitter moves it by 0.4 at most.
    """
    lead3_rouge2: float
    lead3_rougeL: float  # noqa: N815 - as above
    words_mean: float
    """Words of a summary, by white space."""
    extractive_share: float
    """Articles summarised by their own sentences only, 0-1."""
    invented: int
    """Articles whose summary or title has a number or name that their repaired text lacks; counted
    by code that the checks do not share."""
    flipped: int
    """Summary sentences with a negation that their evidence lacks, or without one that it has at a
    word of theirs; counted likewise."""
    without_evidence: int
    """Summary sentences that name no article sentence."""
    titled_share: float
    """Articles whose title is the model's, 0-1."""
    refused: dict[str, int]
    """Summary sentences and titles that a check refused, by reason."""
    time_share: float
    """Seconds of the summaries for each second of all that comes before them."""
    articles_per_s: float
    """Of the callable alone."""


def evaluate_summary(
    rows: Sequence[SummaryRow],
    summarise: Callable[[Sequence[Article]], Sequence[Result | None]],
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> SummaryReport:
    """Figures of ``summarise`` on ``rows``.

    ``summarise`` is called with up to ``SLICE_ARTICLES`` articles at a time and gives as many
    results, in order, ``None`` for an article that failed; what it raises goes through.
    ``on_progress`` gets the articles done and their total. Rows may share an article: it is handed
    over once, and counts for each of them.

    Raises:
        ValueError: no rows, or ``summarise`` gave another number of results than it got articles.
    """
    if not rows:
        raise ValueError("there is nothing to measure")
    # An article with several references is summed up once.
    articles: dict[tuple[str, str], Article] = {}
    for row in rows:
        article = Article(id=row.id, title=row.title, text=row.text)
        articles.setdefault((row.title, row.text), article)
    found, seconds = call_in_slices(
        list(articles.values()),
        summarise,
        size=SLICE_ARTICLES,
        noun="articles",
        on_progress=on_progress,
    )
    by_article = dict(zip(articles, found, strict=True))
    results = [by_article[row.title, row.text] for row in rows]
    references = [row.summary for row in rows]
    summaries = [result.summary if result else "" for result in results]
    made = [result for result in results if result]
    reached = _rouge(references, summaries)
    leads = _rouge(references, (_lead(row.text) for row in rows))
    refused = Counter(
        refusal.reason.value
        for result in made
        for refusal in result.refused
        if refusal.stage in {"summary", "title"}
    )
    common = lower_case_words(result.repaired for result in made)
    told = [sentence for result in made for sentence in result.evidence]
    before = sum(result.timings.get(stage, 0.0) for result in made for stage in _STAGES_BEFORE)
    return SummaryReport(
        n=len(rows),
        failed=len(results) - len(made),
        rouge1=reached["rouge1"],
        rouge2=reached["rouge2"],
        rougeL=reached["rougeL"],
        lead3_rouge1=leads["rouge1"],
        lead3_rouge2=leads["rouge2"],
        lead3_rougeL=leads["rougeL"],
        words_mean=_mean([len(result.summary.split()) for result in made]),
        extractive_share=_mean([result.method is Method.EXTRACTIVE for result in made]),
        invented=sum(_invents(result, common) for result in made),
        flipped=sum(_is_flipped(sentence) for sentence in told),
        without_evidence=sum(not sentence.sentences for sentence in told),
        titled_share=_mean([_has_written_title(result) for result in made]),
        refused=dict(sorted(refused.items())),
        time_share=sum(result.timings.get("summary", 0.0) for result in made) / (before or 1.0),
        articles_per_s=len(articles) / seconds,
    )


def _invents(result: Result, common: frozenset[str]) -> bool:
    said = facts(f"{result.summary}\n{result.summary_title}", common)
    return bool(said.missing_in(facts(f"{result.repaired}\n{result.title}", common)))


def _has_written_title(result: Result) -> bool:
    return result.summary_title not in {"", result.title}


def _is_flipped(told: SummarySentence) -> bool:
    evidence = " ".join(found.text for found in told.sentences)
    said, known = _negated(told.sentence), _negated(evidence)
    plain = set(normalised_words(told.sentence))
    return bool(said) != bool(known) and bool(said - known or (known & plain and not said))


def _negated(text: str) -> set[str]:
    """The first longer word behind each negation."""
    words = [word.lower() for word in normalised_words(text)]
    return {
        next((word for word in words[at + 1 :] if len(word) > _SHORT_WORD), "")
        for at, word in enumerate(words)
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
