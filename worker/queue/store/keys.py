"""Names of every Redis key. Only ``jobs``, ``ledger`` and ``roster`` use them.

Each key has a time to live, or an owner that deletes it; both stand in its docstring.
"""

from __future__ import annotations

__all__ = ["Key", "member_of", "read_member"]


class Key:
    """Every key there is."""

    #: Sorted set, job id → time of creation; ``create`` drops those past their time to live.
    JOBS = "cd:jobs"
    #: Sorted set, job id → time of creation: jobs with chunks that wait to be notified;
    #: ``notify_next`` drops a job when nothing waits any more, and one that has expired.
    ACTIVE = "cd:active"
    #: Sorted set, job id → deadline in Unix ms; ``cancel`` and ``overdue_jobs`` drop.
    DEADLINES = "cd:deadlines"
    #: Sorted set, ``job:chunk`` → end of lease in Unix ms; ``complete`` and ``release`` drop.
    LEASES = "cd:leases"
    #: Hash: what all jobs together came to since the store was made; a few dozen fields.
    STATS = "cd:stats"
    #: Sorted set, worker → last time seen in Unix ms; ``record_presence`` drops the long gone.
    WORKERS = "cd:workers"
    #: String with a time to live: which worker's reconciler leads.
    LEADER = "cd:leader"

    #: Sorted set of Celery's own, delivery tag → time of delivery; past the visibility timeout
    #: it delivers again. Celery removes the tag when the message is settled.
    UNACKED = "cd:mq:unacked_index"

    @staticmethod
    def notified(lane: int) -> str:
        """Sorted set, ``job:chunk`` → Unix ms of notification; ``claim`` and the reconciler drop."""
        return f"cd:notified:{lane}"

    @staticmethod
    def queue(name: str, lane: int) -> str:
        """List of Celery's own: messages of one lane, the oldest last (kombu's spelling)."""
        return f"cd:mq:{name}" if lane == 0 else f"cd:mq:{name}\x06\x16{lane}"

    @staticmethod
    def job(job: str) -> str:
        """Hash with a time to live: profile, priority, deadline, counters, flags."""
        return f"cd:job:{job}"

    @staticmethod
    def chunk(job: str, number: int) -> str:
        """Hash with a time to live: articles (blob), size, lane, state, attempts, holder, outcomes.

        For each article N that was worked on alone also ``alone:N`` (in which attempts) and
        ``slow:N``.
        """
        return f"cd:job:{job}:chunk:{number}"

    @staticmethod
    def ids(job: str) -> str:
        """Hash with a time to live: article id → ``chunk:position``."""
        return f"cd:job:{job}:ids"

    @staticmethod
    def waiting(job: str) -> str:
        """List with a time to live: ``chunk:lane`` of the chunks not notified yet, in order."""
        return f"cd:job:{job}:waiting"

    @staticmethod
    def failed(job: str) -> str:
        """Hash with a time to live: article id → dead letter (JSON)."""
        return f"cd:job:{job}:failed"

    @staticmethod
    def reasons(job: str) -> str:
        """Hash with a time to live: ``edits:false_break`` and the like → how often."""
        return f"cd:job:{job}:reasons"

    @staticmethod
    def events(job: str) -> str:
        """Stream with a time to live: the last transitions of the job's chunks."""
        return f"cd:job:{job}:events"

    @staticmethod
    def refused(job: str) -> str:
        """List with a time to live: inputs that were not accepted."""
        return f"cd:job:{job}:refused"

    @staticmethod
    def result(profile_digest: str, content_digest: str) -> str:
        """Blob with a time to live: the result of one content under one profile, of any job."""
        return f"cd:result:{profile_digest}:{content_digest}"

    @staticmethod
    def worker(name: str) -> str:
        """String with a time to live: what a worker says of itself."""
        return f"cd:worker:{name}"


def member_of(job: str, chunk: int) -> str:
    """A chunk as a member of the sorted sets."""
    return f"{job}:{chunk}"


def read_member(member: bytes) -> tuple[str, int]:
    """Job and number of the chunk that is a member of a sorted set."""
    job, _, chunk = member.decode().rpartition(":")
    return job, int(chunk)
