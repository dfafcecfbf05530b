"""A sentence with the views of it that several checks share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cached_property

from worker.english.facts import Token, fold, leads, token_content, tokens
from worker.english.lexicon import bases

__all__ = ["SentenceView", "relatives"]


class SentenceView:
    """A text with the views of it that several checks share."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.folded = fold(text)
        self.tokens = tokens(text)

    @cached_property
    def words(self) -> list[str]:
        """Lower-cased, without punctuation; ``n't`` as ``not``."""
        lower = (token.text.lower() for token in self.tokens if token.text[-1].isalnum())
        return ["not" if word == "n't" else word for word in lower]

    @cached_property
    def content(self) -> list[tuple[str, int]]:
        """Content words with the index of their token."""
        return [(word, at) for at, token in enumerate(self.tokens) for word in token_content(token)]

    @cached_property
    def followers(self) -> list[str]:
        """For each token the first content word behind it; empty where there is none."""
        found: list[str] = []
        follower = ""
        for token in reversed(self.tokens):
            found.append(follower)
            follower = next(iter(token_content(token)), follower)
        return found[::-1]

    def governed(self, key: Callable[[Token], str]) -> list[tuple[str, str]]:
        """Keys of negations or modals, each with the content word that it governs."""
        keyed = zip(map(key, self.tokens), self.followers, strict=True)
        return [(name, word) for name, word in keyed if name]

    @cached_property
    def capitals(self) -> tuple[Counter[str], Counter[str], list[str]]:
        """Words with a capital: sure ones, ones that may owe it to their position, all in order."""
        sure: Counter[str] = Counter()
        unsure: Counter[str] = Counter()
        order: list[str] = []
        for at, token in enumerate(self.tokens):
            follower = self.tokens[at + 1] if at + 1 < len(self.tokens) else None
            for part in token.text.split("-") if token.capital else ():
                if part != part.lower():
                    order.append(part)
                    (unsure if token.soft and not leads(token, follower) else sure)[part] += 1
        return sure, unsure, order

    @cached_property
    def lower_case(self) -> Counter[str]:
        """The words without a capital, hyphenated ones in parts."""
        return Counter(
            part
            for token in self.tokens
            if token.text[0].isalnum()
            for part in token.text.split("-")
            if part == part.lower()
        )


def relatives(source: SentenceView, proposal: SentenceView) -> list[tuple[int, int]]:
    """Places in the two lists of content words that hold relatives, each place once."""
    by_base: dict[str, list[int]] = {}
    for at, (word, _) in reversed(list(enumerate(source.content))):
        for base in bases(word):
            by_base.setdefault(base, []).append(at)
    taken: set[int] = set()
    found: list[tuple[int, int]] = []
    for place, (word, _) in enumerate(proposal.content):
        for base in (word, *sorted(bases(word) - {word})):
            places = by_base.get(base, [])
            while places and places[-1] in taken:
                places.pop()
            if places:
                taken.add(places[-1])
                found.append((places[-1], place))
                break
    return found
