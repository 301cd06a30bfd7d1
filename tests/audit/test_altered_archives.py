"""An archive file that differs from what was written is named, with the line, and never taken for the original."""

import gzip
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import Session
from typer.testing import Result

from core.audit.chain.archive import archive_next
from core.errors import GiveUp, Unusable
from tests.audit.test_archive import aged, left, move, verify_with  # noqa: F401 - a fixture among them
from tests.audit.test_audit_cli import run  # noqa: F401 - a fixture
from tests.audit.test_chain import EVENTS, KEYS
from tests.repeats import mostly_slow

Run = Callable[..., Result]
Edit = Callable[[list[bytes]], list[bytes]]
FIRST, SECOND = "audit-000000000001-000000000002.jsonl.gz", "audit-000000000003-000000000004.jsonl.gz"


def change(line: int, old: bytes, new: bytes) -> Edit:
    """Return the edit that replaces a part of one line, counted from 1."""

    def edit(lines: list[bytes]) -> list[bytes]:
        changed = re.sub(old, new, lines[line - 1], count=1)
        assert changed != lines[line - 1]
        return [*lines[: line - 1], changed, *lines[line:]]

    return edit


#: The line that is named, and the edit.
LINES: dict[str, tuple[int, Edit]] = {
    "names of fields exchanged": (1, change(1, b'"actor_id", "actor"', b'"actor", "actor_id"')),
    "another hash before": (1, change(1, b'"hash": "....', b'"hash": "dead')),
    "another key in the first line": (1, change(1, b"{", b'{"note": "forged", ')),
    "a key that comes twice in the first line": (1, change(1, b"{", b'{"after": 7, ')),
    "a position as text": (1, change(1, rb'"after": (\d)', rb'"after": "\1"')),
    "a position that is no whole number": (1, change(1, rb'"after": (\d)', rb'"after": \1.9')),
    "a position with a zero before it": (1, change(1, rb'"after": (\d)', rb'"after": 0\1')),
    "a position without end": (1, change(1, rb'"after": \d', b'"after": 1e999')),
    "more than the fields": (1, change(1, b"}\n", b"}" + b" " * 99_999 + b"\n")),
    "another time before an entry": (2, change(2, b"{", b'{"at": "2020-01-01", "is_old": true, ')),
    "keys that come twice": (3, change(3, b"{", b'{"event_id": 99999, "hash": "forged", ')),
    "a space more": (2, change(2, b", ", b",  ")),
    "an entry's position as text": (2, change(2, rb'"position": (\d)', rb'"position": "\1"')),
    "no position": (3, change(3, rb'"position": \d', b'"position": null')),
    "a list for a key": (2, change(2, rb'"key_id": "\w+"', b'"key_id": ["x"]')),
    "depth": (2, lambda lines: [lines[0], b"[" * 99_999 + b"\n", *lines[1:]]),
    "a character that is none": (3, change(3, b"reason", b"reas\xffn")),
    "no last brace": (2, change(2, b"}\n", b"\n")),
    "no last line break": (3, change(3, b"}\n", b"}")),
    "other line breaks": (2, change(2, b"\n", b"\r\n")),
    "a line more": (4, lambda lines: [*lines, b"\n"]),
}


def edit_file(path: Path, edit: Edit) -> None:
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    path.write_bytes(gzip.compress(b"".join(edit(lines))))


def fault_of(engine: Engine, *paths: Path) -> str:
    """Return the sentence about damaged files; empty if verification finds nothing."""
    try:
        fault = verify_with(engine, *paths).fault
    except Unusable as error:
        return str(error)
    return fault.says if fault else ""


def leave_behind(engine: Engine, folder: Path, batch: int = 2) -> Path:
    """Write the file of a run that ends before the database deletes the entries."""
    with Session(engine) as session:
        written = archive_next(session, KEYS, folder, 400, batch=batch)
        session.rollback()
    assert written is not None
    return folder / written.file


@pytest.mark.parametrize("name", LINES)
def test_a_line_that_differs_from_what_was_written_is_named_and_never_taken(
    aged: Engine,  # noqa: F811
    tmp_path: Path,
    name: str,
) -> None:
    line, edit = LINES[name]
    assert move(aged, tmp_path, batch=2)
    edit_file(tmp_path / SECOND, edit)
    for path in (tmp_path, tmp_path / SECOND):
        says = fault_of(aged, path)
        assert SECOND in says
        assert f"line {line} is not as it was written" in says or "cannot be read" in says or "was edited" in says
    if name != "another hash before":  # the next run reads the lines of the last file, and only verify those before it
        with pytest.raises((GiveUp, Unusable), match=SECOND):
            move(aged, tmp_path)


@pytest.mark.parametrize("name", mostly_slow(LINES, fast=7))
def test_a_file_left_behind_whose_line_was_altered_is_not_adopted(
    aged: Engine,  # noqa: F811
    tmp_path: Path,
    name: str,
) -> None:
    path = leave_behind(aged, tmp_path)
    edit_file(path, LINES[name][1])
    with pytest.raises(GiveUp, match=f"{path.name}.* Move it away: the database still has all of them"):
        move(aged, tmp_path)
    assert left(aged) == (EVENTS, EVENTS)
    path.rename(tmp_path / "moved away")
    assert sum(moved.entries for moved in move(aged, tmp_path)) == 4


