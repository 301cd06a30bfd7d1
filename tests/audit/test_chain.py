"""The hash chain: tampering with the log is found, and the row is named."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError
from sqlmodel import Session

from core.actor import ENGINE
from core.audit.chain.keys import ChainKeys
from core.audit.chain.seal import LOCK, Sealed, seal
from core.audit.chain.verify import Fault, Verdict, verify
from core.audit.record import record
from core.database.engine import session_scope
from tests.conftest import SECRET
from tests.factories import ADMIN
from tests.waiting import eventually

KEYS = ChainKeys(SECRET)
EVENTS = 7


@pytest.fixture
def log(engine: Engine) -> Engine:
    """Return a database whose audit log has seven events, 1 to 7, all of them sealed."""
    for number in range(EVENTS):
        write(engine, number)
    seal_all(engine)
    return engine


def write(engine: Engine, number: int) -> None:
    with session_scope(engine) as session:
        record(session, ADMIN, "queue.paused", reason=f"reason {number}", name="demo", amount=1.5)


def seal_all(engine: Engine, keys: ChainKeys = KEYS) -> Sealed:
    """Seal every event, once the transactions that other tests have open on the same server have ended."""

    def sealed() -> Sealed | None:
        done = seal(engine, keys)
        return done if done and not scalar(engine, UNSEALED) else None

    return eventually(sealed)


UNSEALED = "SELECT count(*) FROM events WHERE via <> 'engine' AND id NOT IN (SELECT event_id FROM audit_seals)"


def scalar(engine: Engine, query: str) -> int:
    with session_scope(engine) as session:
        return int(session.connection().execute(text(query)).scalar_one())


def damage(engine: Engine, *statements: str) -> None:
    """Change the log as a superuser can: past the triggers."""
    with session_scope(engine) as session:
        for statement in ("SET LOCAL session_replication_role = replica", *statements):
            session.connection().execute(text(statement))


def check(engine: Engine, head: str | None = None) -> Verdict:
    return verify(engine, KEYS, expected_head=head, page=3)


def fault_of(engine: Engine, head: str | None = None) -> Fault:
    fault = check(engine, head).fault
    assert fault is not None
    return fault


def test_an_untouched_log_passes_over_several_pages_and_reports_its_head(log: Engine) -> None:
    verdict = check(log)
    assert (verdict.links, verdict.fault) == (EVENTS, None)
    assert check(log, verdict.head).fault is None
    write(log, 99)
    seal_all(log)
    assert check(log, verdict.head).fault is None, "a log that has grown still holds the head of yesterday"


@pytest.mark.parametrize("table", ["events", "audit_seals"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET txid = 1", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_database_itself_refuses_to_rewrite_the_log(log: Engine, table: str, statement: str) -> None:
    with pytest.raises(ProgrammingError, match=f"refused: {table} is append-only"), session_scope(log) as session:
        session.connection().execute(text(statement.format(table)))
    assert check(log).links == EVENTS


EDITS = ("reason = 'mine'", "reason = NULL", "actor = 'nobody'", "actor_id = NULL", "at = at + interval '1 us'")
EDITS += ("name = 'queue.resumed'", "via = 'engine'", "data = data || '{\"amount\": 1.50}'", "at = 'infinity'")


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_event_is_named(log: Engine, edit: str) -> None:
    damage(log, f"UPDATE events SET {edit} WHERE id = 4")
    fault = fault_of(log)
    assert (fault.position, fault.event_id, fault.damage) == (4, 4, "edited")


def test_the_first_of_several_is_named(log: Engine) -> None:
    damage(log, "UPDATE events SET reason = 'x' WHERE id IN (6, 3)", "DELETE FROM events WHERE id = 5")
    assert fault_of(log).event_id == 3


def test_a_deleted_event_is_named(log: Engine) -> None:
    damage(log, "DELETE FROM events WHERE id = 2")
    fault = fault_of(log)
    assert (fault.event_id, fault.damage) == (2, "deleted")
    assert "event 2 was sealed here and is gone" in fault.says


def test_events_that_change_places_are_named_with_each_other(log: Engine) -> None:
    damage(log, *(f"UPDATE events SET id = {to} WHERE id = {was}" for was, to in ((2, 99), (5, 2), (99, 5))))
    fault = fault_of(log)
    assert (fault.event_id, fault.damage) == (2, "out of order")
    assert "has the content that event 5 had" in fault.says


def test_exchanged_transactions_are_named(log: Engine) -> None:
    damage(log, "UPDATE events e SET txid = o.txid FROM events o WHERE (e.id, o.id) IN ((3, 6), (6, 3))")
    fault = fault_of(log)
    assert (fault.event_id, fault.damage) == (3, "out of order")


def test_an_event_inserted_behind_the_sealed_ones_is_named(log: Engine) -> None:
    copied = "at, name, actor_id, actor, via, data, txid"
    damage(log, f"INSERT INTO events ({copied}) SELECT {copied} FROM events WHERE id = 3")
    fault = fault_of(log)
    assert (fault.event_id, fault.damage) == (EVENTS + 1, "inserted")


SEAL_EDITS = ("digest = hash", "hash = digest", "event_id = 99", "txid = 1", "sealed_at = now() + '1 s'")


@pytest.mark.parametrize("edit", SEAL_EDITS)
def test_an_edited_seal_is_named(log: Engine, edit: str) -> None:
    damage(log, f"UPDATE audit_seals SET {edit} WHERE position = 5")
    fault = fault_of(log)
    assert (fault.position, fault.damage) == (5, "seal edited")


def test_a_seal_made_without_the_secret_is_found(log: Engine) -> None:
    """An attacker who can write every table, but has no key, cannot make a link that fits."""
    damage(log, "UPDATE events SET reason = 'mine' WHERE id = 7", "DELETE FROM audit_seals WHERE position = 7")
    forged = seal_all(log, ChainKeys("another secret, guessed"))
    assert forged.added == 1
    assert fault_of(log).damage == "unknown key"
    damage(log, f"UPDATE audit_seals SET key_id = '{KEYS.current}' WHERE position = 7")
    assert (fault_of(log).event_id, fault_of(log).damage) == (7, "seal edited")


def test_a_link_with_the_right_names_but_without_the_secret_does_not_fit(log: Engine) -> None:
    write(log, 100)
    forger = ChainKeys("a guess")
    forger._known = {KEYS.current: next(iter(forger._known.values()))}
    forger.current = KEYS.current
    seal_all(log, forger)
    assert (fault_of(log).event_id, fault_of(log).damage) == (EVENTS + 1, "seal edited")


def test_a_seal_taken_out_of_the_middle_is_found(log: Engine) -> None:
    damage(log, "DELETE FROM audit_seals WHERE position = 4")
    assert fault_of(log).damage == "seal missing"


def test_a_tail_that_was_cut_off_is_found_with_the_head_kept_elsewhere(log: Engine) -> None:
    head = check(log).head
    damage(log, "DELETE FROM audit_seals WHERE position > 5", "DELETE FROM events WHERE id > 5")
    assert check(log).fault is None, "the shorter chain is good in itself"
    assert fault_of(log, head).damage == "another head"


def test_a_chain_made_anew_with_the_key_is_found_with_the_head_kept_elsewhere(log: Engine) -> None:
    head = check(log).head
    damage(log, "TRUNCATE audit_seals", "UPDATE events SET reason = 'mine' WHERE id = 7")
    seal_all(log)
    assert fault_of(log, head).damage == "another head"


def test_the_engines_events_are_not_in_the_chain(log: Engine) -> None:
    with session_scope(log) as session:
        record(session, ENGINE, "job.succeeded")
    assert seal_all(log).added == 0
    assert check(log).links == EVENTS


def test_a_transaction_that_commits_late_is_sealed_late_and_verifies(log: Engine) -> None:
    with Session(log) as late:
        record(late, ADMIN, "operator.added", reason="slow")
        late.flush()  # it has its id and its transaction now
        write(log, 100)
        assert check(log).links == EVENTS, "nothing behind an open transaction is sealed"
        late.commit()
    seal_all(log)
    assert (check(log).links, check(log).fault) == (EVENTS + 2, None)
    assert scalar(log, "SELECT event_id FROM audit_seals WHERE position = 8") == EVENTS + 1


def test_a_sealer_that_finds_another_at_work_leaves_it_to_that_one(log: Engine) -> None:
    write(log, 100)
    with session_scope(log) as other:
        other.connection().execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
        assert seal(log, KEYS) is None
    assert seal_all(log).head.position == EVENTS + 1


def test_many_sealers_and_writers_at_once_make_one_chain(engine: Engine) -> None:
    with ThreadPoolExecutor(8) as threads:
        for number in range(40):
            threads.submit(write, engine, number)
            threads.submit(seal, engine, KEYS, batch=3)
    seal_all(engine)
    verdict = check(engine)
    assert (verdict.links, verdict.fault) == (40, None)


def test_events_from_before_there_were_seals_come_first(engine: Engine) -> None:
    write(engine, 0)
    damage(engine, "INSERT INTO events (name, actor, via, txid) VALUES ('old.one', 'ana', 'console', 0)")
    seal_all(engine)
    assert scalar(engine, "SELECT event_id FROM audit_seals WHERE position = 1") == 2
    assert check(engine).fault is None


def test_a_dump_restored_on_a_younger_server_goes_on(engine: Engine) -> None:
    """There, sealed and unsealed events have transactions that the server has not reached."""
    ahead = 9_000_000_000
    damage(engine, f"INSERT INTO events (name, via, txid) VALUES ('a', 'cli', {ahead}), ('b', 'cli', {ahead + 1})")
    assert seal_all(engine).added == 2
    write(engine, 0)
    damage(engine, f"INSERT INTO events (name, via, txid) VALUES ('c', 'cli', {ahead + 2})")
    write(engine, 1)
    seal_all(engine)
    assert (check(engine).links, check(engine).fault) == (5, None)


def test_links_of_a_former_key_verify_while_it_is_known(log: Engine) -> None:
    new = ChainKeys("a new secret for tests and nothing else", [SECRET])
    write(log, 100)
    seal_all(log, new)
    assert verify(log, new).fault is None
    forgotten = verify(log, ChainKeys("a new secret for tests and nothing else")).fault
    assert forgotten is not None
    assert (forgotten.damage, forgotten.position) == ("unknown key", 1)


@pytest.fixture
def plain(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url) as connection:
        yield connection


def test_an_insert_passes_no_trigger(plain: psycopg.Connection) -> None:
    types = plain.execute("SELECT tgtype FROM pg_trigger WHERE tgrelid = 'events'::regclass").fetchall()
    assert types, "there is one"
    assert all(not kind & 1 and not kind & 4 for (kind,) in types), "by statement, and not on INSERT"
