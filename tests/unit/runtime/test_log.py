"""The log's format, and what it keeps out: the text of articles."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from billiard import util as billiard_util
from billiard.einfo import ExceptionInfo
from celery import Celery, signals
from celery.app.log import Logging
from pydantic import BaseModel
from structlog.stdlib import ProcessorFormatter

from worker.errors import EngineError
from worker.runtime import log
from worker.runtime.log import configure_logging, get_logger, log_context

#: Texts that must not get into a log; the second one looks like a name.
QUOTES = ["The mayor of Sandwick resigned", "Sandwick"]


class Stream(io.StringIO):
    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]

    def record(self) -> dict[str, Any]:
        (record,) = self.records()
        return record


@pytest.fixture
def _restored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Restore what ``configure_logging`` and Celery change in the process."""
    root, pool = logging.root, billiard_util.get_logger()
    handlers, propagate = root.handlers[:], pool.propagate
    loggers = [root, pool, *(logging.getLogger(name) for name in log._REDUNDANT_LOGGERS)]
    levels = [logger.level for logger in loggers]
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    yield
    root.handlers[:], pool.propagate = handlers, propagate
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    logging.captureWarnings(False)
    signals.setup_logging.disconnect(log._configure_for_celery)


def configured(monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> Stream:
    stream = Stream(terminal=terminal)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", stream)
        configure_logging()
    return stream


@pytest.fixture
def stream(_restored: None, monkeypatch: pytest.MonkeyPatch) -> Stream:
    return configured(monkeypatch, terminal=False)


class Figures(BaseModel):
    words: int


def own_handler() -> logging.Handler:
    """Our handler; pytest adds its own, which raises on a record that it cannot write."""
    return logging.root.handlers[0]


def not_a_number(quote: str) -> None:
    Figures.model_validate({"words": quote})


def not_utf8(quote: str) -> None:
    (quote.encode() + b"\xff").decode()


def not_a_key(quote: str) -> None:
    dict[str, int]()[quote]


def test_an_event_is_one_json_object_with_its_fields(stream: Stream) -> None:
    get_logger("worker.queue.tasks").info("chunk_recorded", job="j1", articles=8, seconds=1.25)

    record = stream.record()
    assert list(record)[:4] == ["time", "level", "logger", "event"]
    assert record["time"].endswith("Z")
    assert datetime.now(UTC) - datetime.fromisoformat(record.pop("time")) < timedelta(seconds=5)
    fields = {"level": "info", "logger": "worker.queue.tasks", "event": "chunk_recorded"}
    assert record == fields | {"job": "j1", "articles": 8, "seconds": 1.25}


def test_standard_loggers_of_the_project_give_the_same_format(stream: Stream) -> None:
    logging.getLogger("worker.stages.clean.html_page").warning("gave up after %d tries", 3)

    record = stream.record()
    assert (record["level"], record["logger"]) == ("warning", "worker.stages.clean.html_page")
    assert record["event"] == "gave up after 3 tries"


def test_the_context_is_in_all_records_within_it(stream: Stream) -> None:
    with log_context(job="j1", chunk=4):
        get_logger("worker.queue.tasks").info("inside")
        logging.getLogger("celery.worker").info("inside")
    get_logger("worker.queue.tasks").info("outside")

    ours, celerys, outside = stream.records()
    assert (ours["job"], ours["chunk"]) == ("j1", 4)
    assert (celerys["job"], celerys["chunk"]) == ("j1", 4)
    assert not {"job", "chunk"} & set(outside)


def test_below_the_level_nothing_is_written(stream: Stream) -> None:
    get_logger("worker.queue.tasks").debug("detail")
    logging.getLogger("kombu").debug("detail")

    assert stream.getvalue() == ""


@pytest.mark.parametrize("quote", QUOTES)
@pytest.mark.parametrize(
    ("fails", "kind"),
    [
        (not_a_number, "pydantic_core._pydantic_core.ValidationError"),
        (not_utf8, "UnicodeDecodeError"),
        (not_a_key, "KeyError"),
    ],
)
def test_an_exception_is_logged_as_its_type_and_frames(
    stream: Stream, fails: Callable[[str], None], kind: str, quote: str
) -> None:
    try:
        fails(quote)
    except (KeyError, ValueError) as error:
        get_logger("worker.queue.tasks").exception("failed", error=error)

    record = stream.record()
    assert (record["level"], record["event"], record["error"]) == ("error", "failed", kind)
    lines = record["exception"].splitlines()
    assert lines[0] == kind
    assert lines[1].startswith(f"  {__file__}:")
    assert lines[2].endswith(f" {fails.__name__}")
    assert quote not in stream.getvalue()


def test_our_own_exceptions_keep_their_message_and_their_causes_do_not(stream: Stream) -> None:
    try:
        try:
            not_a_key(QUOTES[0])
        except KeyError as error:
            raise EngineError("the model is gone") from error
    except EngineError as error:
        get_logger("worker.queue.tasks").exception("failed", error=error)

    record = stream.record()
    named = [line for line in record["exception"].splitlines() if not line.startswith(" ")]
    assert named == ["worker.errors.EngineError: the model is gone", "KeyError"]
    assert record["error"] == "worker.errors.EngineError: the model is gone"
    assert QUOTES[0] not in stream.getvalue()


def test_causes_and_frames_are_limited(stream: Stream) -> None:
    def deeper() -> None:
        deeper()

    try:
        deeper()
    except RecursionError as error:
        error.__cause__ = error
        get_logger("worker.queue.tasks").exception("failed")

    lines = stream.record()["exception"].splitlines()
    assert lines.count("RecursionError") == 5
    assert lines[40].endswith(" deeper")
    assert len(lines) <= 5 * 41


def test_exc_info_without_an_exception_adds_nothing(stream: Stream) -> None:
    get_logger("worker.queue.tasks").error("failed", exc_info=True)
    logging.getLogger("celery").error("failed", exc_info=True)  # noqa: LOG014

    assert [set(record) for record in stream.records()] == [
        {"time", "level", "logger", "event"}
    ] * 2


def test_a_field_that_is_an_object_is_logged_as_its_type(stream: Stream) -> None:
    figures = Figures.model_construct(words=QUOTES[0])  # type: ignore[arg-type]
    get_logger("worker.queue.tasks").info(
        "told", single=figures, many=[figures, 3], raw=b"Sandwick"
    )

    record = stream.record()
    assert record["single"] == "tests.unit.runtime.test_log.Figures"
    assert record["many"] == ["tests.unit.runtime.test_log.Figures", 3]
    assert record["raw"] == "bytes"


@pytest.mark.parametrize("quote", QUOTES)
def test_celerys_record_of_a_failed_task_has_no_arguments(stream: Stream, quote: str) -> None:
    app = Celery("desk", set_as_current=False, broker="memory://")

    @app.task(name="desk.fail")  # type: ignore[untyped-decorator]
    def fail(quote: str) -> None:
        not_a_key(quote)

    fail.apply(args=[quote], task_id="t-1")

    record = stream.record()
    assert (record["level"], record["logger"]) == ("error", "celery.app.trace")
    assert record["event"] == "Task desk.fail[t-1] raised unexpected: KeyError"
    assert record["task"] == "t-1"
    assert record["exception"].startswith("KeyError\n")
    assert record["exception"].endswith(" not_a_key")
    assert quote not in stream.getvalue()


@pytest.mark.parametrize("quote", QUOTES)
def test_celerys_records_of_results_and_retries_have_no_text(stream: Stream, quote: str) -> None:
    logger = logging.getLogger("celery.worker.request")
    task = {"id": "t-1", "name": "desk.fix"}
    logger.info(
        "Task %(name)s[%(id)s] succeeded in %(runtime)ss: %(return_value)s",
        task | {"runtime": 0.5, "return_value": quote, "args": quote},
    )
    logger.info("Task %(name)s[%(id)s] retry: %(exc)s", task | {"exc": quote, "traceback": quote})

    assert [record["event"] for record in stream.records()] == [
        "Task desk.fix[t-1] succeeded in 0.5s: …",
        "Task desk.fix[t-1] retry: …",
    ]


@pytest.mark.parametrize("name", ["celery.worker.strategy", "celery.app.trace"])
def test_celery_does_not_repeat_our_own_records(stream: Stream, name: str) -> None:
    logging.getLogger(name).info("Task received")
    logging.getLogger(name).warning("Task rejected")

    assert stream.record()["event"] == "Task rejected"


@pytest.mark.parametrize("quote", QUOTES)
def test_an_exception_from_another_process_has_its_frames(stream: Stream, quote: str) -> None:
    try:
        not_a_key(quote)
    except KeyError:
        info = ExceptionInfo()
    logging.getLogger("celery.worker.request").error(
        "Task handler raised error: %r", info.exception.exc, exc_info=info.exc_info
    )

    record = stream.record()
    assert record["event"] == "Task handler raised error: KeyError"
    lines = record["exception"].splitlines()
    assert lines[0] == "KeyError"
    assert lines[2].startswith(f"  {__file__}:")
    assert quote not in stream.getvalue()


def test_an_argument_is_shown_when_it_is_a_number_or_a_name(stream: Stream) -> None:
    logger = logging.getLogger("celery.worker")
    logger.info(
        "%s %r %s %s %s %r\n%s",
        *(7, "desk@host", "redis://localhost:6379/0", QUOTES[0], {"text": "x"}, not_utf8, None),
    )
    logger.info(ValueError(QUOTES[0]))

    shown, raised = (record["event"] for record in stream.records())
    type_name = "tests.unit.runtime.test_log.not_utf8"
    assert shown == f"7 desk@host redis://localhost:6379/0 … dict {type_name} None"
    assert raised == "ValueError"


@pytest.mark.parametrize("arguments", [(QUOTES[0],), (1, 2), ({"x": 1},)])
def test_a_template_that_does_not_fit_is_logged_as_it_is(
    stream: Stream, arguments: tuple[object, ...]
) -> None:
    own_handler().handle(
        logging.LogRecord("celery", logging.INFO, "", 1, "takes %d", arguments, None)
    )

    assert stream.record()["event"] == "takes %d"


def test_billiard_says_how_a_child_ended(stream: Stream) -> None:
    billiard_util.error("Process %r pid:%r exited with %r", "Fork-1", 12, "signal 9 (SIGKILL)")

    record = stream.record()
    assert record["logger"] == "multiprocessing"
    assert record["event"] == "Process Fork-1 pid:12 exited with signal 9 (SIGKILL)"


def test_other_libraries_are_logged_as_their_location(stream: Stream) -> None:
    logger = logging.getLogger("justext.core")
    logger.info("parsed %s", "Sandwick")
    logger.error("not parsed: Sandwick %s", "Sandwick", stack_info=True)

    record = stream.record()
    assert (record["level"], record["event"]) == ("error", "library_record")
    place, function = record["where"].split()
    assert place.startswith(f"{__file__}:")
    assert function == "test_other_libraries_are_logged_as_their_location"
    assert "stack_info" not in record
    assert "not parsed" not in stream.getvalue()


@pytest.mark.usefixtures("_restored")
def test_a_warning_is_logged_as_its_location_and_type(monkeypatch: pytest.MonkeyPatch) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        # Configured here, since pytest replaces the handling of warnings at the start of a test on.
        stream = configured(monkeypatch, terminal=False)
        warnings.warn("odd: Sandwick: quoted", FutureWarning, stacklevel=1)
        logging.captureWarnings(False)

    record = stream.record()
    assert (record["event"], record["type"]) == ("python_warning", "FutureWarning")
    assert record["where"].startswith(f"{__file__}:")
    assert "quoted" not in stream.getvalue()


def test_uncaught_exceptions_are_logged_the_same_way(stream: Stream) -> None:
    thread = threading.Thread(target=not_a_key, args=[QUOTES[0]])
    thread.start()
    thread.join()
    sys.excepthook(ValueError, ValueError(QUOTES[0]), None)

    threads, mains = stream.records()
    assert threads["event"] == mains["event"] == "uncaught_exception"
    assert threads["exception"].startswith("KeyError\n")
    assert mains["exception"] == "ValueError"
    assert QUOTES[0] not in stream.getvalue()


def test_a_record_that_cannot_be_written_is_named(
    stream: Stream, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise TypeError

    monkeypatch.setattr(ProcessorFormatter, "format", fail)
    own_handler().handle(logging.LogRecord("celery", logging.INFO, "", 1, QUOTES[0], None, None))

    assert stream.record() == {"event": "record_lost", "logger": "celery"}
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("_restored")
def test_a_terminal_gets_readable_text(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = configured(monkeypatch, terminal=True)
    try:
        not_a_key(QUOTES[0])
    except KeyError:
        get_logger("worker.queue.tasks").exception("failed", articles=8)

    first, second, *_ = stream.getvalue().splitlines()
    assert not first.startswith("{")
    assert "failed" in first
    assert "articles" in first
    assert second == "KeyError"
    assert QUOTES[0] not in stream.getvalue()


def test_celery_installs_no_handler_and_sets_the_level(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_MP_FORK_LOGLEVEL_", "_MP_FORK_LOGFILE_", "_MP_FORK_LOGFORMAT_"):
        monkeypatch.setenv(name, "")
    monkeypatch.setattr("kombu.utils.encoding.default_encoding_file", None)
    monkeypatch.setattr(Logging, "_setup", False)
    monkeypatch.setattr(sys, "stderr", stream)

    Celery("desk", set_as_current=False).log.setup_logging_subsystem(loglevel="DEBUG")
    logging.getLogger("celery.worker").debug("Timer wakes in %s", 0.5)
    billiard_util.error("exitcode %d", 1)

    assert [type(handler) for handler in logging.root.handlers] == [log._Handler]
    for name in ("celery", "celery.task"):
        assert {type(handler) for handler in logging.getLogger(name).handlers} <= {
            logging.NullHandler
        }
    assert [record["event"] for record in stream.records()] == ["Timer wakes in 0.5", "exitcode 1"]


def test_without_configuration_nothing_is_printed() -> None:
    logger = "get_logger('worker.queue.lease')"
    program = f"from worker.runtime.log import get_logger; {logger}.error('lease_lost')"
    command = [sys.executable, "-P", "-c", program]
    completed = subprocess.run(command, capture_output=True, timeout=60, check=True)

    assert (completed.stdout, completed.stderr) == (b"", b"")
