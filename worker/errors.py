"""Copydesk's exception hierarchy, with the exit code of each class.

    CopydeskError
    ├── UsageError            2   wrong arguments, wrong file, wrong configuration
    │   ├── ConfigError       2   a settings or profile file that cannot be used
    │   ├── NoInputError      2   nothing to submit (6 if all inputs were refused)
    │   └── ModelMissingError 2   the profile's model is not on this machine
    ├── BrokerUnavailableError 3  no Redis or Valkey answers
    ├── JobNotFoundError      4   no such job
    ├── ArticleNotFoundError  4   no such article in that job
    ├── JobStateError         2   the job's state does not allow this command
    ├── WaitTimeoutError      5   the job did not finish within the timeout
    ├── OutputError           1   results could not be written
    └── EngineError           1   the model could not be loaded or run

Text that a check refuses is data (a ``Reason``), never an exception.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = [
    "ArticleNotFoundError",
    "BrokerUnavailableError",
    "ConfigError",
    "CopydeskError",
    "EngineError",
    "ExitCode",
    "JobNotFoundError",
    "JobStateError",
    "ModelMissingError",
    "NoInputError",
    "OutputError",
    "UsageError",
    "WaitTimeoutError",
]


class ExitCode(IntEnum):
    """The exit codes of all commands; they are stable."""

    OK = 0
    """Everything succeeded."""
    SOME_FAILED = 1
    """Some articles failed or were refused, or some output could not be written."""
    USAGE = 2
    """The arguments, a file or the configuration are wrong; nothing was done."""
    NO_BROKER = 3
    """No Redis or Valkey answers."""
    NOT_FOUND = 4
    """No such job or article."""
    TIMED_OUT = 5
    """The wait timed out before the job finished; the job continues."""
    ALL_FAILED = 6
    """Every article failed or was refused."""
    INTERRUPTED = 130
    """Stopped with Ctrl-C; an accepted job stays in the queue."""


class CopydeskError(Exception):
    """Base class of all errors that are reported to the user.

    Args:
        message: what happened, with the file and line if known.
        code: a stable code, more specific than the class's own.
        hint: what to do next.
    """

    code: str = "error"
    exit_code: ExitCode = ExitCode.SOME_FAILED

    def __init__(self, message: str, *, code: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if code is not None:
            self.code = code


class UsageError(CopydeskError):
    """The command cannot run with these arguments."""

    code = "usage"
    exit_code = ExitCode.USAGE


class ConfigError(UsageError):
    """A settings or profile file cannot be used."""

    code = "config_invalid"


class NoInputError(UsageError):
    """There is nothing to submit."""

    code = "no_input"


class ModelMissingError(UsageError):
    """The profile's model is not on this machine."""

    code = "model_missing"


class BrokerUnavailableError(CopydeskError):
    """No Redis or Valkey answers."""

    code = "broker_unavailable"
    exit_code = ExitCode.NO_BROKER


class JobNotFoundError(CopydeskError):
    """No such job; it may have expired."""

    code = "job_not_found"
    exit_code = ExitCode.NOT_FOUND

    def __init__(self, job: str) -> None:
        super().__init__(f"there is no job {job}", hint="copydesk jobs lists those that there are")


class JobStateError(CopydeskError):
    """The job's state does not allow this command."""

    code = "job_state"
    exit_code = ExitCode.USAGE


class ArticleNotFoundError(CopydeskError):
    """No such article in that job."""

    code = "article_not_found"
    exit_code = ExitCode.NOT_FOUND


class WaitTimeoutError(CopydeskError):
    """The job did not finish within the timeout; it continues."""

    code = "wait_timed_out"
    exit_code = ExitCode.TIMED_OUT


class OutputError(CopydeskError):
    """Results could not be written; the files written earlier are complete."""

    code = "output_failed"


class EngineError(CopydeskError):
    """The model could not be loaded or run."""

    code = "engine_error"
