"""The job store: the only owner of Redis keys, article states and their transitions.

Every key starts with ``cd:`` and has a time to live, or an owner named in ``_Key``. An
article is counted in exactly one of queued, running, done, failed and cancelled, from one
atomic step to the next, so the five always sum to the job's total.
"""

from __future__ import annotations

import json
import secrets
import time
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from worker.blob import pack
from worker.errors import ArticleNotFoundError, JobNotFoundError
from worker.records import (
    Article,
    ArticleState,
    Claim,
    CollectedArticle,
    InputRefusal,
    JobId,
    JobProgress,
    Outcome,
    Processed,
    Result,
    Trial,
    WorkerPresence,
)
from worker.settings import Profile
from worker.stored import dump_outcomes, read_articles, read_collected, read_progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import redis

__all__ = ["LEASE_MILLISECONDS", "JobStore"]

#: A chunk is another task's to take when its lease was not renewed for so long. Six renewals
#: fit in, so a busy machine that misses some keeps its chunk.
LEASE_MILLISECONDS = 60_000

#: A worker that has not shown itself for so long is not listed any more. It shows itself
#: every two seconds, Celery's heartbeat interval.
_PRESENCE_SECONDS = 15


class _Key:
    """Every key there is."""

    #: Sorted set, job id → time of creation; ``create`` drops those past their time to live.
    JOBS = "cd:jobs"
    #: Sorted set, ``job:chunk`` → end of lease in Unix ms; ``complete`` and ``release`` drop.
    LEASES = "cd:leases"

    #: Sorted set of Celery's own, delivery tag → time of delivery; past the visibility timeout
    #: it delivers again. Celery removes the tag when the message is settled.
    UNACKED = "cd:mq:unacked_index"

    @staticmethod
    def job(job: str) -> str:
        """Hash: profile, counters, flags."""
        return f"cd:job:{job}"

    @staticmethod
    def chunk(job: str, number: int) -> str:
        """Hash: articles (blob), size, state, attempts, task, token, outcomes.

        For each article N that was worked on alone also ``alone:N`` (how often) and ``slow:N``.
        """
        return f"cd:job:{job}:chunk:{number}"

    @staticmethod
    def ids(job: str) -> str:
        """Hash: article id → ``chunk:position``."""
        return f"cd:job:{job}:ids"

    @staticmethod
    def refused(job: str) -> str:
        """List: inputs that were not accepted."""
        return f"cd:job:{job}:refused"

    @staticmethod
    def result(profile_digest: str, content_digest: str) -> str:
        """Blob: the result of one content under one profile, whatever job it came from."""
        return f"cd:result:{profile_digest}:{content_digest}"

    @staticmethod
    def worker(name: str) -> str:
        """String: a worker that is alive."""
        return f"cd:worker:{name}"


