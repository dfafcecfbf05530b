"""What has become of a job's articles, as ``collect``, ``show`` and ``dlq`` see it."""

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

#: Rows of a list or fields of a hash that one command reads.
_PAGE = 1_000


class Collection:
    """Articles, refusals and dead letters in one Redis or Valkey."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis: Any = client

    def refusals(self, job: JobId) -> Iterator[InputRefusal]:
        """The inputs that submit did not accept, in their order."""
        for start in range(0, self._redis.llen(Key.refused(job)), _PAGE):
            for said in self._redis.lrange(Key.refused(job), start, start + _PAGE - 1):
                yield InputRefusal.model_validate_json(said)

    def dead_letters(self, job: JobId) -> Iterator[DeadLetter]:
        """The articles of the job that ended as failed, in no order."""
        for _, said in self._redis.hscan_iter(Key.failed(job), count=_PAGE):
            yield DeadLetter.model_validate_json(said)

    def articles(self, job: JobId) -> Iterator[CollectedArticle]:
        """Every article of the job with what is known of it now, chunk by chunk."""
        chunks = int(self._redis.hget(Key.job(job), "chunks") or 0)
        profile = self.profile(job)
        for number in range(chunks):
            for _, found in self._chunk(job, number, profile):
                yield found

    def chunk(self, job: JobId, number: int) -> Iterator[tuple[int, CollectedArticle]]:
        """Positions and articles of a chunk, but for those that were moved to another."""
        return self._chunk(job, number, self.profile(job))

    def article(self, job: JobId, article_id: str) -> CollectedArticle:
        """One article by its id.

        Raises:
            JobNotFoundError: no such job.
            ArticleNotFoundError: it has no such article.
        """
        profile = self.profile(job)
        place = self._redis.hget(Key.ids(job), article_id)
        if place is None:
            raise ArticleNotFoundError(
                f"job {job} has no article {article_id!r}",
                hint="copydesk collect writes the ids of all into results.jsonl",
            )
        number, at = (int(part) for part in place.split(b":"))
        return dict(self._chunk(job, number, profile))[at]

    def profile(self, job: JobId) -> Profile:
        """What the job's articles are worked on with.

        Raises:
            JobNotFoundError: no such job.
        """
        said = self._redis.hget(Key.job(job), "profile")
        if said is None:
            raise JobNotFoundError(job)
        return Profile.model_validate_json(said)

    def _chunk(
        self, job: JobId, number: int, profile: Profile
    ) -> Iterator[tuple[int, CollectedArticle]]:
        cancel = self._redis.hget(Key.job(job), "cancel")
        fields = self._redis.hmget(Key.chunk(job, number), "articles", "outcomes", "state")
        blob, said, state = fields
        articles = read_articles(blob)
        if said is None:
            unfinished = read_unfinished(state, cancel)
            for at, article in enumerate(articles):
                yield at, CollectedArticle(article=article, outcome=unfinished)
            return
        blobs = self._redis.mget(
            [Key.result(profile.digest, article.content_digest) for article in articles]
        )
        for at, outcome in enumerate(read_outcomes(said)):
            if outcome is not None:
                yield at, read_collected(articles[at], outcome, blobs[at])
