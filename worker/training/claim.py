"""Pairs of a claim beside its evidence and whether the evidence says it: "yes" or "no".

True claims are sentences of an article, shortened ones, and other wordings of the same segment by
other translators. False ones are true ones that were spoilt (``worker.damage.claim``), and other
sentences of the article held against evidence that does not say them.
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
from worker.training.pair import Pair, Row, is_fit

__all__ = ["Article", "claim_pairs", "reworded_claims"]

#: A clean article's sentences with true claims about it, by kind.
Article = tuple[Sequence[str], Sequence[tuple[str, str]]]

#: Sentences that a claim is held against, in training as in the service; by lot one, two or three,
#: so that the number says nothing.
_MOST_EVIDENCE = 3

#: Share of claims that are spoilt, and of the rest that are held against others' evidence.
_SPOILT, _ASTRAY = 0.5, 0.06

#: Segments of a document that make an article to draw evidence from, about so many.
_WINDOW = 12


def claim_pairs(articles: Iterable[Article], rng: Random) -> Iterator[Pair]:
    """One pair for each claim, true or spoilt by lot; its kind says which."""
    for sentences, claims in articles:
        for kind, claim in claims:
            lot = rng.random()
            if lot < _SPOILT:
                made = falsify(claim, sentences, rng)
                if made is not None:
                    yield _pair(sentences, made[0], NO, made[1], rng)
            elif lot < _SPOILT + _ASTRAY:
                others = [sentence for sentence in sentences if claim not in sentence]
                yield _pair([one for one in others if one != claim], claim, NO, "astray", rng)
            else:
                yield _pair(sentences, claim, YES, kind, rng)


def _pair(sentences: Sequence[str], claim: str, answer: str, kind: str, rng: Random) -> Pair:
    chosen, _ = find_evidence(SentenceView(claim), sentences, most=rng.randint(1, _MOST_EVIDENCE))
    evidence = [sentences[at] for at in sorted(chosen)]
    return Pair(claim_text(evidence, claim), answer, kind)


def reworded_claims(rows: Iterable[Row], rng: Random) -> Iterator[Article]:
    """Documents of one version each, whose claims are other versions with the same facts."""
    documents: Mapping[str, list[Row]] = defaultdict(list)
    for row in rows:
        documents[row["doc"]].append(row)
    for document in documents.values():
        segments = {row["seg"]: row for row in document}
        ordered = [segments[number] for number in sorted(segments)]
        for start in range(0, len(ordered), _WINDOW):
            window = ordered[start : start + _WINDOW]
            sentences = [row["target"].strip() for row in window]
            claims = [
                ("reworded", rng.choice(alike))
                for row in window
                if is_fit(row["target"].strip()) and (alike := _alike(row))
            ]
            yield sentences, claims


def _alike(row: Row) -> list[str]:
    """The versions of a segment with the numbers, names and negations of its target."""
    target = row["target"].strip()
    facts = numbers(target), set(names(target)), negations(target)
    return [
        version.strip()
        for version in row["targets"]
        if (numbers(version), set(names(version)), negations(version)) == facts
        and version.strip() != target
    ]
