"""A sentence with derived views that several checks share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cached_property

from worker.english.facts import Token, fold_typography, starts_name, token_content, tokens
from worker.english.lexicon import base_forms

__all__ = ["SentenceView", "pair_related_words"]


class SentenceView:
    """A sentence with its words, content, capitals and negations, each computed once."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.folded = fold_typography(text)
        self.tokens = tokens(text)

    @cached_property
    def words(self) -> list[str]:
        """The words in lower case, without punctuation; ``n't`` becomes ``not``."""
        lower = (token.text.lower() for token in self.tokens if token.text[-1].isalnum())
        return ["not" if word == "n't" else word for word in lower]

    @cached_property
    def content(self) -> list[tuple[str, int]]:
        """The content words, each with the index of its token."""
        return [
            (word, index)
            for index, token in enumerate(self.tokens)
            for word in token_content(token)
        ]

    @cached_property
    def followers(self) -> list[str]:
        """The next content word after each token, or an empty string if there is none."""
        reversed_followers: list[str] = []
        follower = ""
        for token in reversed(self.tokens):
            reversed_followers.append(follower)
            follower = next(iter(token_content(token)), follower)
        return reversed_followers[::-1]

    def governed(self, key: Callable[[Token], str]) -> list[tuple[str, str]]:
        """Return the key of each token that has a key, with the content word the token governs.

        Args:
            key: returns the key of a token, such as a negation or modal verb, or an empty string
                for any other token.
        """
        pairs = zip(map(key, self.tokens), self.followers, strict=True)
        return [(name, word) for name, word in pairs if name]

    @cached_property
    def capitals(self) -> tuple[Counter[str], Counter[str], list[str]]:
        """Capitalised words: counts of sure words, counts of unsure words, and all in order.

        A word is unsure if its position may explain its capital.
        """
        sure: Counter[str] = Counter()
        unsure: Counter[str] = Counter()
        order: list[str] = []
        for index, token in enumerate(self.tokens):
            follower = self.tokens[index + 1] if index + 1 < len(self.tokens) else None
            for part in token.text.split("-") if token.capital else ():
                if part != part.lower():
                    order.append(part)
                    (unsure if token.soft and not starts_name(token, follower) else sure)[part] += 1
        return sure, unsure, order

    @cached_property
    def lower_case(self) -> Counter[str]:
        """Counts of the words without a capital, with hyphenated words split into parts."""
        return Counter(
            part
            for token in self.tokens
            if token.text[0].isalnum()
            for part in token.text.split("-")
            if part == part.lower()
        )


def pair_related_words(source: SentenceView, proposal: SentenceView) -> list[tuple[int, int]]:
    """Pair the related content words of two sentences.

    Returns:
        Pairs of indexes into ``source.content`` and ``proposal.content``; each index is used at
        most once.
    """
    indexes_by_base: dict[str, list[int]] = {}
    for index, (word, _) in reversed(list(enumerate(source.content))):
        for base in base_forms(word):
            indexes_by_base.setdefault(base, []).append(index)
    paired: set[int] = set()
    pairs: list[tuple[int, int]] = []
    for proposal_index, (word, _) in enumerate(proposal.content):
        for base in (word, *sorted(base_forms(word) - {word})):
            source_indexes = indexes_by_base.get(base, [])
            while source_indexes and source_indexes[-1] in paired:
                source_indexes.pop()
            if source_indexes:
                paired.add(source_indexes[-1])
                pairs.append((source_indexes[-1], proposal_index))
                break
    return pairs
