"""Traces of the work on chunks, for who runs an OpenTelemetry collector; the extra ``otel``.

Without the extra, or with nothing of it in the environment, nothing is imported and nothing is
done. Attributes are ids and counts, of an exception its type: never text of an article.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from celery import signals

from worker.process.log import get_logger

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, Tracer

__all__ = ["ChunkSpan", "chunk_span", "start_tracing", "stop_tracing"]

#: Any of these asks for traces. The exporter reads them by itself, and its other ``OTEL_…``.
_SWITCHES = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_TRACES_EXPORTER",
)

#: A collector that does not answer may hold up a child's end for so long; by itself it takes 10 s.
_MOST_STOP_SECONDS = 3.0

_log = get_logger(__name__)

#: The one of this process, if it traces.
_providers: list[TracerProvider] = []


class ChunkSpan:
    """The work on one chunk: a span with a child for each stage. Without a tracer, nothing."""

    def __init__(self, tracer: Tracer | None = None) -> None:
        self._tracer = tracer
        self._stage: Span | None = None

    def stage(self, name: str) -> None:
        """End the stage before, and begin this one."""
        if self._tracer is not None:
            self._end()
            self._stage = self._tracer.start_span(name)

    def _end(self) -> None:
        if self._stage is not None:
            self._stage.end()


@contextlib.contextmanager
def chunk_span(job: str, chunk: int, articles: int, attempts: int) -> Iterator[ChunkSpan]:
    """The span of one attempt at a chunk; what is raised within marks it and its stage as failed.

    Costs nothing where ``start_tracing`` found nothing to do.
    """
    if not _providers:
        yield ChunkSpan()
        return
    from opentelemetry.trace import StatusCode  # noqa: PLC0415 - an extra

    tracer = _providers[0].get_tracer("copydesk")
    span = ChunkSpan(tracer)
    # An exception is told by hand: OpenTelemetry's way writes its message down.
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
    ) as whole:
        try:
            yield span
        except BaseException as error:
            for failed in filter(None, (span._stage, whole)):  # noqa: SLF001
                failed.set_attribute("error.type", type(error).__qualname__)
                failed.set_status(StatusCode.ERROR)
            raise
        finally:
            span._end()  # noqa: SLF001


def start_tracing() -> None:
    """Send spans from now on, if the environment asks for it and the extra is installed.

    To be called after the fork: the thread that sends them does not survive one.
    """
    name = os.environ.get("OTEL_TRACES_EXPORTER") or "otlp"
    if _providers or name == "none" or not any(os.environ.get(switch) for switch in _SWITCHES):
        return
    try:
        _providers.append(_open_provider(name))
    except (ImportError, ValueError) as error:
        # No extra, or something that cannot be read in the environment: the work goes on.
        _log.warning("tracing_not_started", why=type(error).__name__)
    else:
        _log.info("tracing_started", exporter=name)


def _open_provider(name: str) -> TracerProvider:
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    ours = Resource.create({"service.name": "copydesk"})
    provider = TracerProvider(resource=ours.merge(OTELResourceDetector().detect()))
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
    """Send what is left, if there is time, and stop; Celery calls it in a child that ends."""
    while _providers:
        ending = threading.Thread(target=_providers.pop().shutdown, daemon=True)
        ending.start()
        ending.join(_MOST_STOP_SECONDS)
