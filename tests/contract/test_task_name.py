"""Names that lie in the brokers of running installations: changed, they lose what is queued."""

from __future__ import annotations

import subprocess
import sys

import pytest

from worker.config.settings import Settings
from worker.queue.celery_app import PROCESS_CHUNK, QUEUE, create_app
from worker.queue.store.keys import Key

#: Everything of ours in a broker begins so; configs/docker/users.acl allows nothing else.
PREFIX = "cd:"


def test_the_task_and_its_queue() -> None:
    assert PROCESS_CHUNK == "copydesk.process_chunk"
    assert QUEUE == "copydesk"


def test_the_worker_has_this_task_and_no_other() -> None:
    # In a process of its own: Celery's signals are global.
    program = (
        "from worker.config.settings import load_settings\n"
        "from worker.queue.tasks import build_worker\n"
        "tasks = build_worker(load_settings()).app.tasks\n"
        "print(*(name for name in tasks if name[:7] != 'celery.'))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stdout.split() == [PROCESS_CHUNK]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (Key.JOBS, "cd:jobs"),
        (Key.ACTIVE, "cd:active"),
        (Key.DEADLINES, "cd:deadlines"),
        (Key.LEASES, "cd:leases"),
        (Key.STATS, "cd:stats"),
        (Key.WORKERS, "cd:workers"),
        (Key.LEADER, "cd:leader"),
        (Key.notified(5), "cd:notified:5"),
        (Key.queue("q", 0), "cd:mq:q"),
        (Key.queue("q", 3), "cd:mq:q\x06\x163"),
        (Key.waiting("J"), "cd:job:J:waiting"),
        (Key.failed("J"), "cd:job:J:failed"),
        (Key.reasons("J"), "cd:job:J:reasons"),
        (Key.events("J"), "cd:job:J:events"),
        (Key.UNACKED, "cd:mq:unacked_index"),
        (Key.job("J"), "cd:job:J"),
        (Key.chunk("J", 7), "cd:job:J:chunk:7"),
        (Key.ids("J"), "cd:job:J:ids"),
        (Key.refused("J"), "cd:job:J:refused"),
        (Key.result("P", "C"), "cd:result:P:C"),
        (Key.worker("W"), "cd:worker:W"),
    ],
)
def test_keys(key: str, expected: str) -> None:
    assert key == expected


def test_every_key_is_pinned_and_prefixed() -> None:
    makers = [name for name in vars(Key) if not name.startswith("__")]
    constants = [getattr(Key, name) for name in makers if name.isupper()]

    assert len(makers) == 20
    assert all(key.startswith(PREFIX) for key in constants)


def test_the_messages_have_the_prefix_too(settings: Settings) -> None:
    conf = create_app(settings).conf

    assert conf.broker_transport_options["global_keyprefix"] == "cd:mq:"
    assert [queue.name for queue in conf.task_queues] == [QUEUE]
    assert conf.task_default_queue == QUEUE


def test_messages_are_json_only(settings: Settings) -> None:
    conf = create_app(settings).conf

    assert conf.accept_content == ["json"]
    assert conf.task_serializer == "json"
    assert conf.result_backend is None


@pytest.fixture
def settings() -> Settings:
    return Settings()