class JobStore:
    """Jobs, chunks, results and workers in one Redis or Valkey."""

    def __init__(self, client: redis.Redis, *, ttl_seconds: int) -> None:
        self._redis: Any = client
        self._ttl = ttl_seconds

    # Submit ---------------------------------------------------------------------------------

    def create(self, profile: Profile) -> JobId:
        """A new, empty, open job."""
        now = time.time()
        job = JobId(f"{datetime.fromtimestamp(now, UTC):%y%m%d-%H%M}-{secrets.token_hex(3)}")
        counters = dict.fromkeys(
            ("total", "cached", "refused", "chunks", "closed", "cancel", *ArticleState), 0
        )
        with self._redis.pipeline() as pipe:
            pipe.hset(
                _Key.job(job),
                mapping={"profile": profile.model_dump_json(), "created": now, **counters},
            )
            pipe.expire(_Key.job(job), self._ttl)
            pipe.zadd(_Key.JOBS, {job: now})
            pipe.zremrangebyscore(_Key.JOBS, "-inf", now - self._ttl)
            pipe.execute()
        return job

    def known(self, profile: Profile, articles: Sequence[Article]) -> list[bool]:
        """For each article whether its result is there; those that are live on for a full term."""
        with self._redis.pipeline(transaction=False) as pipe:
            for article in articles:
                pipe.expire(_Key.result(profile.digest, article.content_digest), self._ttl)
            return [bool(found) for found in pipe.execute()]

    def add_chunk(
        self, job: JobId, number: int, articles: Sequence[Article], *, cached: bool
    ) -> None:
        """Accept ``articles`` as chunk ``number``; with ``cached`` they are done at once."""
        self._require(job)
        size = len(articles)
        state = ArticleState.DONE if cached else ArticleState.QUEUED
        fields: dict[str, Any] = {
            "articles": pack([article.model_dump(mode="json") for article in articles]),
            "size": size,
            "attempts": 0,
            "state": state.value,
        }
        if cached:
            outcome = Outcome(state=ArticleState.DONE, cached=True)
            fields["outcomes"] = dump_outcomes([outcome] * size)
        with self._redis.pipeline() as pipe:
            pipe.hset(_Key.chunk(job, number), mapping=fields)
            pipe.expire(_Key.chunk(job, number), self._ttl)
            pipe.hset(
                _Key.ids(job),
                mapping={article.id: f"{number}:{at}" for at, article in enumerate(articles)},
            )
            pipe.expire(_Key.ids(job), self._ttl)
            for counter in ("total", state.value, *(("cached",) if cached else ())):
                pipe.hincrby(_Key.job(job), counter, size)
            pipe.hincrby(_Key.job(job), "chunks", 1)
            pipe.execute()

    def refuse(self, job: JobId, refusal: InputRefusal) -> None:
        """Record an input that was not accepted."""
        self._require(job)
        with self._redis.pipeline() as pipe:
            pipe.rpush(_Key.refused(job), refusal.model_dump_json())
            pipe.expire(_Key.refused(job), self._ttl)
            pipe.hincrby(_Key.job(job), "refused", 1)
            pipe.execute()

    def close(self, job: JobId) -> None:
        """All of the job's articles are in: it can finish."""
        self._require(job)
        self._redis.hset(_Key.job(job), "closed", 1)

    # Work -------------------------------------------------------------------------------------

    def claim(self, job: JobId, chunk: int, *, task: str, came_back: bool) -> Claim | str:
        """The chunk for this task to work on, or why not.

        Args:
            job: the job's id.
            chunk: number of the chunk in its job.
            task: id of the Celery message, the same each time it is delivered.
            came_back: this message was retried or delivered again, so that its former holder
                is gone and a lease under its id may be taken over.

        Returns:
            The claim; or ``gone``, ``done``, ``cancelled`` or ``held``.
        """
        token = f"{task}:{time.time_ns()}:{secrets.token_hex(4)}"
        verdict, attempts = self._script("claim")(
            keys=[_Key.job(job), _Key.chunk(job, chunk), _Key.LEASES],
            args=[f"{job}:{chunk}", task, token, LEASE_MILLISECONDS, int(came_back)],
        )
        if verdict != b"claimed":
            return cast("bytes", verdict).decode()
        profile = Profile.model_validate_json(self._redis.hget(_Key.job(job), "profile"))
        blob = self._redis.hget(_Key.chunk(job, chunk), "articles")
        return Claim(
            job=job,
            chunk=chunk,
            token=token,
            attempts=int(attempts),
            profile=profile,
            articles=read_articles(blob),
        )

    def renew(self, claim: Claim, *, delivery: str) -> bool:
        """Prolong the lease, and Celery's patience with the message ``delivery`` (its tag).

        Returns:
            ``False`` when the chunk is another task's by now.
        """
        self._redis.zadd(_Key.UNACKED, {delivery: time.time()}, xx=True)
        keys = [_Key.chunk(claim.job, claim.chunk), _Key.LEASES]
        args = [f"{claim.job}:{claim.chunk}", claim.token, LEASE_MILLISECONDS]
        return bool(self._script("renew")(keys=keys, args=args))

    def begin_alone(self, claim: Claim, position: int) -> Trial:
        """Note that this article is worked on alone; returns what is known of earlier times."""
        key = _Key.chunk(claim.job, claim.chunk)
        number = int(self._redis.hincrby(key, f"alone:{position}", 1))
        return Trial(number=number, was_too_slow=self._redis.hexists(key, f"slow:{position}"))

    def note_too_slow(self, claim: Claim, position: int) -> None:
        """Note that this article alone took longer than a task may."""
        self._redis.hset(_Key.chunk(claim.job, claim.chunk), f"slow:{position}", 1)

    def keep(self, claim: Claim, position: int, result: Result) -> None:
        """Store one result ahead of its chunk's completion, so that no later try repeats it."""
        key = _Key.result(claim.profile.digest, claim.articles[position].content_digest)
        self._redis.set(key, pack(result.model_dump(mode="json")), ex=self._ttl)

    def release(self, claim: Claim) -> bool:
        """Give the chunk back to the queue's books; ``False`` when it was another task's."""
        keys = [_Key.job(claim.job), _Key.chunk(claim.job, claim.chunk), _Key.LEASES]
        args = [f"{claim.job}:{claim.chunk}", claim.token]
        return bool(self._script("release")(keys=keys, args=args))

    def complete(self, claim: Claim, processed: Sequence[Processed]) -> bool:
        """Record outcomes and results in one step, once.

        Args:
            claim: the chunk, still held.
            processed: one entry per article of the claim, in their order.

        Returns:
            ``False`` when the chunk is another task's by now; then nothing was written.
        """
        if len(processed) != len(claim.articles):
            raise ValueError(f"{len(processed)} results for {len(claim.articles)} articles")
        outcomes = [item.outcome for item in processed]
        computed = {
            _Key.result(claim.profile.digest, article.content_digest): item.result
            for article, item in zip(claim.articles, processed, strict=True)
            if item.result is not None
        }
        states = [outcome.state for outcome in outcomes]
        keys = [_Key.job(claim.job), _Key.chunk(claim.job, claim.chunk), _Key.LEASES, *computed]
        args: list[Any] = [f"{claim.job}:{claim.chunk}", claim.token, dump_outcomes(outcomes)]
        args += [states.count(ArticleState.DONE), sum(outcome.cached for outcome in outcomes)]
        args += [states.count(ArticleState.FAILED), self._ttl]
        args += [pack(result.model_dump(mode="json")) for result in computed.values()]
        return bool(self._script("complete")(keys=keys, args=args))

    def show_worker(self, worker: WorkerPresence) -> None:
        """Note that ``worker`` is alive, for the next seconds."""
        said = json.dumps({"pid": worker.pid, "done_chunks": worker.done_chunks})
        self._redis.set(_Key.worker(worker.name), said, ex=_PRESENCE_SECONDS)

    # Look -------------------------------------------------------------------------------------

    def jobs(self) -> list[JobProgress]:
        """Every job that has not expired, newest first."""
        found = self._redis.zrevrange(_Key.JOBS, 0, -1)
        with self._redis.pipeline(transaction=False) as pipe:
            for job in found:
                pipe.hgetall(_Key.job(job.decode()))
            hashes = pipe.execute()
        return [
            read_progress(JobId(job.decode()), fields)
            for job, fields in zip(found, hashes, strict=True)
            if fields
        ]

    def progress(self, job: JobId) -> JobProgress:
        """The job's counters at this moment.

        Raises:
            JobNotFoundError: no such job, or it has expired.
        """
        fields = self._redis.hgetall(_Key.job(job))
        if not fields:
            raise _not_found(job)
        return read_progress(job, fields)

    def refusals(self, job: JobId) -> Iterator[InputRefusal]:
        """The inputs that submit did not accept, in their order."""
        step = 1000
        for start in range(0, self._redis.llen(_Key.refused(job)), step):
            for said in self._redis.lrange(_Key.refused(job), start, start + step - 1):
                yield InputRefusal.model_validate_json(said)

    def articles(self, job: JobId) -> Iterator[CollectedArticle]:
        """Every article of the job with what is known of it now, chunk by chunk."""
        profile = self._profile(job)
        for number in range(self._chunks(job)):
            yield from self._chunk_articles(job, number, profile)

    def article(self, job: JobId, article_id: str) -> CollectedArticle:
        """One article by its id.

        Raises:
            JobNotFoundError: no such job.
            ArticleNotFoundError: it has no such article.
        """
        profile = self._profile(job)
        place = self._redis.hget(_Key.ids(job), article_id)
        if place is None:
            raise ArticleNotFoundError(
                f"job {job} has no article {article_id!r}",
                hint="copydesk collect writes the ids of all into results.jsonl",
            )
        number, at = (int(part) for part in place.split(b":"))
        return list(self._chunk_articles(job, number, profile))[at]

    def workers(self) -> list[WorkerPresence]:
        """The workers that have shown themselves in the last seconds, by name."""
        prefix = _Key.worker("")
        names = sorted(key.decode() for key in self._redis.scan_iter(match=prefix + "*"))
        said = self._redis.mget(names) if names else []
        return [
            WorkerPresence(name=name.removeprefix(prefix), **json.loads(value))
            for name, value in zip(names, said, strict=True)
            if value is not None
        ]

    def _require(self, job: JobId) -> None:
        """Writing to an expired job would bring it back as a few fields that never expire."""
        if not self._redis.exists(_Key.job(job)):
            raise _not_found(job)

    def _profile(self, job: JobId) -> Profile:
        said = self._redis.hget(_Key.job(job), "profile")
        if said is None:
            raise _not_found(job)
        return Profile.model_validate_json(said)

    def _chunks(self, job: JobId) -> int:
        return int(self._redis.hget(_Key.job(job), "chunks") or 0)

    def _chunk_articles(
        self, job: JobId, number: int, profile: Profile
    ) -> Iterator[CollectedArticle]:
        fields = self._redis.hmget(_Key.chunk(job, number), "articles", "outcomes", "state")
        blob, said, state = fields
        articles = read_articles(blob)
        if said is None:
            running = Outcome(state=ArticleState(state.decode()))
            yield from (CollectedArticle(article=article, outcome=running) for article in articles)
            return
        outcomes = [Outcome.model_validate(fields) for fields in json.loads(said)]
        blobs = self._redis.mget(
            [_Key.result(profile.digest, article.content_digest) for article in articles]
        )
        for article, outcome, found in zip(articles, outcomes, blobs, strict=True):
            yield read_collected(article, outcome, found)

    def _script(self, name: str) -> Any:
        return self._redis.register_script(_lua(name))


@cache
def _lua(name: str) -> str:
    return (Path(__file__).parent / "lua" / f"{name}.lua").read_text(encoding="utf-8")


def _not_found(job: JobId) -> JobNotFoundError:
    return JobNotFoundError(
        f"there is no job {job}", hint="copydesk jobs lists those that there are"
    )
