"""Measure the queue, and compare it with a tutorial's, in one run on one machine.

    python -m tests.bench.queue [--articles FILE_OR_FOLDER …] [--count N] [--tutorial-count N]

Articles are repeated with distinct ids up to the count. Only the ratios carry over to other
machines. Prints one JSON line:

    submit_articles_per_s   of a real `copydesk submit` of a JSON Lines file, including its start
    submit_peak_rss_mb      of that process
    broker_bytes_per_article  while all articles are queued
    progress_read_us        one read of the job's counters, median of 1,000
    claims_per_s, completions_per_s  of chunks of 16 articles, results packed, by one client
    ten_article_job_s       from its submit behind all other jobs to its end, with one worker
    overhead_share          share of a worker's wall time outside the pipeline: real stages on a
                            fake engine of 50 ms per chunk; `overhead_share_bare` with a sleep only
    tutorial                the same for one `task.delay()` per article with a Redis result backend
    ratios                  of the tutorial's queue to ours
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from cli.documents.reader import read_documents
from tests.bench import tutorial
from tests.bench.worker import done_result
from tests.support.broker import embedded_broker
from tests.support.waiting import wait_until
from worker.config.settings import Settings, load_profile, load_settings
from worker.config.weights import model_folder
from worker.queue.celery_app import create_app
from worker.queue.connection import broker_url, connect
from worker.queue.intake import Intake, JobOptions
from worker.queue.store.jobs import JobStore
from worker.records.article import Article
from worker.records.chunk import ChunkCost, Claim
from worker.records.job import JobId

__all__: list[str] = []

#: How long a worker's shares are measured, for each of the two modes.
_WATCHED_SECONDS = 30.0

#: Chunks that are claimed and completed without a worker.
_CHUNKS = 300

_SMALL_JOB = 10

#: Interval between two samples of a process, whose memory only grows.
_SAMPLE_SECONDS = 0.05


def main() -> None:
    """Measure both queues, and print one line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.queue", allow_abbrev=False)
    parser.add_argument("--articles", nargs="+", default=["seeds"])
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--tutorial-count", type=int, default=20_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        dump = folder / "dump.jsonl"
        _write_dump(arguments.articles, arguments.count, dump)
        ours = _measure_ours(folder / "home", dump, arguments.count)
        theirs = _measure_tutorial(folder / "tutorial", dump, arguments.tutorial_count)
    ratios = {
        "submit": ours["submit_articles_per_s"] / theirs["submit_articles_per_s"],
        "broker_memory": theirs["broker_bytes_per_article"] / ours["broker_bytes_per_article"],
        "progress": theirs["progress_read_us"] / ours["progress_read_us"],
    }
    figures = {**ours, "tutorial": theirs, "ratios": ratios}
    sys.stdout.write(json.dumps(_rounded(figures)) + "\n")


def _write_dump(inputs: list[str], count: int, dump: Path) -> None:
    documents = read_documents(inputs, max_chars=load_settings().max_article_chars)
    articles = [document for document in documents if isinstance(document, Article)]
    with dump.open("w", encoding="utf-8") as stream:
        for number in range(count):
            article = articles[number % len(articles)]
            fields = {"id": f"{article.id}-{number}", "title": article.title, "text": article.text}
            stream.write(json.dumps(fields) + "\n")


def _measure_ours(home: Path, dump: Path, count: int) -> dict[str, Any]:
    # The model has to exist, but is never loaded: the engine is a fake.
    model_folder(load_profile(load_settings()).model.name, home).mkdir(parents=True)
    figures: dict[str, Any] = {"articles": count}
    with embedded_broker(home):
        settings = load_settings(home=home)
        client = connect(broker_url(settings))
        store = JobStore(client, ttl_seconds=3600)
        before = store.roster.memory().used
        _report("submitting")
        job, seconds, rss = _submit(dump, home)
        figures["submit_articles_per_s"] = count / seconds
        figures["submit_peak_rss_mb"] = rss / 1024
        figures["broker_bytes_per_article"] = (store.roster.memory().used - before) / count
        figures["progress_read_us"] = 1e6 * statistics.median(
            _seconds(lambda: store.progress(job)) for _ in range(1_000)
        )
        _report("working")
        with _worker(home, "stages") as times:
            wait_until(lambda: store.progress(job).done, timeout=60, description="a first chunk")
            figures["ten_article_job_s"] = _small_job(store, settings, dump)
            time.sleep(_WATCHED_SECONDS)
        figures["overhead_share"], figures["chunk_ms"] = _overhead(times)
        with _worker(home, "bare") as times:
            time.sleep(_WATCHED_SECONDS)
        figures["overhead_share_bare"], figures["chunk_ms_bare"] = _overhead(times)
        _report("claiming by hand")
        figures |= _claim_and_complete(store, settings, dump)
        client.close()
    return figures


