"""Archiving the audit log: entries move to files, and the chain is verified across files and database."""

import gzip
import json
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError
from sqlmodel import Session, select
from typer.testing import Result

from core.audit.chain import archive
from core.audit.chain import verify as chain_verify
from core.audit.chain.archive import Archived, archive_next
from core.audit.chain.archive_file import archive_after, find_archives, links_in
from core.audit.chain.keys import ChainKeys
from core.audit.chain.links import Walk
from core.audit.chain.verify import Fault, Verdict, verify
from core.audit.search import AuditFilter, find_events
from core.database.engine import session_scope
from core.errors import GiveUp, Unusable
from core.models import AuditCheckpoint, AuditSeal, Event, Role, User
from tests.api.conftest import anonymous, signed_in  # noqa: F401 - the fixtures of the API's tests
from tests.audit.test_audit_cli import run  # noqa: F401 - a fixture
from tests.audit.test_chain import EVENTS, KEYS, check, damage, scalar, seal_all, write
from tests.conftest import SECRET

SignIn = Callable[[Role], tuple[TestClient, User]]
Run = Callable[..., Result]
#: Of the seven entries, these are old.
OLD = 4
AGE = "at - interval '500 days'"


@pytest.fixture
def aged(engine: Engine) -> Engine:
    """Return a database with seven sealed entries, of which the first four are old."""
    for number in range(EVENTS):
        write(engine, number)
    damage(engine, f"UPDATE events SET at = {AGE} WHERE id <= {OLD}")
    seal_all(engine)
    return engine


def move(
    engine: Engine, folder: Path, *, batch: int = archive.BATCH, keys: ChainKeys = KEYS, days: int = 400
) -> list[Archived]:
    """Archive all that is old, in files of `batch` entries."""
    done = []
    while True:
        with session_scope(engine) as session:
            moved = archive_next(session, keys, folder, days, batch=batch)
        if moved is None:
            return done
        done.append(moved)


def verify_with(engine: Engine, *paths: Path, head: str | None = None) -> Verdict:
    return verify(engine, KEYS, expected_head=head, archives=paths, page=3)


def fault_with(engine: Engine, *paths: Path) -> Fault:
    fault = verify_with(engine, *paths).fault
    assert fault is not None
    return fault


def left(engine: Engine) -> tuple[int, int]:
    return scalar(engine, "SELECT count(*) FROM events"), scalar(engine, "SELECT count(*) FROM audit_seals")


def test_old_entries_move_to_a_file_and_the_whole_chain_is_verified(aged: Engine, tmp_path: Path) -> None:
    before = check(aged)
    assert move(aged, tmp_path) == [Archived("audit-000000000001-000000000004.jsonl.gz", OLD)]
    assert left(aged) == (EVENTS - OLD, EVENTS - OLD)
    with_archive = verify_with(aged, tmp_path, head=before.head)
    assert (with_archive.links, with_archive.archived, with_archive.head) == (EVENTS, OLD, before.head)
    assert with_archive.fault is None
    assert check(aged).fault is None, "without the files, the chain begins at the checkpoint"
    assert (tmp_path / "audit-000000000001-000000000004.jsonl.gz").stat().st_mode & 0o777 == 0o600


def test_the_chain_goes_on_after_all_entries_were_archived(aged: Engine, tmp_path: Path) -> None:
    damage(aged, "DELETE FROM audit_seals", f"UPDATE events SET at = {AGE}")
    seal_all(aged)
    assert len(move(aged, tmp_path, batch=3)) == 3
    assert left(aged) == (0, 0)
    write(aged, 99)
    assert seal_all(aged).head.position == EVENTS + 1
    assert (verify_with(aged, tmp_path).links, verify_with(aged, tmp_path).fault) == (EVENTS + 1, None)
    assert move(aged, tmp_path) == []


