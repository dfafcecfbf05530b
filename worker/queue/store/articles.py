"""Reads a job's articles, refusals and dead letters, for ``collect``, ``show`` and ``dlq``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from worker.config.profile import Profile
from worker.errors import ArticleNotFoundError, JobNotFoundError
from worker.queue.store.codec import read_articles, read_collected, read_outcomes, read_unfinished
from worker.queue.store.keys import Key
from worker.records.article import CollectedArticle, DeadLetter, InputRefusal
from worker.records.job import JobId

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis

__all__ = ["Collection"]

#: Maximum number of list entries or hash fields that one command reads.
_PAGE = 1_000


class Collection:
    """The articles, refusals and dead letters in one Redis or Valkey."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis: Any = client

    def refusals(self, job_id: JobId) -> Iterator[InputRefusal]:
        """Yield the inputs that submit refused, in order."""
        for start in range(0, self._redis.llen(Key.refused(job_id)), _PAGE):
            for refusal in self._redis.lrange(Key.refused(job_id), start, start + _PAGE - 1):
                yield InputRefusal.model_validate_json(refusal)

    def dead_letters(self, job_id: JobId) -> Iterator[DeadLetter]:
        """Yield the dead letters of the job's failed articles, in no particular order."""
        for _, letter in self._redis.hscan_iter(Key.failed(job_id), count=_PAGE):
            yield DeadLetter.model_validate_json(letter)

    def articles(self, job_id: JobId) -> Iterator[CollectedArticle]:
        """Yield every article of the job with its current outcome, chunk by chunk."""
        chunks = int(self._redis.hget(Key.job(job_id), "chunks") or 0)
        profile = self.profile(job_id)
        for number in range(chunks):
            for _, article in self._chunk(job_id, number, profile):
                yield article

    def chunk(self, job_id: JobId, number: int) -> Iterator[tuple[int, CollectedArticle]]:
        """Yield a chunk's articles with their positions, except articles moved to another chunk."""
        return self._chunk(job_id, number, self.profile(job_id))

    def article(self, job_id: JobId, article_id: str) -> CollectedArticle:
        """Return one article with its current outcome.

        Raises:
            JobNotFoundError: there is no such job.
            ArticleNotFoundError: the job has no such article.
        """
        profile = self.profile(job_id)
        place = self._redis.hget(Key.ids(job_id), article_id)
        if place is None:
            raise ArticleNotFoundError(
                f"job {job_id} has no article {article_id!r}",
                hint="copydesk collect writes the ids of all into results.jsonl",
            )
        number, position = (int(part) for part in place.split(b":"))
        return dict(self._chunk(job_id, number, profile))[position]

    def profile(self, job_id: JobId) -> Profile:
        """Return the profile that the job's articles are processed with.

        Raises:
            JobNotFoundError: there is no such job.
        """
        profile = self._redis.hget(Key.job(job_id), "profile")
        if profile is None:
            raise JobNotFoundError(job_id)
        return Profile.model_validate_json(profile)

    def _chunk(
        self, job_id: JobId, number: int, profile: Profile
    ) -> Iterator[tuple[int, CollectedArticle]]:
        cancel = self._redis.hget(Key.job(job_id), "cancel")
        blob, outcomes, state = self._redis.hmget(
            Key.chunk(job_id, number), "articles", "outcomes", "state"
        )
        articles = read_articles(blob)
        if outcomes is None:
            unfinished = read_unfinished(state, cancel)
            for position, article in enumerate(articles):
                yield position, CollectedArticle(article=article, outcome=unfinished)
            return
        results = self._redis.mget(
            [Key.result(profile.digest, article.content_digest) for article in articles]
        )
        for position, outcome in enumerate(read_outcomes(outcomes)):
            if outcome is not None:
                yield position, read_collected(articles[position], outcome, results[position])
