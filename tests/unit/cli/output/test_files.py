from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from cli.output.files import ResultWriter, result_row
from worker import __version__
from worker.errors import OutputError
from worker.records.article import Article, ArticleState, CollectedArticle, InputRefusal, Outcome
from worker.records.job import JobProgress
from worker.records.priority import Priority
from worker.records.reason import Reason
from worker.records.result import (
    Edit,
    Flag,
    Method,
    Refusal,
    Removal,
    Result,
)

DONE = Outcome(state=ArticleState.DONE)


def done(article_id: str = "a", *, text: str = "Fine.", cached: bool = False) -> CollectedArticle:
    result = Result(
        title="A title",
        repaired=text,
        summary="Fine.",
        method=Method.EXTRACTIVE,
        evidence=(),
        edits=(Edit(paragraph=0, before="x", after="y", reason=Reason.MODEL_REWRITE),),
        refused=(Refusal(stage="repair", before="x", proposal="z", reason=Reason.NAME_CHANGED),),
        removed=(Removal(line=1, text="tags", reason=Reason.TAG_LINE),),
        flags=(Flag(reason=Reason.SHORT_ARTICLE),),
        timings={"engine": 0.5},
    )
    article = Article(id=article_id, text="x", source="in.jsonl:1")
    outcome = Outcome(state=ArticleState.DONE, cached=cached)
    return CollectedArticle(article=article, outcome=outcome, result=result)


def ended(article_id: str, outcome: Outcome) -> CollectedArticle:
    return CollectedArticle(article=Article(id=article_id, text="x", source="s"), outcome=outcome)


FAILED = ended(
    "b",
    Outcome(
        state=ArticleState.FAILED, reason=Reason.NOT_ENGLISH, message="it is German", hint="none"
    ),
)
CANCELLED = ended("c", Outcome(state=ArticleState.CANCELLED))


def progress(**counts: int) -> JobProgress:
    fields = {"queued": 0, "running": 0, "done": 0, "failed": 0, "cancelled": 0}
    states = {**fields, **{key: value for key, value in counts.items() if key in fields}}
    return JobProgress(
        id="j",
        profile="p",
        restraint="bold",
        priority=Priority.NORMAL,
        deadline=None,
        cancel=None,
        created=1_700_000_000.0,
        closed=True,
        total=sum(states.values()),
        cached=counts.get("cached", 0),
        refused=counts.get("refused", 0),
        **states,
    )


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write_one(out: Path, article: CollectedArticle) -> None:
    with ResultWriter(out, job="j", profile="p") as writer:
        writer.write(article)
        writer.finish(progress(done=1))


