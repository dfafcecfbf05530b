"""Configures logging so that no article text gets into the log.

This project's exceptions are logged with their message; all other exceptions are logged with type
and frames only, since libraries quote their input. Log records from the queue's libraries keep
numbers and single words; records from other libraries are reduced to their source location.
"""

from __future__ import annotations

import contextlib
import logging
import re
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from types import FunctionType, TracebackType
from typing import TYPE_CHECKING, Any, TextIO

import structlog
from billiard import util as billiard_util
from billiard.einfo import ExceptionWithTraceback
from celery import signals
from structlog.stdlib import ProcessorFormatter

from worker.errors import CopydeskError

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger

__all__ = ["configure_logging", "get_logger", "log_context"]

#: Loggers whose messages are constant templates, as reviewed in celery 5.7, kombu 5.7, billiard 4.3
#: (which logs as ``multiprocessing``) and opentelemetry 1.45.
_REVIEWED = frozenset({"celery", "kombu", "multiprocessing", "opentelemetry", "worker"})

#: Loggers of Celery's task start and end records, which the worker's own records repeat.
_REDUNDANT_LOGGERS = ("celery.worker.strategy", "celery.app.trace")

#: Fields of Celery's records that contain a task's arguments, result or exception as text.
_TEXT_FIELDS = frozenset({"args", "kwargs", "return_value", "exc", "traceback"})

#: Text that may be logged: ids, names and addresses, and the phrases with which Celery reports a
#: failed task and billiard an ended child process.
_SAFE_TEXT = re.compile(
    r"[\w.@:/+*?=&%\[\]-]{1,200}|raised (un)?expected|INTERNAL ERROR"
    r"|signal \d+ \(\w+\)|exitcode -?\d+",
    re.ASCII,
)

#: The start of a warning from ``warnings.formatwarning``, before the message.
_WARNING = re.compile(r"(?P<where>.+?:\d+): (?P<type>\w+): ")

#: Maximum number of frames logged per exception: enough to reach from Celery's loop to the model.
#: After endless recursion, only the innermost frames are kept.
_MAX_FRAMES = 40
_MAX_CAUSES = 5


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return a logger whose events are constant names in snake_case, with fields.

    Fields may be numbers, strings and lists of these; any other value is logged as its type.
    Nothing is written before ``configure_logging`` is called.
    """
    return structlog.stdlib.get_logger(name)


@contextlib.contextmanager
def log_context(**fields: object) -> Iterator[None]:
    """Add ``fields`` to all records logged in the context, even Celery's, but not in threads."""
    with structlog.contextvars.bound_contextvars(**fields):
        yield


def configure_logging(level: int = logging.INFO) -> None:
    """Log to stderr: one JSON object per line, or readable text on a terminal.

    After this, Celery installs no handlers of its own, and its ``--loglevel`` replaces ``level``.
    """
    handler = _Handler(sys.stderr)
    handler.setFormatter(_formatter(terminal=sys.stderr.isatty()))
    handler.addFilter(lambda record: record.levelno >= logging.WARNING or _is_reviewed(record))
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(level)
    logging.captureWarnings(True)
    # Billiard's errors say how a child process ended. Celery resets billiard's logger, and leaves
    # it unset if something else configures logging.
    pool = billiard_util.get_logger()
    pool.setLevel(logging.ERROR)
    pool.propagate = True
    for name in _REDUNDANT_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda hook: _log_uncaught(*hook[:3])
    signals.setup_logging.connect(_configure_for_celery)


def _configure_for_celery(loglevel: int | None = None, **_: Any) -> None:
    configure_logging(loglevel or logging.INFO)


def _log_uncaught(*exc_info: Any) -> None:
    get_logger(__name__).critical("uncaught_exception", exc_info=exc_info)