def test_a_file_is_complete_and_readable_without_the_program(aged: Engine, tmp_path: Path) -> None:
    with Session(aged) as session:
        first = session.get_one(Event, 1)
    [moved] = move(aged, tmp_path)
    head, *lines = [json.loads(line) for line in gzip.decompress((tmp_path / moved.file).read_bytes()).splitlines()]
    assert (head["after"], len(lines)) == (0, OLD)
    event = dict(zip(head["event_fields"], lines[0]["event"], strict=True))
    assert (event["name"], event["actor"], event["reason"], event["data"]) == (
        *(first.name, first.actor, first.reason),
        {"name": "demo", "amount": 1.5},
    )
    assert verify_with(aged, tmp_path / moved.file).fault is None


def test_an_entry_that_is_not_sealed_or_not_old_stays(engine: Engine, tmp_path: Path) -> None:
    write(engine, 0)
    damage(engine, f"UPDATE events SET at = {AGE}")
    assert move(engine, tmp_path) == []
    seal_all(engine)
    assert len(move(engine, tmp_path)) == 1
    assert list(tmp_path.iterdir()) != []


def test_an_entry_that_claims_to_be_of_the_future_holds_nothing_up(aged: Engine, tmp_path: Path) -> None:
    damage(aged, "DELETE FROM audit_seals", "UPDATE events SET at = 'infinity' WHERE id = 2")
    seal_all(aged)
    assert [moved.entries for moved in move(aged, tmp_path, days=-1)] == [EVENTS]
    assert verify_with(aged, tmp_path).fault is None


class Crash(BaseException):
    """Stands for kill -9."""


