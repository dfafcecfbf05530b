"""Checks that a proposal with the same words as its source keeps the relations between them.

``worker.stages.repair.fidelity`` calls these checks last, once word order is all that can still
differ. Each check returns the difference, or ``None``.
"""

from __future__ import annotations

from worker.english.lexicon import (
    BE_FORMS,
    INTRANSITIVES,
    IRREGULAR_FORMS,
    are_related,
    base_forms,
)
from worker.english.sentence_view import SentenceView, pair_related_words

__all__ = ["order_difference", "role_difference", "voice_difference"]


def order_difference(source: SentenceView, proposal: SentenceView) -> str | None:
    """Report content words whose new order takes more than one move of a single run of words.

    A clause or an adjective may move. Two words may not swap around a third word, as in "the army
    said the rebels fled".
    """
    pairs = sorted(pair_related_words(source, proposal), key=lambda pair: pair[1])
    indexes = [index for index, _ in pairs]
    rank_of = {index: rank for rank, index in enumerate(sorted(indexes))}
    ranks = [rank_of[index] for index in indexes]
    start, end = 0, len(ranks)
    while start < end and ranks[start] == start:
        start += 1
    while end > start and ranks[end - 1] == end - 1:
        end -= 1
    middle = ranks[start:end]
    turn = middle.index(start) if middle else 0
    is_rotated = middle[turn:] + middle[:turn] == list(range(start, end))
    return None if is_rotated else "order of words"


_PARTICIPLES = frozenset(form for form, base in IRREGULAR_FORMS.items() if form != base)


def voice_difference(source: SentenceView, proposal: SentenceView) -> str | None:
    """Report a verb that turned from active to passive or the reverse, which changes who acts."""
    for source_index, proposal_index in pair_related_words(source, proposal):
        word, source_token = source.content[source_index]
        new_word, proposal_token = proposal.content[proposal_index]
        are_participles = all(
            form.endswith("ed") or form in _PARTICIPLES for form in (word, new_word)
        )
        if are_participles and base_forms(word).isdisjoint(INTRANSITIVES):
            before = _is_passive(source, source_token)
            after = _is_passive(proposal, proposal_token)
            if before is not None and after is not None and before != after:
                return f"voice of {word}"
    return None


def _is_passive(sentence: SentenceView, token_index: int) -> bool | None:
    """Return whether a form of ``be`` precedes the participle; ``None`` in a relative clause."""
    for index in range(token_index - 1, max(-1, token_index - 4), -1):
        lower = sentence.tokens[index].text.lower()
        if lower in BE_FORMS:
            opener = sentence.tokens[index - 1].text.lower() if index else ""
            return None if opener in {"who", "which", "that"} else True
        if not (lower.endswith("ly") or lower in {"not", "n't", "also", "been", "being"}):
            return False
    return False


#: Prepositions that show who does what to whom; other prepositions show where, when and how.
_ROLES = frozenset({"to", "by", "from"})


def role_difference(source: SentenceView, proposal: SentenceView) -> str | None:
    """Report a role preposition that moved to another word: "cut to traffic", "to cut traffic"."""
    before, after = (
        sentence.governed(lambda token: token.text.lower() if token.text.lower() in _ROLES else "")
        for sentence in (source, proposal)
    )
    if sorted(role for role, _ in before) != sorted(role for role, _ in after):
        return None
    unmatched = list(after)
    for role, word in before:
        index = next(
            (
                index
                for index, (new_role, new_word) in enumerate(unmatched)
                if new_role == role and are_related(word, new_word)
            ),
            None,
        )
        if index is None:
            return f"{role} {word}"
        del unmatched[index]
    return None
