"""Whether a proposal with the words of its source puts them into another relation.

Called by ``worker.stages.repair.fidelity`` when nothing is lost or won: what is left then differs
in order alone.
"""

from __future__ import annotations

from worker.english.lexicon import BE_FORMS, INTRANSITIVES, IRREGULAR_FORMS, bases, related
from worker.english.sentence_view import SentenceView, relatives

__all__ = ["rearranged", "role_difference", "voice_difference"]


def rearranged(source: SentenceView, proposal: SentenceView) -> str | None:
    """Content words in another order than by moving one run of them to another place.

    That lets a clause or an adjective move, but not two words change places around a third:
    "the army said the rebels fled".
    """
    places = sorted(relatives(source, proposal), key=lambda pair: pair[1])
    order = [at for at, _ in places]
    ranks = {at: rank for rank, at in enumerate(sorted(order))}
    moved = [ranks[at] for at in order]
    low, high = 0, len(moved)
    while low < high and moved[low] == low:
        low += 1
    while high > low and moved[high - 1] == high - 1:
        high -= 1
    middle = moved[low:high]
    turn = middle.index(low) if middle else 0
    return None if middle[turn:] + middle[:turn] == list(range(low, high)) else "order of words"


_PARTICIPLES = frozenset(form for form, base in IRREGULAR_FORMS.items() if form != base)


def voice_difference(source: SentenceView, proposal: SentenceView) -> str | None:
    """A verb that turned from active to passive or back: another one now does the deed."""
    for at, place in relatives(source, proposal):
        (word, here), (new, there) = source.content[at], proposal.content[place]
        participles = all(w.endswith("ed") or w in _PARTICIPLES for w in (word, new))
        if participles and bases(word).isdisjoint(INTRANSITIVES):
            before, after = _passive(source, here), _passive(proposal, there)
            if before is not None and after is not None and before != after:
                return f"voice of {word}"
    return None


def _passive(side: SentenceView, at: int) -> bool | None:
    """Whether a form of ``be`` stands right before a participle; ``None`` in a relative clause."""
    for index in range(at - 1, max(-1, at - 4), -1):
        lower = side.tokens[index].text.lower()
        if lower in BE_FORMS:
            opener = side.tokens[index - 1].text.lower() if index else ""
            return None if opener in {"who", "which", "that"} else True
        if not (lower.endswith("ly") or lower in {"not", "n't", "also", "been", "being"}):
            return False
    return False


#: Prepositions that say who does it to whom; the others say where, when and how.
_ROLES = frozenset({"to", "by", "from"})


def role_difference(source: SentenceView, proposal: SentenceView) -> str | None:
    """A preposition of role that has moved to another word: "cut to traffic", "to cut traffic"."""
    before, after = (
        side.governed(lambda token: token.text.lower() if token.text.lower() in _ROLES else "")
        for side in (source, proposal)
    )
    if sorted(name for name, _ in before) != sorted(name for name, _ in after):
        return None
    left = list(after)
    for name, word in before:
        at = next(
            (at for at, (other, new) in enumerate(left) if other == name and related(word, new)),
            None,
        )
        if at is None:
            return f"{name} {word}"
        del left[at]
    return None