@pytest.mark.parametrize("point", ["write", "rename", "fsync of the folder", "checkpoint", "deletion"])
def test_a_crash_at_any_point_loses_nothing_and_doubles_nothing(
    aged: Engine, tmp_path: Path, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise Crash

    places = {
        "write": (os, "fsync"),
        "rename": (Path, "rename"),
        "fsync of the folder": (archive.write_archive.__globals__, "_sync"),
        "checkpoint": (archive, "move_checkpoint"),
        "deletion": (archive, "_delete"),
    }
    place, name = places[point]
    if isinstance(place, dict):
        monkeypatch.setitem(place, name, crash)
    else:
        monkeypatch.setattr(place, name, crash)
    with pytest.raises(Crash):
        move(aged, tmp_path)
    monkeypatch.undo()
    assert left(aged) == (EVENTS, EVENTS)
    assert verify_with(aged, *tmp_path.glob("audit-*")).fault is None
    assert sum(moved.entries for moved in move(aged, tmp_path, batch=100)) == OLD
    assert verify_with(aged, tmp_path).fault is None
    assert sum(1 for file in find_archives([tmp_path]) for _ in links_in(file)) == OLD


def test_the_file_of_an_interrupted_run_is_taken_as_it_is(aged: Engine, tmp_path: Path) -> None:
    with Session(aged) as session:
        written = archive_next(session, KEYS, tmp_path, 400, batch=2)
        session.rollback()
    assert written is not None
    content = (tmp_path / written.file).read_bytes()
    assert [moved.entries for moved in move(aged, tmp_path, batch=100)] == [2, 2]
    assert (tmp_path / written.file).read_bytes() == content


def test_an_edited_file_of_an_interrupted_run_is_refused_and_the_entries_stay(aged: Engine, tmp_path: Path) -> None:
    """Its hashes can be copied from the database; what they seal cannot be made without the key."""
    with Session(aged) as session:
        written = archive_next(session, KEYS, tmp_path, 400)
        session.rollback()
    assert written is not None
    lines = gzip.decompress((tmp_path / written.file).read_bytes())
    for edited in (lines.replace(b"reason 1", b"reason x"), lines.splitlines(keepends=True)[0]):
        (tmp_path / written.file).write_bytes(gzip.compress(edited))
        with pytest.raises(GiveUp, match=f"{written.file} .*the database still has all of them"):
            move(aged, tmp_path)
        assert left(aged) == (EVENTS, EVENTS)


def test_a_folder_of_another_database_is_refused(aged: Engine, tmp_path: Path) -> None:
    move(aged, tmp_path)
    damage(aged, "DELETE FROM audit_checkpoints", "TRUNCATE events, audit_seals")
    write(aged, 0)
    damage(aged, f"UPDATE events SET at = {AGE}")
    seal_all(aged)
    with pytest.raises(GiveUp, match="another database"):
        move(aged, tmp_path)
    assert left(aged) == (1, 1)


def test_a_folder_without_the_last_file_is_refused(aged: Engine, tmp_path: Path) -> None:
    """A container that forgets its files must not forget the next ones too."""
    [moved] = move(aged, tmp_path, batch=OLD)
    (tmp_path / moved.file).unlink()
    with pytest.raises(GiveUp, match="is not in"):
        move(aged, tmp_path)
    with pytest.raises(GiveUp, match="no such folder"):
        move(aged, tmp_path / "not mounted" / "audit")


DAMAGE = ("UPDATE events SET reason = 'mine' WHERE id = 2", "DELETE FROM events WHERE id = 2")
DAMAGE += ("UPDATE audit_seals SET digest = hash WHERE position = 2",)


@pytest.mark.parametrize("change", DAMAGE)
def test_a_damaged_log_is_not_archived(aged: Engine, tmp_path: Path, change: str) -> None:
    damage(aged, change)
    with pytest.raises(GiveUp, match="The audit log is damaged"):
        move(aged, tmp_path)
    assert list(tmp_path.iterdir()) == []


EDITS = {
    "another reason": lambda lines: [line.replace(b"reason 1", b"reason x") for line in lines],
    "an entry taken out": lambda lines: [*lines[:2], *lines[3:]],
    "the last entry taken out": lambda lines: lines[:-1],
    "two entries exchanged": lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_file_is_found(aged: Engine, tmp_path: Path, edit: str) -> None:
    [moved] = move(aged, tmp_path)
    lines = gzip.decompress((tmp_path / moved.file).read_bytes()).splitlines(keepends=True)
    (tmp_path / moved.file).write_bytes(gzip.compress(b"".join(EDITS[edit](lines))))
    assert fault_with(aged, tmp_path).damage in ("edited", "seal missing", "seal edited")


def test_a_damaged_or_missing_file_is_named(aged: Engine, tmp_path: Path) -> None:
    first, second = move(aged, tmp_path, batch=2)
    whole = (tmp_path / first.file).read_bytes()
    for broken in (whole[:-20], b"", b"no gzip at all", gzip.compress(b"{}\n")):
        (tmp_path / first.file).write_bytes(broken)
        with pytest.raises(Unusable, match=first.file):
            verify_with(aged, tmp_path)
    (tmp_path / first.file).unlink()
    assert fault_with(aged, tmp_path).says.endswith("seals 1 to 2 are missing; the next one belongs to event 3")
    (tmp_path / first.file).write_bytes(whole)
    (tmp_path / second.file).unlink()
    assert fault_with(aged, tmp_path).says == "seals 3 to 4 are in none of these archives"
    with pytest.raises(Unusable, match="no archive of the audit log at"):
        verify_with(aged, tmp_path / "elsewhere")


@pytest.mark.parametrize("is_used_again", [False, True])
def test_a_log_that_was_cut_off_before_the_end_of_its_archive_is_found(
    aged: Engine, tmp_path: Path, is_used_again: bool
) -> None:
    """Without its checkpoint, the database looks as if nothing had ever been archived: the files know better."""
    move(aged, tmp_path, batch=2)
    damage(aged, "DELETE FROM audit_checkpoints", "TRUNCATE events, audit_seals")
    for number in range(EVENTS * is_used_again):
        write(aged, number)
    seal_all(aged)
    for paths in ([tmp_path], sorted(tmp_path.iterdir())[:1]):
        assert fault_with(aged, *paths).damage == "another head"


def test_a_check_while_entries_move_finds_no_fault(
    aged: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = chain_verify._verify_database

    def move_first(engine: Engine, walk: Walk, page: int) -> Fault | None:
        move(engine, tmp_path, batch=2)
        return read(engine, walk, page)

    monkeypatch.setattr(chain_verify, "_verify_database", move_first)
    assert (check(aged).archived, check(aged).fault) == (OLD, None)


def test_a_check_beside_entries_that_never_stop_moving_ends_with_a_sentence(
    aged: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage(aged, "DELETE FROM audit_seals", f"UPDATE events SET at = {AGE}")
    for number in range(EVENTS, 2 * EVENTS):
        write(aged, number)
    damage(aged, f"UPDATE events SET at = {AGE}")
    seal_all(aged)
    tries = []

    def move_one(engine: Engine, walk: Walk, page: int) -> Fault | None:
        with session_scope(engine) as session:
            tries.append(archive_next(session, KEYS, tmp_path, 400, batch=1))
        return Fault(1, 1, "seal missing", "seals are missing")

    monkeypatch.setattr(chain_verify, "_verify_database", move_one)
    with pytest.raises(Unusable, match="Entries moved to archive files during each of 5 tries"):
        check(aged)
    assert len(tries) == 5


CHECKPOINT_EDITS = ("position = position + 1", "hash = repeat('0', 64)", "before = before - interval '1 day'")
CHECKPOINT_EDITS += ("txid = 1", "file = 'audit-1.jsonl.gz'")


@pytest.mark.parametrize("edit", CHECKPOINT_EDITS)
def test_an_edited_checkpoint_is_found(aged: Engine, tmp_path: Path, edit: str) -> None:
    move(aged, tmp_path)
    damage(aged, f"UPDATE audit_checkpoints SET {edit}")
    fault = check(aged).fault
    assert fault is not None
    assert fault.damage == "checkpoint edited"
    with pytest.raises(GiveUp, match="Nothing is archived"):
        move(aged, tmp_path)


def test_an_entry_that_is_put_back_into_the_archived_range_is_found(aged: Engine, tmp_path: Path) -> None:
    """Its seal below the checkpoint would hide it from a look for entries without one."""
    with Session(aged) as session:
        event, seal = session.get_one(Event, 2), session.get_one(AuditSeal, 2)
        values = event.model_dump(), seal.model_dump()
    move(aged, tmp_path)
    with session_scope(aged) as session:
        session.connection().execute(text("SET LOCAL session_replication_role = replica"))  # as a superuser can
        session.add(Event(**{**values[0], "reason": "mine"}))
        session.add(AuditSeal(**values[1]))
    fault = check(aged).fault
    assert fault is not None
    assert (fault.event_id, fault.damage) == (2, "inserted")


def test_the_database_lets_only_archived_entries_go(aged: Engine, tmp_path: Path) -> None:
    for statement in ("DELETE FROM events WHERE id = 1", "DELETE FROM audit_seals WHERE position = 1"):
        with pytest.raises(ProgrammingError, match="is append-only"), session_scope(aged) as session:
            session.connection().execute(text(statement))
    move(aged, tmp_path)
    for statement in ("DELETE FROM events WHERE id = 5", "DELETE FROM audit_seals WHERE position = 5"):
        with pytest.raises(ProgrammingError, match="is append-only"), session_scope(aged) as session:
            session.connection().execute(text(statement))


@pytest.mark.parametrize(
    "trick",
    [
        "INSERT INTO audit_seals SELECT -5, 999, 1, '', '', '', now()",
        "INSERT INTO audit_seals SELECT 1, 999, 1, '', '', '', now()",
        "UPDATE audit_checkpoints SET position = position - 1",
        "DELETE FROM audit_checkpoints",
        "TRUNCATE audit_checkpoints",
        "CREATE TEMP TABLE audit_checkpoints AS SELECT 999 AS position; DELETE FROM events WHERE id = 5",
    ],
)
def test_no_right_to_write_is_enough_to_make_an_entry_go_unseen(aged: Engine, tmp_path: Path, trick: str) -> None:
    move(aged, tmp_path)
    with pytest.raises(ProgrammingError, match="refused"), session_scope(aged) as session:
        session.connection().exec_driver_sql(trick)


def test_a_head_in_the_archive_is_accepted_with_the_archive_alone(aged: Engine, tmp_path: Path) -> None:
    with Session(aged) as session:
        head = session.get_one(AuditSeal, 2).hash
    move(aged, tmp_path)
    assert verify_with(aged, tmp_path, head=head).fault is None
    fault = verify_with(aged, head=head).fault
    assert fault is not None
    assert "--archive" in fault.says


def test_links_of_a_former_key_are_archived_and_verified(aged: Engine, tmp_path: Path) -> None:
    new = ChainKeys("a new secret for tests and nothing else", [SECRET])
    move(aged, tmp_path, keys=new)
    assert verify(aged, new, archives=[tmp_path]).fault is None
    with Session(aged) as session:
        assert session.exec(select(AuditCheckpoint)).one().key_id == new.current
    assert archive_after(tmp_path, OLD) is None


def test_a_search_says_where_older_entries_are(aged: Engine, tmp_path: Path, signed_in: SignIn) -> None:  # noqa: F811
    client, _ = signed_in(Role.ADMIN)
    assert client.get("/api/audit").json()["archived_before"] is None
    newest = newest_of(aged, OLD)
    move(aged, tmp_path)
    assert datetime.fromisoformat(client.get("/api/audit").json()["archived_before"]) == newest
    at = {"since": newest.isoformat()}
    assert client.get("/api/audit", params=at).json()["archived_before"] is not None
    later = {"since": (newest + timedelta(microseconds=1)).isoformat()}
    assert client.get("/api/audit", params=later).json()["archived_before"] is None


def newest_of(engine: Engine, number: int) -> datetime:
    """Return when the newest of the first events was."""
    with Session(engine) as session:
        return max(session.get_one(Event, event).at for event in range(1, number + 1))


@pytest.mark.parametrize("days", [30, 450])
def test_what_is_archived_is_told_by_the_entries_and_not_by_the_days_that_are_set(
    aged: Engine, tmp_path: Path, days: int
) -> None:
    """A run that was interrupted leaves a file; the days may be others when the next run takes it."""
    damage(aged, "DELETE FROM audit_seals", "UPDATE events SET at = at + interval '440 days' WHERE id = 3")
    seal_all(aged)
    newest = newest_of(aged, OLD)
    with Session(aged) as session:
        assert archive_next(session, KEYS, tmp_path, 30, batch=OLD)
        session.rollback()
    move(aged, tmp_path, days=days)
    with Session(aged) as session:
        assert find_events(session, AuditFilter()).archived_before == newest


def test_what_is_archived_never_goes_back_in_time(aged: Engine, tmp_path: Path) -> None:
    """Entries lie in the order of their transactions: an older one may come after a newer one."""
    newest = newest_of(aged, 2)
    damage(aged, "DELETE FROM audit_seals", "UPDATE events SET at = at - interval '99 days' WHERE id IN (3, 4)")
    seal_all(aged)
    move(aged, tmp_path, batch=2)
    with Session(aged) as session:
        assert find_events(session, AuditFilter()).archived_before == newest


def test_verify_and_export_say_where_older_entries_are(run: Run, aged: Engine, tmp_path: Path) -> None:  # noqa: F811
    move(aged, tmp_path)
    assert "Archive files hold entries up to " in run("audit", "export").stderr
    result = run("audit", "verify", "--archive", str(tmp_path), "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["archived"] == OLD
    damage(aged, "UPDATE events SET reason = 'mine' WHERE id = 6")
    assert run("audit", "verify", "--archive", str(tmp_path)).exit_code == 1
