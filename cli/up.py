"""``copydesk up`` starts broker and worker in the background."""

from __future__ import annotations

from cli.output.report import JsonFlag, Report, talk
from cli.service import Service
from cli.submit import ProfileOption

__all__ = ["command"]


def command(profile: ProfileOption = None, as_json: JsonFlag = False) -> Report:
    """Start the embedded broker and a worker in the background, unless already running.

    With COPYDESK_BROKER_URL set, only the worker is started.
    """
    from worker.config.settings import load_settings

    service = Service(load_settings(profile=profile))
    service.check_model()
    started_broker = service.start_broker()
    started_worker = service.start_worker()
    if started_worker:
        talk("starting the worker; it loads the model")
        service.wait_for_worker()
    broker = "embedded" if service.embedded else "your own"
    text = (
        f"broker ({broker}): {'started' if started_broker else 'runs'}\n"
        f"worker: {'started' if started_worker else 'runs'}, log in {service.worker_log}"
    )
    data = {
        "broker_started": started_broker,
        "worker_started": started_worker,
        "worker_log": service.worker_log,
    }
    return Report("up", data, text, as_json=as_json)
