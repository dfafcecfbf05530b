"""A real worker's log has a JSON object on each line, and no text of an article."""

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
def test_no_article_text_gets_into_the_log(
    store: JobStore, settings: Settings, tmp_path: Path
) -> None:
    # Also when the engine fails, a stage breaks, or the child dies.
    bad_articles = [make_article(word, word=word) for word in (FAILS, BREAKS, DIES)]
    with running_worker(settings, store, tmp_path) as worker:
        job = submit_all([*make_articles(3), *bad_articles], store, settings).job
        finish(store, job)
        worker.stop()

    # At its end Celery prints that it was stopped, in prose.
    entries = [json.loads(line) for line in worker.log.splitlines() if line.startswith("{")]
    recorded = next(entry for entry in entries if entry["event"] == "chunk_recorded")
    assert (recorded["job"], recorded["chunk"], recorded["articles"]) == (job, 0, 6)
    assert recorded["attempts"] > 1
    assert "Harrow Vale" not in worker.log
    assert not {FAILS, BREAKS, DIES, "residents"} & set(worker.log.replace('"', " ").split())
