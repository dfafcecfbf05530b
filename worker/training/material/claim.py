"""Makes training pairs from claims: a claim with evidence, and "yes" or "no" (is it supported?).

True claims are an article's sentences, shortened sentences, and other translators' versions of a
segment. False claims are falsified claims (``worker.damage.claim``), and true claims paired with
unrelated evidence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random

from worker.damage.claim import falsify
from worker.english.facts import names, negations, numbers
from worker.english.sentence_view import SentenceView
from worker.stages.summarise.entailment import NO, YES, claim_text
from worker.stages.summarise.evidence import find_evidence
from worker.training.pair import Pair, Row, is_trainable

__all__ = ["Article", "claim_pairs", "reworded_claims"]

#: A clean article's sentences, and true claims about the article as pairs of kind and claim.
Article = tuple[Sequence[str], Sequence[tuple[str, str]]]

#: Maximum number of evidence sentences. A claim gets one to three, at random, as in the service, so
#: that their number gives nothing away.
_MAX_EVIDENCE = 3

#: Share of claims that are falsified, and share that are paired with unrelated evidence.
_FALSIFIED, _ASTRAY = 0.5, 0.06

#: Number of consecutive segments of a document that serve as the article to draw evidence from.
_WINDOW_SEGMENTS = 12


def claim_pairs(articles: Iterable[Article], rng: Random) -> Iterator[Pair]:
    """Yield a pair for each claim, at random true, falsified or with unrelated evidence."""
    for sentences, claims in articles:
        for kind, claim in claims:
            drawn = rng.random()
            if drawn < _FALSIFIED:
                falsified = falsify(claim, sentences, rng)
                if falsified is not None:
                    false_claim, error = falsified
                    yield _pair(sentences, false_claim, NO, error, rng)
            elif drawn < _FALSIFIED + _ASTRAY:
                unrelated = [sentence for sentence in sentences if claim not in sentence]
                yield _pair(unrelated, claim, NO, "astray", rng)
            else:
                yield _pair(sentences, claim, YES, kind, rng)


def _pair(sentences: Sequence[str], claim: str, answer: str, kind: str, rng: Random) -> Pair:
    chosen, _ = find_evidence(
        SentenceView(claim), sentences, max_sentences=rng.randint(1, _MAX_EVIDENCE)
    )
    evidence = [sentences[index] for index in sorted(chosen)]
    return Pair(claim_text(evidence, claim), answer, kind)


def reworded_claims(rows: Iterable[Row], rng: Random) -> Iterator[Article]:
    """Yield articles of one version per segment, with other versions of equal facts as claims."""
    documents: Mapping[str, list[Row]] = defaultdict(list)
    for row in rows:
        documents[row["doc"]].append(row)
    for document in documents.values():
        segments = {row["seg"]: row for row in document}
        ordered = [segments[number] for number in sorted(segments)]
        for start in range(0, len(ordered), _WINDOW_SEGMENTS):
            window = ordered[start : start + _WINDOW_SEGMENTS]
            sentences = [row["target"].strip() for row in window]
            claims = [
                ("reworded", rng.choice(versions))
                for row in window
                if is_trainable(row["target"].strip())
                and (versions := _versions_with_same_facts(row))
            ]
            yield sentences, claims


def _versions_with_same_facts(row: Row) -> list[str]:
    """Return the other versions that have the target's numbers, names and negations."""
    target = row["target"].strip()
    facts = numbers(target), set(names(target)), negations(target)
    return [
        version.strip()
        for version in row["targets"]
        if (numbers(version), set(names(version)), negations(version)) == facts
        and version.strip() != target
    ]