def test_all_files_of_a_job(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    with ResultWriter(out, job="j", profile="p") as writer:
        writer.refuse(InputRefusal(reason=Reason.EMPTY, source="e.txt", message="empty", hint="h"))
        for collected in (done(cached=True), FAILED, CANCELLED):
            writer.write(collected)
        writer.finish(progress(done=1, failed=1, cancelled=1, refused=1))
    assert names(out) == ["a.md", "errors.jsonl", "manifest.json", "results.jsonl"]
    assert (out / "a.md").read_text(encoding="utf-8").startswith("# A title\n\nFine.\n")
    first, second, third = rows(out / "results.jsonl")
    assert first == {
        "id": "a",
        "state": "done",
        "file": "a.md",
        "title": "A title",
        "repaired": "Fine.",
        "summary_title": "",
        "summary": "Fine.",
        "method": "extractive",
        "evidence": [],
        "edits": [
            {
                "paragraph": 0,
                "before": "x",
                "after": "y",
                "reason": "model_rewrite",
                "changes": [],
                "scores": {},
            }
        ],
        "refused": [
            {
                "stage": "repair",
                "before": "x",
                "proposal": "z",
                "reason": "name_changed",
                "detail": "",
                "kind": "",
                "scores": {},
            }
        ],
        "removed": [{"line": 1, "text": "tags", "reason": "tag_line"}],
        "flags": [{"reason": "short_article", "text": "", "words": []}],
        "timings": {"engine": 0.5},
        "cached": True,
        "source": "in.jsonl:1",
        "reason": None,
        "message": "",
        "hint": "",
    }
    assert (second["state"], second["reason"]) == ("failed", "not_english")
    assert second["message"] == "it is German"
    assert [second[key] for key in ("title", "repaired", "summary", "method", "file")] == [None] * 5
    assert [second[key] for key in ("evidence", "edits", "flags")] == [[], [], []]
    assert third["state"] == "cancelled"
    assert rows(out / "errors.jsonl") == [
        {"id": None, "source": "e.txt", "reason": "empty", "message": "empty", "hint": "h"},
        {
            "id": "b",
            "source": "s",
            "reason": "not_english",
            "message": "it is German",
            "hint": "none",
        },
    ]


def test_the_manifest_counts_what_was_written(tmp_path: Path) -> None:
    with ResultWriter(tmp_path, job="j", profile="p") as writer:
        writer.refuse(InputRefusal(reason=Reason.EMPTY, source="e.txt", message="empty"))
        for collected in (done("1", cached=True), done("2"), FAILED):
            writer.write(collected)
        manifest = writer.finish(progress(done=2, failed=1, refused=1))
    stored = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    assert stored == manifest.model_dump(mode="json")
    del stored["collected"]
    assert stored == {
        "job": "j",
        "profile": "p",
        "restraint": "bold",
        "version": __version__,
        "created": "2023-11-14T22:13:20Z",
        "complete": True,
        "total": 3,
        "states": {"queued": 0, "running": 0, "done": 2, "failed": 1, "cancelled": 0},
        "rows": 3,
        "pages": 2,
        "cached": 1,
        "refused_inputs": 1,
        "errors": {"empty": 1, "not_english": 1},
        "edits": {"model_rewrite": 2},
        "refused": {"name_changed": 2},
        "removed": {"tag_line": 2},
        "flags": {"short_article": 2},
        "files": ["results.jsonl", "errors.jsonl", "manifest.json"],
    }


@pytest.mark.parametrize(
    "counters",
    [
        progress(done=1, queued=1),
        progress(done=2),
        progress(done=1).model_copy(update={"closed": False}),
    ],
)
def test_a_collect_of_a_part_says_so(tmp_path: Path, counters: JobProgress) -> None:
    with ResultWriter(tmp_path, job="j", profile="p") as writer:
        writer.write(done())
        assert not writer.finish(counters).complete


def test_collecting_again_replaces_the_files(tmp_path: Path) -> None:
    write_one(tmp_path, done(text="Old."))
    write_one(tmp_path, done(text="New."))
    assert names(tmp_path) == ["a.md", "errors.jsonl", "manifest.json", "results.jsonl"]
    assert "New." in (tmp_path / "a.md").read_text(encoding="utf-8")
    assert [row["repaired"] for row in rows(tmp_path / "results.jsonl")] == ["New."]


def test_without_finish_the_earlier_rows_stay(tmp_path: Path) -> None:
    write_one(tmp_path, done(text="Old."))
    before = names(tmp_path)
    manifest = (tmp_path / "manifest.json").read_bytes()

    def interrupted() -> None:
        with ResultWriter(tmp_path, job="j", profile="p") as writer:
            writer.write(done(text="New."))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert names(tmp_path) == before
    assert [row["repaired"] for row in rows(tmp_path / "results.jsonl")] == ["Old."]
    assert (tmp_path / "manifest.json").read_bytes() == manifest


def test_pages_keep_to_the_folder_and_to_themselves(tmp_path: Path) -> None:
    out = tmp_path / "out"
    ids = ["../../x", "/etc/x", "Story", "story", "STORY", ".hidden", "con", "a/b", "ä", "x" * 500]
    with ResultWriter(out, job="j", profile="p") as writer:
        for article_id in ids:
            writer.write(done(article_id))
        writer.finish(progress(done=len(ids)))
    pages = [row["file"] for row in rows(out / "results.jsonl")]
    assert [row["id"] for row in rows(out / "results.jsonl")] == ids
    assert len({name.casefold() for name in pages}) == len(ids)
    assert pages[2] == "Story.md"
    assert pages[3].startswith("story-")
    assert sorted(pages) == [name for name in names(out) if name.endswith(".md")]
    assert names(tmp_path) == ["out"]


def test_a_link_in_the_folder_is_replaced_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    out = tmp_path / "out"
    out.mkdir()
    for name in ("a.md", "results.jsonl", "manifest.json"):
        (out / name).symlink_to(victim)
    write_one(out, done())
    assert victim.read_text() == "mine"
    assert not (out / "a.md").is_symlink()


def test_an_article_is_not_written_over_another_of_its_id(tmp_path: Path) -> None:
    with ResultWriter(tmp_path, job="j", profile="p") as writer:
        writer.write(done())
        writer.write(done())
        with pytest.raises(OutputError, match="twice"):
            writer.write(done())


def test_rows_reach_no_terminal_and_stay_one_line(tmp_path: Path) -> None:
    write_one(tmp_path, done(text="“a”\x1b[2J\x9b31m\u2028b\x85c\n\nd"))
    stored = (tmp_path / "results.jsonl").read_text(encoding="utf-8")
    assert len(stored.splitlines()) == 1
    assert not {"\x1b", "\x9b"} & set(stored)
    assert "“a”" in stored
    assert json.loads(stored)["repaired"] == "“a”\x1b[2J\x9b31m\u2028b\x85c\n\nd"


def test_a_number_that_json_cannot_hold_becomes_null(tmp_path: Path) -> None:
    collected = done()
    assert collected.result is not None
    broken = collected.result.model_copy(update={"timings": {"x": float("nan")}})
    write_one(tmp_path, collected.model_copy(update={"result": broken}))
    assert rows(tmp_path / "results.jsonl")[0]["timings"] == {"x": None}


def test_a_row_for_a_script() -> None:
    row = result_row(done())
    assert (row["id"], row["state"], row["file"]) == ("a", "done", None)
    assert json.loads(json.dumps(row)) == row
    assert result_row(FAILED)["reason"] == "not_english"


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(OutputError) as caught, ResultWriter(out, job="j", profile="p"):
            pass
        assert str(out) in caught.value.message
        assert caught.value.hint == "choose a folder, not a file"


@pytest.mark.parametrize("name", ["a.md", "errors.jsonl", "manifest.json"])
def test_a_folder_in_the_place_of_a_file_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(OutputError, match=f"{name} cannot be written"):
        write_one(tmp_path, done())
    assert [name for name in names(tmp_path) if name.startswith(".")] == []


WRITE_TOO_MUCH = """
    import resource, subprocess, sys
    from pathlib import Path
    from tests.unit.cli.output.test_files import done, progress
    from cli.output.files import ResultWriter
    from worker.errors import OutputError

    out = Path(sys.argv[1])
    with ResultWriter(out, job="j", profile="p") as writer:
        writer.write(done(text="Old."))
        writer.finish(progress(done=1))
    {limit}
    try:
        with ResultWriter(out, job="j", profile="p") as writer:
            for number in range(2_000):
                writer.write(done(str(number), text="New. " * 20))
            writer.finish(progress(done=2_000))
    except OutputError as error:
        print(error.message, error.hint, sep="\\n")
    print(*sorted(path.name for path in out.iterdir() if not path.name[0].isdigit()))
    print((out / "results.jsonl").read_text().count("Old."))
"""


def run(program: str, out: Path, *before: str) -> list[str]:
    """Run ``program`` in its own process and return the lines that it prints."""
    command = [*before, sys.executable, "-c", textwrap.dedent(program), str(out)]
    root = Path(__file__).parents[4]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, check=True, timeout=60)
    return done.stdout.splitlines()


def test_a_limit_on_file_size_leaves_the_earlier_files_whole(tmp_path: Path) -> None:
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))"
    message, hint, left, old = run(WRITE_TOO_MUCH.format(limit=limit), tmp_path)
    assert message == f"{tmp_path}/results.jsonl cannot be written: File too large"
    assert "collect can be run again" in hint
    assert left == "a.md errors.jsonl manifest.json results.jsonl"
    assert old == "1"


def test_a_full_disk_leaves_the_earlier_files_whole(tmp_path: Path) -> None:
    # Only this process sees the small disk, which disappears when it ends.
    mount = f"mount -t tmpfs -o size=256k tmpfs {tmp_path}"
    unshare = ["unshare", "--mount", "sh", "-c", f'{mount} && exec "$@"', "sh"]
    try:
        subprocess.run([*unshare, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a small disk needs root on Linux")
    message, hint, left, old = run(WRITE_TOO_MUCH.format(limit=""), tmp_path, *unshare)
    assert message.startswith(f"{tmp_path}/")
    assert message.endswith("cannot be written: No space left on device")
    assert hint.startswith("the disk is full: free some space")
    assert left == "a.md errors.jsonl manifest.json results.jsonl"
    assert old == "1"