SHORTER: dict[str, Edit] = {
    "the end is cut off": lambda lines: lines[:-1],
    "only the first line": lambda lines: lines[:1],
}
SHORTER["the begin is cut off"] = lambda lines: [lines[0], *lines[2:]]


@pytest.mark.parametrize("name", SHORTER)
def test_a_shortened_file_passes_neither_by_itself_nor_in_its_folder(
    aged: Engine,  # noqa: F811
    tmp_path: Path,
    name: str,
) -> None:
    move(aged, tmp_path, batch=2)
    edit_file(tmp_path / SECOND, SHORTER[name])
    for path in (tmp_path, tmp_path / SECOND):
        assert SECOND in fault_of(aged, path)


@pytest.mark.parametrize("name", mostly_slow(SHORTER, fast=3))
def test_a_shortened_file_left_behind_is_refused_until_it_is_moved_away(
    aged: Engine,  # noqa: F811
    tmp_path: Path,
    name: str,
) -> None:
    path = leave_behind(aged, tmp_path)
    edit_file(path, SHORTER[name])
    for _ in range(2):
        with pytest.raises(GiveUp, match=f"{path.name}.* Move it away: the database still has all of them"):
            move(aged, tmp_path)
        assert left(aged) == (EVENTS, EVENTS)
    path.unlink()
    assert move(aged, tmp_path)
    assert verify_with(aged, tmp_path).fault is None


def test_a_file_without_entries_is_a_fault_under_any_name(aged: Engine, tmp_path: Path) -> None:  # noqa: F811
    move(aged, tmp_path, batch=2)
    extra = tmp_path / "audit-x.jsonl.gz"
    shutil.copy(tmp_path / SECOND, extra)
    edit_file(extra, lambda lines: [lines[0].replace(b'"after": 2', b'"after": 4')])
    assert fault_of(aged, extra) == f"archive file {extra.name} is damaged: it has no entries"
    assert f"archive file {extra.name} is damaged: " in fault_of(aged, tmp_path)


def test_files_whose_names_are_exchanged_are_named_by_verify_and_by_the_next_run(
    aged: Engine,  # noqa: F811
    tmp_path: Path,
) -> None:
    move(aged, tmp_path, batch=2)
    (tmp_path / FIRST).rename(tmp_path / "away")
    (tmp_path / SECOND).rename(tmp_path / FIRST)
    (tmp_path / "away").rename(tmp_path / SECOND)
    assert fault_of(aged, tmp_path) == (
        f"archive file {SECOND} is damaged: it has entries 1 to 2, and its name says others"
    )
    with pytest.raises((GiveUp, Unusable), match="audit-"):
        move(aged, tmp_path)


@pytest.mark.parametrize(
    "copy",
    [
        "audit-000000000001-000000000001.jsonl.gz",
        "audit-000000000001-000000000003.jsonl.gz",
        "audit-000000000002-000000000002.jsonl.gz",
        "audit-000000000000-000000000002.jsonl.gz",
        "audit-0000000000001-000000000002.jsonl.gz",
        "audit-000000000001-0000000000002.jsonl.gz",
        "audit-000000000002-000000000001.jsonl.gz",
    ],
)
def test_a_copy_whose_name_does_not_fit_its_entries_is_the_copy_and_blocks_nothing(
    aged: Engine,  # noqa: F811
    tmp_path: Path,
    copy: str,
) -> None:
    assert leave_behind(aged, tmp_path).name == FIRST
    shutil.copy(tmp_path / FIRST, tmp_path / copy)
    assert [moved.file for moved in move(aged, tmp_path, batch=2)] == [FIRST, SECOND]
    verdict = verify_with(aged, tmp_path)
    assert (verdict.fault, verdict.files, verdict.copies) == (None, 2, (copy,))
    assert move(aged, tmp_path) == []


def test_a_pipe_in_the_folder_is_named_and_not_waited_for(aged: Engine, tmp_path: Path) -> None:  # noqa: F811
    os.mkfifo(tmp_path / "audit-pipe.jsonl.gz")
    assert "audit-pipe.jsonl.gz is no file" in fault_of(aged, tmp_path)


def test_a_folder_that_is_a_file_or_leads_nowhere_is_told_as_what_it_is(
    aged: Engine,  # noqa: F811
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(GiveUp, match="/file, which is a file, not a folder"):
        move(aged, tmp_path / "file")
    with pytest.raises(GiveUp, match=r"/link, which is a link to .*/nowhere, and nothing is there"):
        move(aged, tmp_path / "link")
    (tmp_path / "nowhere").mkdir()
    assert move(aged, tmp_path / "link")


def test_an_altered_line_is_a_fault_for_programs_too(aged: Engine, tmp_path: Path, run: Run) -> None:  # noqa: F811
    move(aged, tmp_path, batch=2)
    edit_file(tmp_path / SECOND, LINES["keys that come twice"][1])
    result = run("audit", "verify", "--archive", str(tmp_path), "--json")
    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["ok"], answer["files_verified"], answer["position"]) == (1, False, 1, 4)
    assert answer["says"] == f"Archive file {SECOND} is damaged: line 3 is not as it was written."
