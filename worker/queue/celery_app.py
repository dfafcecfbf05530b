"""The Celery application and its policy. Imports nothing heavy.

Each setting was booted and kill-tested together with the others; docs/decisions/002-celery.md
has the measurements. The ledger in ``jobs`` is the truth, a Celery message only a notification.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from celery import Celery
from kombu.entity import Queue

from worker.queue.connection import broker_url
from worker.records.priority import LANES

if TYPE_CHECKING:
    from worker.config.settings import Settings

__all__ = ["PROCESS_CHUNK", "QUEUE", "VISIBILITY_TIMEOUT_SECONDS", "create_app"]

#: Name of the one task. It lies in queues of running installations: never rename it.
PROCESS_CHUNK = "copydesk.process_chunk"

#: The one queue.
QUEUE = "copydesk"

#: A message that was delivered, and not renewed for so long, is delivered again. Workers
#: renew theirs while they work (worker/queue/lease.py).
VISIBILITY_TIMEOUT_SECONDS = 60

_POLICY: dict[str, Any] = {
    "result_backend": None,
    "task_ignore_result": True,
    "task_serializer": "json",
    "result_serializer": "json",
    "event_serializer": "json",
    "accept_content": ["json"],
    "result_accept_content": ["json"],
    "task_queues": [Queue(QUEUE)],
    "task_default_queue": QUEUE,
    "task_create_missing_queues": False,
    # The message is settled when the work is: a worker that dies leaves it to another.
    "task_acks_late": True,
    "task_acks_on_failure": True,
    "task_acks_on_timeout": True,
    "task_reject_on_worker_lost": True,
    "task_retry_on_worker_lost": True,
    "worker_prefetch_multiplier": 1,
    # One child loads the model after the fork; the parent stays light and answers.
    "worker_pool": "prefork",
    "worker_concurrency": 1,
    "worker_pool_start_method": "fork",
    "worker_proc_alive_timeout": 120.0,
    # A lost child's task comes back when the main process looks (every two seconds) and has waited
    # so long for a result on its way. There is none to wait for: results lie in the store.
    "worker_lost_wait": 0.5,
    "worker_max_tasks_per_child": 500,
    # In KB: above the 2.5 GB that a worker may need, below the 4 GB of its container.
    "worker_max_memory_per_child": 3_000_000,
    "task_time_limit": 900,
    "task_soft_time_limit": 840,
    "worker_soft_shutdown_timeout": 30.0,
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    # The ledger has its own events. Flower switches Celery's on where it watches.
    "worker_send_task_events": False,
    "event_queue_expires": 60,
    "control_queue_expires": 10,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    # A broker that may not write (its memory or its disk is full) says so with such an error; a
    # worker would end by it, and not be there when there is room again.
    "broker_channel_error_retry": True,
    "broker_pool_acquire_timeout": 30,
    "broker_transport_options": {
        # A lane is a list of its own; Redis looks at them in this order.
        "priority_steps": list(range(LANES)),
        "visibility_timeout": VISIBILITY_TIMEOUT_SECONDS,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "unacked_restore_limit": 1000,
        "global_keyprefix": "cd:mq:",
        "socket_connect_timeout": 5,
        "socket_timeout": 30,
        "socket_keepalive": True,
        "health_check_interval": 10,
    },
}


def create_app(settings: Settings) -> Celery:
    """The application on the broker of ``settings``."""
    app = Celery("copydesk", set_as_current=False)
    app.conf.update(_POLICY, broker_url=broker_url(settings))
    return app
