"""``copydesk exporter`` serves metrics over HTTP for Prometheus."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from cli.output.report import JsonFlag, Report, render, talk

__all__ = ["command"]

#: The port of danihodovic/celery-exporter, so that existing firewall and scrape rules apply.
_PORT = 9808


def command(
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; anyone who can reach it may read.")
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 for any free port."),
    ] = _PORT,
    as_json: JsonFlag = False,
) -> None:
    """Serve metrics for Prometheus over HTTP until stopped.

    The metrics are counts, ages and sizes, without text or ids. A broker that is down is reported
    as a metric. Alert rules are in configs/prometheus/.
    """
    import signal

    from prometheus_client import CollectorRegistry, start_http_server

    from worker.config.settings import load_settings
    from worker.errors import UsageError
    from worker.queue.metrics import DeskCollector
    from worker.runtime.log import configure_logging

    registry = CollectorRegistry(support_collectors_without_names=True)
    registry.register(DeskCollector(load_settings()))
    configure_logging()
    # Blocked before any thread starts, so that only the sigwait below receives them.
    stop_signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop_signals)
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise UsageError(
            f"cannot listen on {_address(host, port)}: {error.strerror}",
            code="cannot_listen",
            hint="is another exporter running? choose another address with --host and --port",
        ) from error
    url = f"http://{_address(host, server.server_port)}/metrics"
    talk(f"listening on {url}")
    if as_json:
        # The command runs until it is stopped, so the envelope is printed now.
        render(Report("exporter", {"url": url}, as_json=True))
        sys.stdout.flush()
    signal.sigwait(stop_signals)
    server.shutdown()
    server.server_close()
    thread.join()


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