class _Handler(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Report the lost record; the default handler would print its contents."""
        with contextlib.suppress(OSError, ValueError):
            self.stream.write(f'{{"event": "record_lost", "logger": "{record.name}"}}\n')


def _is_reviewed(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] in _REVIEWED


def _type_name(kind: type | FunctionType) -> str:
    return f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")


def _format_argument(value: object) -> object:
    """Redact one argument of a library's record, unless it is a number or a single word."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return value if _SAFE_TEXT.fullmatch(value) else "…"
    return _type_name(value if isinstance(value, type | FunctionType) else type(value))


def _format_message(record: logging.LogRecord, args: object) -> str:
    if not isinstance(record.msg, str):
        return _type_name(type(record.msg))
    # %r would quote type names.
    template = " ".join(record.msg.split()).replace("%r", "%s")
    shown: Any = (
        tuple(_format_argument(value) for value in args) if isinstance(args, tuple) else args
    )
    if isinstance(args, Mapping):
        shown = {key: "…" if key in _TEXT_FIELDS else _format_argument(args[key]) for key in args}
        if record.exc_info and record.exc_info[0]:
            shown["exc"] = _type_name(record.exc_info[0])
    try:
        return template % shown if args else template
    except (KeyError, TypeError, ValueError):
        return template


def _render_record(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Render a standard-library log record without article text."""
    record: logging.LogRecord = event["_record"]
    args = event.pop("positional_args")
    event.pop("stack_info", None)
    if record.name == "py.warnings":
        match = _WARNING.match(str(record.msg))
        event.update(match.groupdict() if match else {}, event="python_warning")
    elif not _is_reviewed(record):
        where = f"{record.pathname}:{record.lineno} {record.funcName}"
        event.update(event="library_record", where=where)
    else:
        event["event"] = _format_message(record, args)
        if isinstance(args, Mapping) and "id" in args:
            event["task"] = _format_argument(args["id"])
    return event


def _frames(trace: TracebackType | None) -> Iterator[str]:
    # The traceback module cannot read billiard's copies of frames from another process.
    while trace is not None:
        code = trace.tb_frame.f_code
        yield f"  {code.co_filename}:{trace.tb_lineno} {code.co_name}"
        trace = trace.tb_next


def _render_exception(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Render the exception and its causes into ``exception``, one line per exception and frame."""
    exc_info = event.pop("exc_info", None)
    if not exc_info:
        return event
    if isinstance(exc_info, BaseException):
        exc_info = (None, exc_info, exc_info.__traceback__)
    _kind, error, trace = exc_info if isinstance(exc_info, tuple) else sys.exc_info()
    lines: list[str] = []
    for _cause in range(_MAX_CAUSES):
        if error is None:
            break
        if isinstance(error, ExceptionWithTraceback):
            error = error.exc
        lines += [str(_format_field(error)), *deque(_frames(trace), _MAX_FRAMES)]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        trace = error.__traceback__ if error is not None else None
    if lines:
        event["exception"] = "\n".join(lines)
    return event


def _format_field(value: object) -> object:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [_format_field(element) for element in value]
    return _type_name(type(value)) + (
        f": {value.message}" if isinstance(value, CopydeskError) else ""
    )


def _render_fields(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    first = {key: event.pop(key) for key in ("time", "level", "logger", "event")}
    # Keys that begin with an underscore belong to ProcessorFormatter.
    return first | {
        key: value if key.startswith("_") else _format_field(value) for key, value in event.items()
    }


_SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    _render_exception,
    _render_fields,
)


def _formatter(*, terminal: bool) -> ProcessorFormatter:
    console = structlog.dev.ConsoleRenderer(
        timestamp_key="time", exception_formatter=structlog.dev.plain_traceback
    )
    return ProcessorFormatter(
        foreign_pre_chain=[_render_record, *_SHARED],
        processors=[
            ProcessorFormatter.remove_processors_meta,
            console if terminal else structlog.processors.JSONRenderer(),
        ],
        use_get_message=False,
        pass_foreign_args=True,
    )


# Configured at import, since a logger used without ``configure_logging`` must print nothing.
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *_SHARED,
        ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)
logging.getLogger("worker").addHandler(logging.NullHandler())
