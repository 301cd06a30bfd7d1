"""The archive folder: verify and the next run tell copies, missing files and exchanged ones apart."""

import gzip
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import Session
from typer.testing import Result

from core.audit.chain.checkpoint import read_checkpoint
from core.errors import GiveUp, Unusable
from tests.audit.test_archive import (  # noqa: F401 - a fixture among them
    EVENTS,
    OLD,
    aged,
    fault_with,
    left,
    move,
    verify_with,
)
from tests.audit.test_audit_cli import run  # noqa: F401 - a fixture
from tests.audit.test_chain import damage, seal_all, write

Run = Callable[..., Result]
COPY = "audit-000000000001-000000000002 (copy).jsonl.gz"


@pytest.fixture
def archived(aged: Engine, tmp_path: Path) -> Engine:  # noqa: F811
    """Return a database whose four old entries are in two files."""
    assert len(move(aged, tmp_path, batch=2)) == 2
    return aged


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def edit(path: Path, old: bytes, new: bytes) -> None:
    lines = gzip.decompress(path.read_bytes())
    assert old in lines
    path.write_bytes(gzip.compress(lines.replace(old, new)))


def test_a_copy_of_a_file_is_told_and_is_no_fault(archived: Engine, tmp_path: Path) -> None:
    first, _ = names(tmp_path)
    shutil.copy(tmp_path / first, tmp_path / COPY)
    verdict = verify_with(archived, tmp_path)
    assert (verdict.fault, verdict.files, verdict.copies) == (None, 2, (COPY,))
    (tmp_path / COPY).write_bytes(gzip.compress(gzip.decompress((tmp_path / first).read_bytes()), 1))
    assert verify_with(archived, tmp_path).copies == (COPY,), "its content counts, not how it was packed"


def test_a_backup_of_the_folder_may_be_named_with_it(archived: Engine, tmp_path: Path) -> None:
    shutil.copytree(tmp_path, tmp_path / "backup")
    verdict = verify_with(archived, tmp_path, tmp_path / "backup")
    assert (verdict.fault, verdict.files, len(verdict.copies)) == (None, 2, 2)


def test_a_file_beside_another_one_with_another_content_is_a_fault(archived: Engine, tmp_path: Path) -> None:
    first, _ = names(tmp_path)
    shutil.copy(tmp_path / first, tmp_path / COPY)
    edit(tmp_path / COPY, b"reason 1", b"reason x")
    fault = fault_with(archived, tmp_path)
    assert COPY in fault.says
    assert fault.says.endswith(f"begins with the same entry as {first}, and has another content")
    (tmp_path / COPY).rename(tmp_path / first)
    assert fault_with(archived, tmp_path).damage == "edited"


def test_the_next_run_takes_no_copy_for_its_own_file(aged: Engine, tmp_path: Path) -> None:  # noqa: F811
    copy = tmp_path / "audit-000000000001-000000000004 (copy).jsonl.gz"
    copy.write_bytes(b"of something else")
    [moved] = move(aged, tmp_path)
    assert moved.file == "audit-000000000001-000000000004.jsonl.gz"
    with Session(aged) as session:
        checkpoint = read_checkpoint(session)
    assert checkpoint is not None
    assert checkpoint.file == moved.file


def test_a_folder_without_the_archived_entries_is_a_fault_that_names_them(
    archived: Engine,
    tmp_path: Path,
    run: Run,  # noqa: F811
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    result = run("audit", "verify", "--archive", str(empty))
    assert result.exit_code == 1
    assert "files verified: 0" in result.output
    last = names(tmp_path)[1]
    assert f"No archive file is in {empty}, and entries 1 to {OLD} are archived, the last of them in {last}." in (
        result.output.replace("\n", " ")
    )


def test_an_empty_folder_is_right_while_nothing_is_archived(aged: Engine, tmp_path: Path) -> None:  # noqa: F811
    verdict = verify_with(aged, tmp_path)
    assert (verdict.fault, verdict.files, verdict.links) == (None, 0, EVENTS)
    with pytest.raises(Unusable, match="no archive of the audit log at"):
        verify_with(aged, tmp_path / "elsewhere")


def test_verify_says_how_many_files_it_has_verified(archived: Engine, tmp_path: Path, run: Run) -> None:  # noqa: F811
    whole = json.loads(run("audit", "verify", "--archive", str(tmp_path), "--json").stdout)
    assert (whole["files_verified"], whole["copies"]) == (2, [])
    assert json.loads(run("audit", "verify", "--json").stdout)["files_verified"] == 0
    edit(tmp_path / names(tmp_path)[1], b"reason 3", b"reason x")
    broken = run("audit", "verify", "--archive", str(tmp_path), "--json")
    assert (broken.exit_code, json.loads(broken.stdout)["files_verified"]) == (1, 1)


def more(engine: Engine) -> None:
    """Let another entry be old enough for the archive."""
    write(engine, 99)
    damage(engine, "UPDATE events SET at = at - interval '500 days' WHERE id > 4")
    damage(engine, "DELETE FROM audit_seals")
    seal_all(engine)


def test_a_run_whose_last_file_has_another_end_than_the_checkpoint_says_goes_no_further(
    archived: Engine, tmp_path: Path
) -> None:
    more(archived)
    before = left(archived)
    last = tmp_path / names(tmp_path)[1]
    whole = last.read_bytes()
    *lines, end = gzip.decompress(whole).splitlines(keepends=True)
    last.write_bytes(gzip.compress(b"".join([*lines, re.sub(b'"hash": "[0-9a-f]{4}', b'"hash": "beef', end)])))
    with pytest.raises(GiveUp, match=f"{last.name} in .* does not end with the entry that the checkpoint names"):
        move(archived, tmp_path)
    last.write_bytes(gzip.compress(b"".join(lines)))
    with pytest.raises(Unusable, match=f"{last.name} is damaged: it has entries 3 to 3, and its name says others"):
        move(archived, tmp_path)
    last.write_bytes(whole[:-20])
    with pytest.raises(Unusable, match="Take it from a backup"):
        move(archived, tmp_path)
    assert left(archived) == before
    last.write_bytes(whole)
    assert len(move(archived, tmp_path)) == 1


def test_a_run_misses_a_file_between_others_and_one_that_was_exchanged(aged: Engine, tmp_path: Path) -> None:  # noqa: F811
    move(aged, tmp_path, batch=1)
    more(aged)
    first, second, third, _ = names(tmp_path)
    whole = (tmp_path / second).read_bytes()
    (tmp_path / second).unlink()
    with pytest.raises(GiveUp, match="the file that ends with entry 2 is missing"):
        move(aged, tmp_path)
    shutil.copy(tmp_path / third, tmp_path / second)
    with pytest.raises(GiveUp, match=f"{second} in .* does not begin with entry 2"):
        move(aged, tmp_path)
    (tmp_path / second).write_bytes(whole)
    (tmp_path / first).unlink()
    assert move(aged, tmp_path), "older files may be elsewhere"
