"""Anything missing or full ends every command with a code of its own and no partial files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.acceptance.desk import Desk, article_text
from tests.support.run_cli import run_cli
from worker.runtime.embedded_valkey import EmbeddedBroker

_TEXT = article_text("seven")

#: Limits files to 4 KB, like a full disk.
_FULL_DISK = ("sh", "-c", 'ulimit -f 8; exec "$@"', "sh")


@pytest.mark.parametrize(
    "words",
    [
        ("submit", "-"),
        ("watch", "260101-0000-abcdef"),
        ("status",),
        ("status", "260101-0000-abcdef"),
        ("jobs",),
        ("collect", "260101-0000-abcdef"),
        ("show", "260101-0000-abcdef", "an-article"),
        ("resume", "260101-0000-abcdef", "-"),
        ("cancel", "260101-0000-abcdef"),
        ("retry", "260101-0000-abcdef"),
        ("dlq",),
        ("rm", "260101-0000-abcdef"),
    ],
    ids=" ".join,
)
def test_no_broker(bare_desk: Desk, words: tuple[str, ...]) -> None:
    ran = bare_desk.run(*words, stdin=_TEXT.encode())

    assert (ran.code, ran.codes) == (3, ["broker_unavailable"])
    assert "copydesk up" in ran.data["errors"][0]["hint"]
    assert not (bare_desk.home / "out").exists()


def test_an_external_broker_that_does_not_answer(bare_desk: Desk) -> None:
    elsewhere = {"COPYDESK_BROKER_URL": "redis://desk:secret@127.0.0.1:1/0"}

    ran = bare_desk.run("jobs", environment=elsewhere)

    assert (ran.code, ran.codes) == (3, ["broker_unavailable"])
    assert "secret" not in ran.out + ran.err


def test_up_without_a_model(bare_desk: Desk) -> None:
    ran = bare_desk.run("up")

    assert (ran.code, ran.codes) == (2, ["model_missing"])
    assert "copydesk model pull" in ran.data["errors"][0]["hint"]
    assert not EmbeddedBroker(bare_desk.home).running


def test_run_without_a_model(bare_desk: Desk) -> None:
    ran = bare_desk.run("run", bare_desk.write("good.txt", _TEXT), "-o", bare_desk.out)

    assert (ran.code, ran.codes) == (2, ["model_missing"])
    assert not EmbeddedBroker(bare_desk.home).running
    assert not bare_desk.out.exists()


@pytest.mark.parametrize("words", [("model", "path"), ("worker",), ("doctor",)], ids=" ".join)
def test_other_commands_without_a_model(bare_desk: Desk, words: tuple[str, ...]) -> None:
    ran = bare_desk.run(*words)

    assert (ran.code, ran.codes) == (2, ["model_missing"])


@pytest.mark.parametrize(
    "words",
    [
        ("watch", "260101-0000-abcdef"),
        ("status", "260101-0000-abcdef"),
        ("collect", "260101-0000-abcdef"),
        ("show", "260101-0000-abcdef", "an-article"),
        ("resume", "260101-0000-abcdef"),
        ("resume", "260101-0000-abcdef", "-"),
        ("watch", "no such thing\x1b[2J"),
    ],
    ids=lambda words: f"{words[0]} {len(words)}",
)
def test_no_such_job(desk: Desk, words: tuple[str, ...]) -> None:
    ran = desk.run(*words)

    assert (ran.code, ran.codes) == (4, ["job_not_found"])


def test_no_such_article(desk: Desk) -> None:
    job = desk.submit(desk.write("good.txt", _TEXT))

    ran = desk.run("show", job, "bad")

    assert (ran.code, ran.codes) == (4, ["article_not_found"])


@pytest.mark.parametrize(
    ("command", "variable", "value", "code"),
    [
        ("jobs", "COPYDESK_BROKER_URL", "http://127.0.0.1", "config_invalid"),
        ("jobs", "COPYDESK_CHUNK_ARTICLES", "many", "config_invalid"),
        ("jobs", "COPYDESK_CHUNK_ARTICELS", "8", "config_unknown_key"),
        ("jobs", "COPYDESK_RESTRAINT", "reckless", "config_invalid"),
        ("model path", "COPYDESK_PROFILE", "nobodys", "profile_unknown"),
        ("model path", "COPYDESK_PROFILE", "embedded", "profile_retired"),
    ],
)
def test_settings_that_cannot_be_used(
    bare_desk: Desk, command: str, variable: str, value: str, code: str
) -> None:
    ran = bare_desk.run(*command.split(), environment={variable: value})

    assert (ran.code, ran.codes) == (2, [code])
    assert (variable.removeprefix("COPYDESK_").lower() in ran.out.lower()) or value in ran.out


@pytest.mark.parametrize(
    "words",
    [("sumbit",), ("submit",), ("watch",), ("watch", "x", "--timeout", "soon"), ("jobs", "--all")],
    ids=" ".join,
)
def test_an_invalid_call(bare_desk: Desk, words: tuple[str, ...]) -> None:
    ran = bare_desk.run(*words)

    assert (ran.code, ran.codes) == (2, ["usage"])


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_full_disk_leaves_earlier_files_whole(desk: Desk) -> None:
    first = desk.submit(desk.write("first.txt", article_text("first")))
    desk.collect(first)
    before = _files(desk.out)
    large = [{"id": f"n{n}", "text": article_text(str(n))} for n in range(40)]
    second = desk.submit(desk.write_lines("many.jsonl", large))
    desk.run("watch", second, "--timeout", "60")

    ran = desk.run(
        "collect",
        second,
        "-o",
        desk.out,
        wrapper=_FULL_DISK,
        environment={"PYTHONDONTWRITEBYTECODE": "1"},
    )

    assert (ran.code, ran.codes) == (1, ["output_failed"])
    after = _files(desk.out)
    assert {name: after[name] for name in before} == before
    # Pages of the second job from before the disk was full are whole, too.
    assert all(content.endswith(b"\n") for content in after.values() if content)
    assert not [name for name in after if name.startswith(".")]
    desk.out.rename(desk.out.with_name("half"))
    assert len(desk.collect(second)) == 40
    whole = _files(desk.out)
    half = _files(desk.out.with_name("half"))
    assert {name: half[name] for name in set(half) - set(before)}.items() <= whole.items()


def test_out_is_a_file(desk: Desk) -> None:
    job = desk.submit(desk.write("good.txt", _TEXT))
    desk.run("watch", job, "--timeout", "60")

    ran = desk.run("collect", job, "-o", desk.files / "good.txt")

    assert (ran.code, ran.codes) == (1, ["output_failed"])
    assert (desk.files / "good.txt").read_text() == _TEXT


def test_without_json_errors_go_to_stderr(bare_desk: Desk) -> None:
    ran = run_cli("jobs", home=bare_desk.home)

    assert (ran.code, ran.out) == (3, "")
    error, hint = ran.err.splitlines()
    assert error.startswith("error: ")
    assert error.endswith("[broker_unavailable]")
    assert hint == "hint: start the embedded one: copydesk up"


def test_a_hostile_article_cannot_control_the_terminal(desk: Desk) -> None:
    records = [{"id": "\x1b]0;pwned\x07", "text": "   "}, {"id": "ok", "text": _TEXT}]
    path = desk.write_lines("dump\x1b[2J.jsonl", records)

    ran = run_cli("submit", path, home=desk.home)

    assert ran.code == 1
    assert "\x1b" not in ran.err
    assert "\x1b" not in ran.out
    assert json.dumps("\x1b")[1:-1] not in ran.out
