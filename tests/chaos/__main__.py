"""Kill workers, children, clients and the broker while they work, and check that nothing is lost.

    python -m tests.chaos --kills 100 --broker-kills 10 [--seed N] [--keep FOLDER]

Three real workers, each a main process and a child, run an engine of a few milliseconds on a Valkey
of their own. Articles are submitted all the time, and some jobs are cancelled. The seed decides the
kills and their victims, but not what each kill hits, since time is real.

Prints one JSON line:

- ``lost``: accepted articles that have not ended, are done without a result, or are missing
- ``recorded_twice``: chunks recorded again (by the answers of ``Ledger.complete``, kept outside the
  ledger), articles that a job has twice, and articles by which its counters are wrong
- ``run_twice``: attempts at chunks beyond the first
- ``worst_recovery_s``: longest time from a kill of a whole worker, its main process or all workers
  until every chunk that was held has another holder or is done; ``worst_child_recovery_s`` and
  ``worst_broker_recovery_s`` are the same for the other kills. This includes the time in which the
  broker is down, new workers start, or the chunk waits behind others in the queue

The exit code is 1 when something was lost or recorded twice, 3 when the run did not finish.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.chaos.audit import Account, audit, is_over
from tests.chaos.fleet import Fleet
from tests.chaos.load import Load, Register
from tests.chaos.place import Place, say
from tests.chaos.strike import WHOLE_WORKERS, Kill, Striker, plan
from tests.chaos.watch import Watch
from worker.records.article import ArticleState
from worker.runtime.embedded_valkey import EmbeddedBroker

__all__ = ["main"]

_WORKERS = 3

#: The run ends when kills take longer than this on average: three times what was measured.
_SECONDS_PER_KILL = 20.0

#: Work left at the last kill is done within a lease and a few seconds.
_FINISH_SECONDS = 120.0

#: A paused worker goes on after 40 s at the latest, and is killed some seconds later.
_SLEEPER_SECONDS = 60.0


def main() -> int:
    """Run, print the JSON line, and return the exit code."""
    arguments = _arguments()
    for variable in [name for name in os.environ if name.startswith("COPYDESK_")]:
        # Never touch the user's own broker.
        del os.environ[variable]
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    rng = random.Random(f"plan {arguments.seed}")  # noqa: S311
    kinds = plan(arguments.kills, arguments.broker_kills, rng)
    say(f"seed {arguments.seed}")
    with contextlib.ExitStack() as stack:
        root = arguments.keep or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-"))
        )
        figures, complete = _run(Place.make(root), kinds, arguments.seed)
    sys.stdout.write(json.dumps(figures) + "\n")
    if figures["lost"] or figures["recorded_twice"]:
        return 1
    return 0 if complete else 3


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", allow_abbrev=False)
    parser.add_argument("--kills", type=int, default=100, help="number of kills")
    parser.add_argument("--broker-kills", type=int, default=10, help="how many of them hit Valkey")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--keep", type=Path, help="a new folder that keeps logs and data")
    arguments = parser.parse_args()
    if not 0 <= arguments.broker_kills <= arguments.kills:
        parser.error("--broker-kills is part of --kills, and cannot exceed it")
    return arguments


def _run(place: Place, kinds: list[Kill], seed: int) -> tuple[dict[str, Any], bool]:
    """Return the figures, and whether all kills were made and every job has finished."""
    started = time.monotonic()
    register = Register()
    with _broker(place):
        fleet, watch = Fleet(place, _WORKERS), Watch(place)
        load = Load(place, register, seed)
        try:
            watch.start()
            load.start()
            striker = Striker(place, fleet, watch, register, seed)
            end = started + _SECONDS_PER_KILL * len(kinds)
            for kind in kinds:
                if time.monotonic() > end:
                    say("the time is over")
                    break
                striker.strike(kind)
                load.check()
            load.stop()
            load.check()
            store = place.open_store()
            finished = _wait(striker, lambda: is_over(store), _FINISH_SECONDS)
            finished &= _wait(striker, lambda: fleet.is_settled, _SLEEPER_SECONDS)
            watch.stop()
            account = audit(place, register.accepted)
        finally:
            fleet.end()
    if fleet.died_alone:
        say(f"{fleet.died_alone} workers ended by themselves, or did not stop")
    seconds = time.monotonic() - started
    complete = finished and striker.kills.total() == len(kinds)
    return _figures(account, striker, watch, seconds), complete


@contextlib.contextmanager
def _broker(place: Place) -> Iterator[None]:
    broker = EmbeddedBroker(place.home)
    broker.start()
    try:
        yield
    finally:
        broker.stop()


def _wait(striker: Striker, predicate: Callable[[], bool], timeout: float) -> bool:
    end = time.monotonic() + timeout
    while not predicate():
        if time.monotonic() > end:
            return False
        striker.rest(0.2)
    return True


def _figures(account: Account, striker: Striker, watch: Watch, seconds: float) -> dict[str, Any]:
    def worst(kinds: Sequence[str]) -> float:
        seconds = [recovery.seconds for recovery in watch.recoveries if recovery.kind in kinds]
        return round(max(seconds, default=0.0), 1)

    return {
        "accepted": account.accepted,
        "done": account.states[ArticleState.DONE],
        "failed": account.states[ArticleState.FAILED],
        "cancelled": account.states[ArticleState.CANCELLED],
        "lost": account.lost,
        "recorded_twice": account.recorded_twice,
        "run_twice": account.run_twice,
        "kills": striker.kills.total(),
        "broker_kills": striker.kills[Kill.BROKER_KILL],
        "seconds": round(seconds, 1),
        "worst_recovery_s": worst(WHOLE_WORKERS),
        "worst_child_recovery_s": worst([Kill.CHILD_KILL]),
        "worst_broker_recovery_s": worst([Kill.BROKER_KILL]),
        "kills_by_kind": {kind.value: striker.kills[kind] for kind in Kill},
    }


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        say("interrupted")
        sys.exit(130)
