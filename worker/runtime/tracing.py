"""Sends traces of chunk processing to an OpenTelemetry collector (the extra ``otel``).

Does nothing, and imports nothing from OpenTelemetry, unless the extra is installed and the
environment asks for traces. Attributes are ids, counts and exception types, never article text.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from celery import signals

from worker.runtime.log import get_logger

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, Tracer

__all__ = ["ChunkSpan", "chunk_span", "start_tracing", "stop_tracing"]

#: Any of these variables turns tracing on. The exporter itself reads them and other ``OTEL_``
#: variables.
_SWITCHES = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_TRACES_EXPORTER",
)

#: How long an unresponsive collector may delay a child's exit; the exporter's default is 10 s.
_MAX_STOP_SECONDS = 3.0

_log = get_logger(__name__)

#: This process's tracer provider, if tracing is on.
_providers: list[TracerProvider] = []


class ChunkSpan:
    """The span of one chunk, with a child span per stage; does nothing without a tracer."""

    def __init__(self, tracer: Tracer | None = None) -> None:
        self._tracer = tracer
        self._stage: Span | None = None

    def stage(self, name: str) -> None:
        """End the span of the previous stage and start one for ``name``."""
        if self._tracer is not None:
            self._end()
            self._stage = self._tracer.start_span(name)

    def _end(self) -> None:
        if self._stage is not None:
            self._stage.end()


@contextlib.contextmanager
def chunk_span(job: str, chunk: int, articles: int, attempts: int) -> Iterator[ChunkSpan]:
    """Trace one attempt at a chunk; an exception marks the chunk's and the stage's span as failed.

    Costs nothing unless ``start_tracing`` has started tracing.
    """
    if not _providers:
        yield ChunkSpan()
        return
    from opentelemetry.trace import StatusCode  # noqa: PLC0415 - an extra

    tracer = _providers[0].get_tracer("copydesk")
    span = ChunkSpan(tracer)
    # OpenTelemetry would record an exception's message, so failures are recorded below instead.
    with tracer.start_as_current_span(
        "chunk",
        attributes={
            "copydesk.job": job,
            "copydesk.chunk": chunk,
            "copydesk.articles": articles,
            "copydesk.attempts": attempts,
        },
        record_exception=False,
        set_status_on_exception=False,
    ) as parent:
        try:
            yield span
        except BaseException as error:
            for failed in filter(None, (span._stage, parent)):  # noqa: SLF001
                failed.set_attribute("error.type", type(error).__qualname__)
                failed.set_status(StatusCode.ERROR)
            raise
        finally:
            span._end()  # noqa: SLF001


def start_tracing() -> None:
    """Start sending spans, if the environment asks for it and the extra is installed.

    Call it after the fork: the thread that sends spans does not survive a fork.
    """
    name = os.environ.get("OTEL_TRACES_EXPORTER") or "otlp"
    if _providers or name == "none" or not any(os.environ.get(switch) for switch in _SWITCHES):
        return
    try:
        _providers.append(_open_provider(name))
    except (ImportError, ValueError) as error:
        # The extra is missing, or the environment is invalid: continue without traces.
        _log.warning("tracing_not_started", why=type(error).__name__)
    else:
        _log.info("tracing_started", exporter=name)


def _open_provider(name: str) -> TracerProvider:
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    resource = Resource.create({"service.name": "copydesk"})
    provider = TracerProvider(resource=resource.merge(OTELResourceDetector().detect()))
    provider.add_span_processor(BatchSpanProcessor(_open_exporter(name)))
    return provider


def _open_exporter(name: str) -> SpanExporter:
    if name != "otlp":
        raise ValueError(name)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
        OTLPSpanExporter,
    )

    return OTLPSpanExporter()


@signals.worker_process_shutdown.connect  # type: ignore[untyped-decorator]
def stop_tracing(**_: Any) -> None:
    """Send the remaining spans if there is time, then stop; Celery calls this at a child's exit."""
    while _providers:
        thread = threading.Thread(target=_providers.pop().shutdown, daemon=True)
        thread.start()
        thread.join(_MAX_STOP_SECONDS)