def _submit(dump: Path, home: Path) -> tuple[JobId, float, int]:
    """Run a real submit; return its job, wall seconds and peak RSS in KB."""
    start, peak = time.perf_counter(), 0
    command = [sys.executable, "-m", "cli", "submit", str(dump)]
    with subprocess.Popen(command, env=_environment(home), stdout=subprocess.PIPE) as process:
        while process.poll() is None:
            peak = max(peak, _peak_rss_kb(process.pid))
            time.sleep(_SAMPLE_SECONDS)
        assert process.stdout
        output = process.stdout.read().decode()
    assert process.returncode == 0
    return JobId(output.strip()), time.perf_counter() - start, peak


def _peak_rss_kb(pid: int) -> int:
    """Read Linux's high-water mark; getrusage would include the parent's memory at the fork."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    peaks = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(peaks[0]) if peaks else 0


def _small_job(store: JobStore, settings: Settings, dump: Path) -> float:
    """Submit ten articles, and return the seconds to their end."""
    documents = read_documents([str(dump)], max_chars=settings.max_article_chars)
    fresh = [
        _changed(document)
        for document in islice(documents, _SMALL_JOB)
        if isinstance(document, Article)
    ]
    start = time.perf_counter()
    job = Intake(store, create_app(settings), settings).submit(fresh, _job_options(settings)).job
    wait_until(
        lambda: store.progress(job).finished, timeout=120, description="the end of a small job"
    )
    return time.perf_counter() - start


def _claim_and_complete(store: JobStore, settings: Settings, dump: Path) -> dict[str, float]:
    documents = read_documents([str(dump)], max_chars=settings.max_article_chars)
    few = islice(documents, _CHUNKS * settings.chunk_articles)
    fresh = (_changed(document) for document in few if isinstance(document, Article))
    job = Intake(store, create_app(settings), settings).submit(fresh, _job_options(settings)).job
    claims: list[Claim] = []
    ledger = store.ledger
    claiming = completing = 0.0
    for number in range(_CHUNKS):
        start = time.perf_counter()
        claim = ledger.claim(job, number, worker="bench", task=f"{number}", retried=False)
        claiming += time.perf_counter() - start
        if not isinstance(claim, Claim):
            break
        claims.append(claim)
        processed = [done_result(article) for article in claim.articles]
        start = time.perf_counter()
        recorded = ledger.complete(claim, processed, ChunkCost(worker="bench", seconds=0.05))
        completing += time.perf_counter() - start
        assert recorded
    return {
        "claims_per_s": len(claims) / claiming,
        "completions_per_s": len(claims) / completing,
    }


def _changed(article: Article) -> Article:
    """Change the article, so that it is not a duplicate of one in the running job."""
    return article.model_copy(update={"text": f"{article.text}\n\n{article.id} was updated."})


def _job_options(settings: Settings) -> JobOptions:
    return JobOptions(load_profile(settings))


@contextmanager
def _worker(home: Path, mode: str) -> Iterator[Path]:
    """Run a real worker; yield the file with the times of its chunks."""
    times = home / f"times-{mode}"
    command = [sys.executable, "-P", "-m", "tests.bench.worker", str(times), mode]
    with (home / f"worker-{mode}.log").open("wb") as log:
        process = subprocess.Popen(command, env=_environment(home), stderr=log, stdout=log)
    try:
        wait_until(times.exists, timeout=60, description="a worker's first chunk")
        yield times
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _overhead(times: Path) -> tuple[float, float]:
    """Return the share of wall time outside the pipeline, and the pipeline's mean ms per chunk."""
    spans = [json.loads(line) for line in times.read_text().splitlines()]
    busy = sum(end - start for start, end in spans)
    wall = spans[-1][1] - spans[0][0]
    return 1 - busy / wall, 1000 * busy / len(spans)


def _measure_tutorial(home: Path, dump: Path, count: int) -> dict[str, Any]:
    with embedded_broker(home) as broker, connect(broker.url) as client:
        store = JobStore(client, ttl_seconds=3600)
        before = store.roster.memory().used
        _report("submitting as a tutorial does")
        start = time.perf_counter()
        with dump.open(encoding="utf-8") as stream:
            ids = tutorial.submit_all(
                (json.loads(line) for line in islice(stream, count)), broker.url
            )
        seconds = time.perf_counter() - start
        memory = store.roster.memory().used - before
        poll = _seconds(lambda: tutorial.poll_progress(ids, broker.url))
    return {
        "articles": count,
        "submit_articles_per_s": count / seconds,
        "broker_bytes_per_article": memory / count,
        "progress_read_us": 1e6 * poll,
    }


def _environment(home: Path) -> dict[str, str]:
    root = str(Path(__file__).parents[2])
    return {**os.environ, "COPYDESK_HOME": str(home), "PYTHONPATH": root}


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(entry) for key, entry in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _report(step: str) -> None:
    sys.stderr.write(f"{step}\n")


if __name__ == "__main__":
    main()
