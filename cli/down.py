"""``copydesk down`` stops what ``copydesk up`` started."""

from __future__ import annotations

from cli.output.report import JsonFlag, Report, talk
from cli.service import Service

__all__ = ["command"]


def command(as_json: JsonFlag = False) -> Report:
    """Stop the background worker and the embedded broker; jobs stay on disk.

    A running chunk finishes within 30 seconds or goes back to the queue.
    """
    from worker.config.settings import load_settings

    service = Service(load_settings())
    talk("stopping")
    stopped_worker = service.stop_worker()
    stopped_broker = service.stop_broker()
    text = (
        f"worker: {'stopped' if stopped_worker else 'did not run'}\n"
        f"broker: {'stopped' if stopped_broker else 'did not run'}"
    )
    data = {"worker_stopped": stopped_worker, "broker_stopped": stopped_broker}
    return Report("down", data, text, as_json=as_json)
