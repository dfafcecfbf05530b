"""The Celery application and its settings. Cheap to import.

The settings were tested together by killing workers; docs/decisions/002-celery.md has the
measurements. The ledger holds the state of every chunk; a Celery message only notifies a worker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from celery import Celery
from kombu.entity import Queue

from worker.queue.connection import broker_url
from worker.records.priority import LANE_COUNT

if TYPE_CHECKING:
    from worker.config.settings import Settings

__all__ = ["PROCESS_CHUNK", "QUEUE", "VISIBILITY_TIMEOUT_SECONDS", "create_app"]

#: Name of the only task. Messages in running installations contain it: never rename it.
PROCESS_CHUNK = "copydesk.process_chunk"

#: Name of the only queue.
QUEUE = "copydesk"

#: A message neither acknowledged nor renewed for this long is redelivered. Workers renew their
#: messages while they work (worker/queue/lease.py).
VISIBILITY_TIMEOUT_SECONDS = 60

_CONFIG: dict[str, Any] = {
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
    # A message is acknowledged after the work: if a worker dies, another worker gets the message.
    "task_acks_late": True,
    "task_acks_on_failure": True,
    "task_acks_on_timeout": True,
    "task_reject_on_worker_lost": True,
    "task_retry_on_worker_lost": True,
    "worker_prefetch_multiplier": 1,
    # One child process loads the model after the fork; the parent stays small and responsive.
    "worker_pool": "prefork",
    "worker_concurrency": 1,
    "worker_pool_start_method": "fork",
    "worker_proc_alive_timeout": 120.0,
    # A lost child's task is retried once the main process has noticed (within two seconds) and has
    # waited this long for a result in transit. Short, because results go to the store instead.
    "worker_lost_wait": 0.5,
    "worker_max_tasks_per_child": 500,
    # In KB: above the 2.5 GB that a worker may need, below the 4 GB limit of its container.
    "worker_max_memory_per_child": 3_000_000,
    "task_time_limit": 900,
    "task_soft_time_limit": 840,
    "worker_soft_shutdown_timeout": 30.0,
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    # Off, because the ledger has its own events. Flower turns Celery's on while it monitors.
    "worker_send_task_events": False,
    "event_queue_expires": 60,
    "control_queue_expires": 10,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    # A broker whose memory or disk is full raises a channel error. Without this setting, workers
    # would exit and be missing once there is room again.
    "broker_channel_error_retry": True,
    "broker_pool_acquire_timeout": 30,
    "broker_transport_options": {
        # Each lane is a Redis list; kombu polls the lists in this order.
        "priority_steps": list(range(LANE_COUNT)),
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
    """Return the Celery application for the broker of ``settings``."""
    app = Celery("copydesk", set_as_current=False)
    app.conf.update(_CONFIG, broker_url=broker_url(settings))
    return app
