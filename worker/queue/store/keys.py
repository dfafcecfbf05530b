"""The names of all Redis keys; only the store's modules use them.

Each key has a time to live, or a method that deletes it; the key's comment says which.
"""

from __future__ import annotations

from worker.records.job import JobId

__all__ = ["Key", "member_of", "read_member"]


class Key:
    """Every key of the store."""

    #: Sorted set, job id → time of creation; ``create`` drops jobs past their time to live.
    JOBS = "cd:jobs"
    #: Sorted set, job id → time of creation: jobs with chunks on their waiting list;
    #: ``notify_next`` drops a job once its list is empty or the job has expired.
    ACTIVE = "cd:active"
    #: Sorted set, job id → deadline in Unix ms; dropped by ``cancel``.
    DEADLINES = "cd:deadlines"
    #: Sorted set, ``job:chunk`` → end of lease in Unix ms; dropped by ``complete`` and ``release``.
    LEASES = "cd:leases"
    #: Hash: totals of all jobs since the store was created; a few dozen fields.
    STATS = "cd:stats"
    #: Sorted set, worker → last time seen in Unix ms; ``record_presence`` drops old ones.
    WORKERS = "cd:workers"
    #: String with a time to live: name of the leading reconciler.
    LEADER = "cd:leader"

    #: Celery's sorted set, delivery tag → time of delivery. Celery redelivers a message after the
    #: visibility timeout, and removes its tag once the message is acknowledged.
    UNACKED = "cd:mq:unacked_index"

    @staticmethod
    def notified(lane: int) -> str:
        """Sorted set, ``job:chunk`` → Unix ms; dropped by ``claim`` and ``lost_notifications``."""
        return f"cd:notified:{lane}"

    @staticmethod
    def queue(name: str, lane: int) -> str:
        """Celery's list of one lane's messages, oldest last, under kombu's name for it."""
        return f"cd:mq:{name}" if lane == 0 else f"cd:mq:{name}\x06\x16{lane}"

    @staticmethod
    def job(job: str) -> str:
        """Hash with a time to live: profile, priority, deadline, counters, flags."""
        return f"cd:job:{job}"

    @staticmethod
    def chunk(job: str, number: int) -> str:
        """Hash with a time to live: articles (blob), size, lane, state, attempts, holder, outcomes.

        For each article N that was processed alone, also ``alone:N`` (the numbers of those
        attempts) and, if one of them took too long, ``slow:N``.
        """
        return f"cd:job:{job}:chunk:{number}"

    @staticmethod
    def ids(job: str) -> str:
        """Hash with a time to live: article id → ``chunk:position``."""
        return f"cd:job:{job}:ids"

    @staticmethod
    def waiting(job: str) -> str:
        """List with a time to live: ``chunk:lane`` of chunks that await notification, in order."""
        return f"cd:job:{job}:waiting"

    @staticmethod
    def failed(job: str) -> str:
        """Hash with a time to live: article id → dead letter (JSON)."""
        return f"cd:job:{job}:failed"

    @staticmethod
    def reasons(job: str) -> str:
        """Hash with a time to live: ``edits:false_break`` and the like → count."""
        return f"cd:job:{job}:reasons"

    @staticmethod
    def events(job: str) -> str:
        """Stream with a time to live: the latest transitions of the job's chunks."""
        return f"cd:job:{job}:events"

    @staticmethod
    def refused(job: str) -> str:
        """List with a time to live: inputs that were refused."""
        return f"cd:job:{job}:refused"

    @staticmethod
    def result(profile_digest: str, content_digest: str) -> str:
        """Blob with a time to live: the result for one content and profile, shared by all jobs."""
        return f"cd:result:{profile_digest}:{content_digest}"

    @staticmethod
    def worker(name: str) -> str:
        """String with a time to live: a worker's presence (JSON)."""
        return f"cd:worker:{name}"


def member_of(job: str, chunk: int) -> str:
    """Return the sorted-set member that stands for a chunk."""
    return f"{job}:{chunk}"


def read_member(member: bytes) -> tuple[JobId, int]:
    """Return the job and the chunk number that a sorted-set member stands for."""
    job, _, chunk = member.decode().rpartition(":")
    return JobId(job), int(chunk)
