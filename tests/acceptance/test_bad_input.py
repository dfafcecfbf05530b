"""Bad input is refused with a reason and harms no other article."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.acceptance.desk import Desk, article_text, read_rows
from tests.support.fake_engine import BREAKS, FAILS

_TEXT = article_text("seven")
_DEEP = '{"id": "deep", "text": ' + "[" * 200_000 + "]" * 200_000 + "}\n"
_CUT_UTF8 = "The café\u2019s owner — and the naïve façade.\n".encode().replace(b"\xa9", b"")

#: Name of the file, its bytes, and the reason of its refusal.
_BAD_FILES = {
    "empty": ("a.txt", b"", "empty"),
    "white space": ("a.txt", b" \r\n\t\n \n", "empty"),
    "empty lines of JSON": ("a.jsonl", b"\n\n", "empty"),
    "binary": ("a.txt", bytes(range(256)) * 40, "binary"),
    "binary lines": ("a.jsonl", bytes(range(256)) * 40, "binary"),
    "UTF-8 with bytes missing": ("a.txt", _CUT_UTF8 * 20, "bad_encoding"),
    "another encoding in JSON": ("a.jsonl", '{"text": "café"}\n'.encode("latin-1"), "bad_encoding"),
    "half a character": ("a.jsonl", b'{"text": "so \\ud800 it is"}\n', "bad_encoding"),
    "a line of 5 MB": ("a.txt", b"word " * 1_000_000, "too_large"),
    "a JSON line of 5 MB": ("a.jsonl", b'{"text": "%s"}' % (b"w" * 5_000_000), "too_large"),
    "a JSON line of 8 MB": ("a.jsonl", b'{"text": "%s"}' % (b"w" * 8_000_000), "too_large"),
    "broken JSON": ("a.jsonl", b'{"text": "so it is"\n', "bad_json"),
    "not an object": ("a.jsonl", b'["so it is"]\n', "bad_json"),
    "nested too deeply": ("a.jsonl", _DEEP.encode(), "bad_json"),
    "a number without end": ("a.jsonl", b'{"id": %s}\n' % (b"9" * 10_000), "bad_json"),
    "an id that is none": ("a.jsonl", b'{"id": {}, "text": "so it is"}\n', "bad_json"),
    "no text": ("a.jsonl", b'{"id": "a", "words": "so it is"}\n', "no_text_field"),
    "a text that is none": ("a.jsonl", b'{"id": "a", "text": 7}\n', "no_text_field"),
    "broken CSV": ("a.csv", b'id,text\na,"so it is\n', "bad_csv"),
    "CSV without a text": ("a.csv", b"id,words\na,so it is\n", "no_text_field"),
    "another suffix": ("a.docx", b"so it is", "unknown_format"),
    "damaged gzip": ("a.txt.gz", b"\x1f\x8b\x08so it is not", "file_unreadable"),
}


@pytest.mark.parametrize(("name", "content", "reason"), _BAD_FILES.values(), ids=_BAD_FILES)
def test_a_bad_file_alone_is_refused(desk: Desk, name: str, content: bytes, reason: str) -> None:
    path = desk.write(name, content)

    ran = desk.run("submit", path)

    assert (ran.code, ran.codes) == (6, [reason, "all_refused"])
    assert ran.data["errors"][0]["source"].startswith(str(path))
    assert ran.data["errors"][0]["message"]
    assert ran.err == ""


def test_bad_files_cost_the_good_ones_nothing(desk: Desk) -> None:
    for number, (name, content, _) in enumerate(_BAD_FILES.values()):
        if len(content) < 4_000_000:  # the large ones are tested alone
            desk.write(f"{number}/{name}", content)
    good = {desk.write(f"good-{number}.txt", article_text(str(number))).stem for number in range(3)}

    submitted = desk.run("submit", desk.files)

    assert submitted.code == 1
    assert submitted.data["accepted"] == 3
    # In a folder, files of other kinds are skipped; named on the command line they are refused.
    reasons = [
        reason
        for _, content, reason in _BAD_FILES.values()
        if len(content) < 4_000_000 and reason != "unknown_format"
    ]
    assert sorted(submitted.codes) == sorted(reasons)
    rows = desk.collect(submitted.data["job"])
    assert set(rows) == good
    assert {row["state"] for row in rows.values()} == {"done"}
    assert sum(desk.manifest["errors"].values()) == desk.manifest["refused_inputs"] == len(reasons)


def test_bad_lines_cost_the_good_ones_nothing(desk: Desk) -> None:
    good = json.dumps({"id": "first", "text": _TEXT}), json.dumps({"id": "last", "text": _TEXT})
    bad = ['{"text": ', "7", _DEEP.strip(), '{"id": "x"}', '{"text": "\\udfff"}', '{"text": ""}']
    path = desk.write("dump.jsonl", "\n".join([good[0], *bad, "", good[1]]) + "\n")

    submitted = desk.run("submit", path)

    assert submitted.codes == [
        "bad_json",
        "bad_json",
        "bad_json",
        "no_text_field",
        "bad_encoding",
        "empty",
    ]
    assert [error["source"] for error in submitted.data["errors"]] == [
        f"{path}:{line}" for line in range(2, 8)
    ]
    assert set(desk.collect(submitted.data["job"])) == {"first", "last"}


def test_of_two_articles_with_one_id_the_first_is_taken(desk: Desk) -> None:
    texts = [article_text("first"), article_text("second")]
    path = desk.write_lines("dump.jsonl", [{"id": "same", "text": text} for text in texts])

    submitted = desk.run("submit", path)

    assert (submitted.code, submitted.codes) == (1, ["duplicate_id"])
    rows = desk.collect(submitted.data["job"])
    assert "pier first" in rows["same"]["repaired"]


def test_files_of_one_name_in_two_folders_are_two_articles(desk: Desk) -> None:
    paths = [desk.write(f"{name}/note.txt", article_text(name)) for name in ("north", "south")]

    rows = desk.collect(desk.submit(*paths))

    assert len(rows) == 2


@pytest.mark.parametrize("missing", ["nowhere", "nowhere.txt", "", "x" * 300])
def test_what_is_not_there(desk: Desk, missing: str) -> None:
    ran = desk.run("submit", missing and desk.files / missing)

    assert ran.code == 6
    assert ran.codes[0] in {"file_missing", "file_unreadable"}


def test_a_file_that_may_not_be_read(desk: Desk) -> None:
    secret, good = desk.write("secret.txt", _TEXT), desk.write("good.txt", _TEXT)
    secret.chmod(0)

    ran = desk.run("submit", secret, good, wrapper=_without_root_privileges())

    assert (ran.code, ran.codes) == (1, ["file_unreadable"])
    assert set(desk.collect(ran.data["job"])) == {"good"}


def test_a_folder_that_may_not_be_written_to(desk: Desk, tmp_path: Path) -> None:
    job = desk.submit(desk.write("good.txt", _TEXT))
    desk.run("watch", job)
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)

    ran = desk.run("collect", job, "-o", locked / "out", wrapper=_without_root_privileges())

    assert (ran.code, ran.codes) == (1, ["output_failed"])
    assert list(locked.iterdir()) == []


def test_a_pipe_in_a_folder_does_not_hold_up_the_rest(desk: Desk) -> None:
    desk.write("good.txt", _TEXT)
    os.mkfifo(desk.files / "pipe.txt")

    ran = desk.run("submit", desk.files)

    assert (ran.code, ran.codes) == (1, ["file_unreadable"])


def test_nothing_given_on_stdin(desk: Desk) -> None:
    ran = desk.run("submit", "-", stdin=b"")

    assert (ran.code, ran.codes) == (6, ["empty", "all_refused"])


def test_an_article_on_stdin(desk: Desk) -> None:
    ran = desk.run("submit", "-", stdin=_TEXT.encode())

    assert ran.code == 0
    assert set(desk.collect(ran.data["job"])) == {"stdin"}


_HOSTILE_IDS = [
    "../../x",
    "/absolute/x",
    "..",
    ".",
    ".hidden",
    "a/b",
    "a\\b",
    "line\nbreak",
    "\x1b]0;title\x07",
    "con",
    "CON",
    "results.jsonl",
    "manifest",
    "ünïcode",
    "x" * 600,
    "-rf",
    "$(touch x)",
]


def test_no_id_leads_out_of_the_folder(desk: Desk, tmp_path: Path) -> None:
    records = [
        {"id": name, "text": article_text(str(number))} for number, name in enumerate(_HOSTILE_IDS)
    ]
    job = desk.submit(desk.write_lines("dump.jsonl", records))
    desk.run("watch", job, "--timeout", "60")
    inside = tmp_path / "a" / "b" / "out"

    ran = desk.run("collect", job, "-o", inside)

    assert ran.code == 0
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) == len(_HOSTILE_IDS) + 3
    assert {path.parent for path in written} == {inside}
    names = [path.name for path in written]
    assert all(name.isascii() and name.isprintable() for name in names)
    assert len({name.casefold() for name in names}) == len(names)
    rows = read_rows(inside)
    assert {row["state"] for row in rows} == {"done"}
    # A hash replaces ids of over 512 characters; all others are kept.
    kept = {row["id"] for row in rows} & set(_HOSTILE_IDS)
    assert kept == {name for name in _HOSTILE_IDS if len(name) <= 512}


def test_another_language_fails_and_says_so(desk: Desk) -> None:
    german = (
        "Der Stadtrat hat am Dienstag beschlossen, die alte Brücke über den Fluss noch vor dem "
        "Winter zu sperren. Die Bürgermeisterin sagte, die Arbeiten würden neun Wochen dauern. "
        "Bis dahin fährt ein Bus zum Bahnhof.\n"
    )
    paths = desk.write("foreign.txt", german), desk.write("good.txt", _TEXT)

    rows = desk.collect(desk.submit(*paths))

    assert (rows["foreign"]["state"], rows["foreign"]["reason"]) == ("failed", "not_english")
    assert rows["good"]["state"] == "done"
    alone = desk.submit(paths[0])
    assert desk.run("watch", alone, "--timeout", "60").code == 6
    assert desk.run("collect", alone, "-o", desk.out).code == 6


@pytest.mark.parametrize(("word", "reason"), [(FAILS, "engine_error"), (BREAKS, "internal_error")])
def test_an_engine_that_fails_on_one_article(desk: Desk, word: str, reason: str) -> None:
    paths = desk.write("bad.txt", article_text("bad", word=word)), desk.write("good.txt", _TEXT)
    job = desk.submit(*paths)

    assert desk.run("watch", job, "--timeout", "60").code == 1
    rows = desk.collect(job)
    assert (rows["bad"]["state"], rows["bad"]["reason"]) == ("failed", reason)
    assert rows["good"]["state"] == "done"
    errors = (desk.out / "errors.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in errors] == ["bad"]


def test_an_article_longer_than_the_models_window_is_done(desk: Desk) -> None:
    sentence = (
        "The clerk read out " + ", ".join(f"claim {n} of the list" for n in range(900)) + ". "
    )
    long = sentence + article_text("long") + article_text("tail") * 400

    rows = desk.collect(desk.submit(desk.write("long.txt", long)))

    assert rows["long"]["state"] == "done"
    assert "claim 0 of the list" in rows["long"]["repaired"]
    assert "claim 899 of the list" in rows["long"]["repaired"]


def _without_root_privileges() -> list[str]:
    """Return a wrapper under which root obeys file modes."""
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if not setpriv:
        pytest.skip("runs as root, and setpriv (util-linux) is missing")
    dropped = "-dac_override,-dac_read_search"
    return [setpriv, f"--bounding-set={dropped}", f"--inh-caps={dropped}", "--"]
