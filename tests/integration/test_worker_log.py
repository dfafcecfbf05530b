"""A real worker's log: one JSON object a line, and nothing of an article in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.job_step import finish, submit_all
from tests.integration.sample import make_article, make_articles
from tests.integration.worker_process import running_worker
from tests.support.fake_engine import BREAKS, FAILS
from tests.support.fake_worker import DIES
from worker.config.settings import Settings
from worker.queue.store.jobs import JobStore


@pytest.mark.parametrize("broker", ["embedded"], indirect=True)
def test_no_text_of_an_article_gets_into_the_log(
    store: JobStore, settings: Settings, tmp_path: Path
) -> None:
    # Whatever goes wrong: the engine fails, a stage breaks, the child dies.
    troubles = [make_article(word, word=word) for word in (FAILS, BREAKS, DIES)]
    with running_worker(settings, store, tmp_path) as worker:
        job = submit_all([*make_articles(3), *troubles], store, settings).job
        finish(store, job)
        worker.stop()

    # Celery says on its way out, in prose, that it was told to go.
    rows = [json.loads(line) for line in worker.log.splitlines() if line.startswith("{")]
    recorded = next(row for row in rows if row["event"] == "chunk_recorded")
    assert (recorded["job"], recorded["chunk"], recorded["articles"]) == (job, 0, 6)
    assert recorded["attempts"] > 1
    assert "Harrow Vale" not in worker.log
    assert not {FAILS, BREAKS, DIES, "residents"} & set(worker.log.replace('"', " ").split())
