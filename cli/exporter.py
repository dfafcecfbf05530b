"""``copydesk exporter``: the desk's figures over HTTP, for Prometheus."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from cli.output.report import JsonFlag, Report, render, talk

__all__ = ["command"]

#: That of danihodovic/celery-exporter, so that whoever has a rule for that one has it for this.
_PORT = 9808


def command(
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; whoever reaches it may read.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0: any free one.")
    ] = _PORT,
    as_json: JsonFlag = False,
) -> None:
    """Show the desk's figures to Prometheus over HTTP until it is stopped.

    Counts, ages and sizes only: no text, no id. A broker that is down is one of the figures.
    Rules for alarms are in configs/prometheus/.
    """
    import signal

    from prometheus_client import CollectorRegistry, start_http_server

    from worker.config.settings import load_settings
    from worker.errors import UsageError
    from worker.process.log import configure_logging
    from worker.queue.metrics import DeskCollector

    registry = CollectorRegistry(support_collectors_without_names=True)
    registry.register(DeskCollector(load_settings()))
    configure_logging()
    # Blocked before the threads begin, so that they wait for the one who asks for them.
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise UsageError(
            f"cannot listen on {_place(host, port)}: {error.strerror}",
            code="cannot_listen",
            hint="does another exporter run? --host and --port name another place",
        ) from error
    url = f"http://{_place(host, server.server_port)}/metrics"
    talk(f"listening on {url}")
    if as_json:
        # It goes on until it is stopped: what there is to say is said now.
        render(Report("exporter", {"url": url}, as_json=True))
        sys.stdout.flush()
    signal.sigwait(ends)
    server.shutdown()
    server.server_close()
    thread.join()


def _place(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
