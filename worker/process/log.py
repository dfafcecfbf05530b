"""What the worker's log looks like, and what never gets into it: text of an article.

Of an exception that is not ours only the type and the frames are logged, never the message: those
of libraries quote what they were given. Of the records of the queue's libraries numbers and single
words are kept, of all other libraries' only the place.
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

__all__ = ["bound", "configure_logging", "get_logger"]

#: Their messages are constants with arguments: read in celery 5.7, kombu 5.7, billiard 4.3 (whose
#: logger is ``multiprocessing``) and opentelemetry 1.45.
_READ_THROUGH = frozenset({"celery", "kombu", "multiprocessing", "opentelemetry", "worker"})

#: Celery's own records of each task's beginning and end: ours say the same, and what came of it.
_TWICE_TOLD = ("celery.worker.strategy", "celery.app.trace")

#: What Celery's records carry of a task as text: its arguments, result and exception.
_QUOTED = frozenset({"args", "kwargs", "return_value", "exc", "traceback"})

#: An id, a name or an address; how Celery says that a task, and billiard that a child has ended.
_WORD = re.compile(
    r"[\w.@:/+*?=&%\[\]-]{1,200}|raised (un)?expected|INTERNAL ERROR"
    r"|signal \d+ \(\w+\)|exitcode -?\d+",
    re.ASCII,
)

#: How ``warnings.formatwarning`` begins; the message follows.
_WARNING = re.compile(r"(?P<where>.+?:\d+): (?P<type>\w+): ")

#: Enough for the way from Celery's loop to the model; of endless recursion the end.
_MOST_FRAMES = 40
_MOST_CAUSES = 5


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger whose events are constant names in snake_case, with fields.

    Fields are numbers, strings, and lists of them; of anything else the type is logged. Nothing
    is written before ``configure_logging``.
    """
    return structlog.stdlib.get_logger(name)


@contextlib.contextmanager
def bound(**fields: object) -> Iterator[None]:
    """A context whose records all carry ``fields``, Celery's too. A new thread has none."""
    with structlog.contextvars.bound_contextvars(**fields):
        yield


def configure_logging(level: int = logging.INFO) -> None:
    """Write what this process logs to stderr: a JSON object a line, or prose for a terminal.

    Celery then installs nothing of its own; its ``--loglevel`` takes the place of ``level``.
    """
    handler = _Handler(sys.stderr)
    handler.setFormatter(_formatter(terminal=sys.stderr.isatty()))
    handler.addFilter(lambda record: record.levelno >= logging.WARNING or _is_read_through(record))
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(level)
    logging.captureWarnings(True)
    # Celery resets billiard's logger and leaves it so to whoever takes over the logging. Without
    # it nobody says how a child has ended.
    pool = billiard_util.get_logger()
    pool.setLevel(logging.ERROR)
    pool.propagate = True
    for name in _TWICE_TOLD:
        logging.getLogger(name).setLevel(logging.WARNING)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda hook: _log_uncaught(*hook[:3])
    signals.setup_logging.connect(_take_over)


def _take_over(loglevel: int | None = None, **_: Any) -> None:
    configure_logging(loglevel or logging.INFO)


def _log_uncaught(*exc_info: Any) -> None:
    get_logger(__name__).critical("uncaught_exception", exc_info=exc_info)


class _Handler(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say that a record was lost; logging's own way prints all that it carries."""
        with contextlib.suppress(OSError, ValueError):
            self.stream.write(f'{{"event": "record_lost", "logger": "{record.name}"}}\n')


def _is_read_through(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] in _READ_THROUGH


def _name(kind: type | FunctionType) -> str:
    return f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")


def _argument(value: object) -> object:
    """What a library's record may show of one of its arguments."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return value if _WORD.fullmatch(value) else "…"
    return _name(value if isinstance(value, type | FunctionType) else type(value))


def _message(record: logging.LogRecord, args: object) -> str:
    if not isinstance(record.msg, str):
        return _name(type(record.msg))
    # %r would put quotes around the names of types.
    template = " ".join(record.msg.split()).replace("%r", "%s")
    shown: Any = tuple(_argument(value) for value in args) if isinstance(args, tuple) else args
    if isinstance(args, Mapping):
        shown = {key: "…" if key in _QUOTED else _argument(args[key]) for key in args}
        if record.exc_info and record.exc_info[0]:
            shown["exc"] = _name(record.exc_info[0])
    try:
        return template % shown if args else template
    except (KeyError, TypeError, ValueError):
        return template


def _tell_record(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Of a record that did not come through structlog, what may be told."""
    record: logging.LogRecord = event["_record"]
    args = event.pop("positional_args")
    event.pop("stack_info", None)
    if record.name == "py.warnings":
        found = _WARNING.match(str(record.msg))
        event.update(found.groupdict() if found else {}, event="python_warning")
    elif not _is_read_through(record):
        where = f"{record.pathname}:{record.lineno} {record.funcName}"
        event.update(event="library_record", where=where)
    else:
        event["event"] = _message(record, args)
        if isinstance(args, Mapping) and "id" in args:
            event["task"] = _argument(args["id"])
    return event


def _frames(trace: TracebackType | None) -> Iterator[str]:
    # By hand: billiard's copies from another process are no real frames.
    while trace is not None:
        code = trace.tb_frame.f_code
        yield f"  {code.co_filename}:{trace.tb_lineno} {code.co_name}"
        trace = trace.tb_next


def _tell_exception(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Put into ``exception`` what was raised, and its causes: a line for each, and each frame."""
    exc_info = event.pop("exc_info", None)
    if not exc_info:
        return event
    if isinstance(exc_info, BaseException):
        exc_info = (None, exc_info, exc_info.__traceback__)
    _kind, error, trace = exc_info if isinstance(exc_info, tuple) else sys.exc_info()
    lines: list[str] = []
    for _cause in range(_MOST_CAUSES):
        if error is None:
            break
        if isinstance(error, ExceptionWithTraceback):
            error = error.exc
        lines += [str(_field(error)), *deque(_frames(trace), _MOST_FRAMES)]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        trace = error.__traceback__ if error is not None else None
    if lines:
        event["exception"] = "\n".join(lines)
    return event


def _field(value: object) -> object:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [_field(item) for item in value]
    return _name(type(value)) + (f": {value.message}" if isinstance(value, CopydeskError) else "")


def _tell_fields(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    first = {key: event.pop(key) for key in ("time", "level", "logger", "event")}
    # The keys with an underscore are ProcessorFormatter's own.
    return first | {
        key: value if key.startswith("_") else _field(value) for key, value in event.items()
    }


_SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    _tell_exception,
    _tell_fields,
)


def _formatter(*, terminal: bool) -> ProcessorFormatter:
    console = structlog.dev.ConsoleRenderer(
        timestamp_key="time", exception_formatter=structlog.dev.plain_traceback
    )
    return ProcessorFormatter(
        foreign_pre_chain=[_tell_record, *_SHARED],
        processors=[
            ProcessorFormatter.remove_processors_meta,
            console if terminal else structlog.processors.JSONRenderer(),
        ],
        use_get_message=False,
        pass_foreign_args=True,
    )


# At import: a logger that is used before, or without, ``configure_logging`` must print nothing.
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
