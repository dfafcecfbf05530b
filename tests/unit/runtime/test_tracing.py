"""Traces: spans of chunks and stages, and when tracing starts and stops."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from celery import signals
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from structlog.testing import capture_logs

from worker.runtime import tracing
from worker.runtime.tracing import chunk_span, start_tracing, stop_tracing

QUOTE = "The mayor of Sandwick resigned"

#: A program that traces a chunk and prints the packages that it has imported.
WORK = """
import json, sys
from worker.runtime.log import configure_logging
from worker.runtime.tracing import chunk_span, start_tracing, stop_tracing
configure_logging()
start_tracing()
with chunk_span("j1", 4, 8, 1) as span:
    span.stage("repair")
stop_tracing()
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""

#: Run before it: makes the extra look not installed.
BLOCK = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Blocker())
"""


@pytest.fixture(autouse=True)
def _no_switches(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in (*tracing._SWITCHES, "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"):
        monkeypatch.delenv(name, raising=False)
    yield
    stop_tracing()


class Memory:
    """Traces of this process, kept in memory."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._exporter = InMemorySpanExporter()
        monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
        monkeypatch.setattr(tracing, "_open_exporter", lambda _: self._exporter)
        start_tracing()

    def spans(self) -> list[ReadableSpan]:
        """Return the spans that were sent, by their start."""
        stop_tracing()
        return sorted(self._exporter.get_finished_spans(), key=lambda span: span.start_time or 0)


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    return Memory(monkeypatch)


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=environment,
    )


def test_a_chunk_is_a_span_with_a_child_for_each_stage(memory: Memory) -> None:
    with chunk_span("j1", 4, 8, 2) as span:
        span.stage("strip")
        span.stage("repair")

    chunk, strip, repair = memory.spans()
    assert [chunk.name, strip.name, repair.name] == ["chunk", "strip", "repair"]
    assert dict(chunk.attributes or {}) == {
        "copydesk.job": "j1",
        "copydesk.chunk": 4,
        "copydesk.articles": 8,
        "copydesk.attempts": 2,
    }
    assert chunk.parent is None
    assert chunk.context is not None
    for stage in (strip, repair):
        assert stage.parent is not None
        assert stage.parent.span_id == chunk.context.span_id
    assert (strip.end_time or 0) <= (repair.start_time or 0)
    assert (repair.end_time or 0) <= (chunk.end_time or 0)
    assert [span.status.status_code for span in (chunk, strip, repair)] == [StatusCode.UNSET] * 3


def test_an_exception_marks_chunk_and_stage_without_its_message(memory: Memory) -> None:
    def work() -> None:
        with chunk_span("j1", 4, 8, 2) as span:
            span.stage("strip")
            span.stage("repair")
            raise KeyError(QUOTE)

    with pytest.raises(KeyError, match=QUOTE):
        work()

    chunk, strip, repair = memory.spans()
    for failed in (chunk, repair):
        assert failed.status.status_code is StatusCode.ERROR
        assert (failed.attributes or {})["error.type"] == "KeyError"
    assert strip.status.status_code is StatusCode.UNSET
    assert not any(QUOTE in span.to_json() for span in (chunk, strip, repair))


def test_chunks_are_traces_of_their_own(memory: Memory) -> None:
    for number in (1, 2):
        with chunk_span("j1", number, 8, 1):
            pass

    first, second = memory.spans()
    assert first.context is not None
    assert second.context is not None
    assert first.context.trace_id != second.context.trace_id


def test_tracing_starts_once(memory: Memory) -> None:
    start_tracing()

    assert len(tracing._providers) == 1
    assert memory.spans() == []


def test_celery_stops_tracing_when_a_child_exits(memory: Memory) -> None:
    with chunk_span("j1", 4, 8, 1):
        pass
    signals.worker_process_shutdown.send(sender=None, pid=1, exitcode=0)

    assert tracing._providers == []
    assert [span.name for span in memory.spans()] == ["chunk"]


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_tracing_starts_only_on_request(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with capture_logs() as logs:
        start_tracing()

    assert tracing._providers == []
    assert logs == []


def test_an_unknown_exporter_is_logged_and_the_work_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "zipkin")
    with capture_logs() as logs:
        start_tracing()
    with chunk_span("j1", 4, 8, 1) as span:
        span.stage("repair")

    assert logs == [{"event": "tracing_not_started", "log_level": "warning", "why": "ValueError"}]
    assert tracing._providers == []


def test_a_missing_extra_is_logged_and_the_work_goes_on() -> None:
    completed = run(BLOCK + WORK, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")

    record = json.loads(completed.stderr)
    assert (record["event"], record["why"]) == ("tracing_not_started", "ModuleNotFoundError")
    assert "opentelemetry" not in json.loads(completed.stdout)


def test_nothing_is_imported_without_a_request() -> None:
    completed = run(WORK)

    assert completed.stderr == ""
    assert "worker" in json.loads(completed.stdout)
    assert "opentelemetry" not in json.loads(completed.stdout)


class Collector(HTTPServer):
    """A local OTLP collector."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.paths: list[str] = []
        self.bodies: list[bytes] = []


class _Answer(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        self.server.paths.append(self.path)
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("name", "expected"), [("", "copydesk"), ("desk-2", "desk-2")])
def test_a_collector_gets_the_spans(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, name: str, expected: str
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.server_port}")
    monkeypatch.setenv("OTEL_SERVICE_NAME", name)
    start_tracing()
    with chunk_span("j1", 4, 8, 1) as span:
        span.stage("repair")
    stop_tracing()

    assert collector.paths == ["/v1/traces"]
    request = ExportTraceServiceRequest.FromString(collector.bodies[0])
    (resource,) = request.resource_spans
    attributes = {pair.key: pair.value.string_value for pair in resource.resource.attributes}
    assert attributes["service.name"] == expected
    assert [span.name for span in resource.scope_spans[0].spans] == ["repair", "chunk"]


def test_a_collector_that_hangs_does_not_delay_the_exit(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    class Hanging(InMemorySpanExporter):
        def export(self, spans: object) -> SpanExportResult:
            del spans
            answered.wait(20)
            return SpanExportResult.FAILURE

    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    monkeypatch.setattr(tracing, "_open_exporter", lambda _: Hanging())
    monkeypatch.setattr(tracing, "_MAX_STOP_SECONDS", 0.1)
    start_tracing()
    with chunk_span("j1", 4, 8, 1):
        pass
    started = time.monotonic()
    stop_tracing()
    elapsed = time.monotonic() - started
    answered.set()

    assert 0.1 <= elapsed < 5
