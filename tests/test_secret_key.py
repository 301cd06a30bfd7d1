"""The secret key of a database: a process with another key, an empty one or none is refused with one sentence."""

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session
from typer import Exit

import main
from core.database.engine import session_scope
from core.database.failover import DatabaseReadOnly
from core.encryption.cipher import TokenCipher
from core.encryption.key_check import refuse_wrong_key
from core.encryption.rotation import rotate
from core.errors import Unusable
from core.models import PlatformConnection
from core.settings import settings
from tests.conftest import SECRET
from tests.factories import ADMIN, make_user
from ui.cli import terminal
from ui.cli.doctor import examine

OWN, OTHER = TokenCipher(SECRET), TokenCipher("another key, for tests")
VERBS = (["serve", "--port", "0"], ["worker"], ["run", "--no-browser", "--port", "0"], ["migrate"], ["keys", "rotate"])
OTHERS = (["jobs", "list"], ["migrate", "--check"], ["sample"])


def noted(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT key_id FROM secret_key_ids")).scalars())


def test_the_first_key_becomes_the_key_of_the_database_and_another_one_is_refused(engine: Engine) -> None:
    refuse_wrong_key(engine, OWN)
    assert noted(engine) == [OWN.current]
    with pytest.raises(Unusable, match=f"belongs to key {OWN.current}, and this one is {OTHER.current}"):
        refuse_wrong_key(engine, OTHER)
    refuse_wrong_key(engine, OWN)
    assert noted(engine) == [OWN.current]


def test_tokens_from_before_tell_the_key_too(engine: Engine, session: Session) -> None:
    values = {"user_id": make_user(session).id, "platform": "instagram", "handle": "@one"}
    session.add(PlatformConnection(**values, access_token=OWN.encrypt("a token")))
    session.commit()
    with pytest.raises(Unusable, match=f"belongs to key {OWN.current}"):
        refuse_wrong_key(engine, OTHER)
    assert noted(engine) == []
    refuse_wrong_key(engine, OWN)
    assert noted(engine) == [OWN.current]


def test_rotation_gives_the_database_its_new_key(engine: Engine) -> None:
    refuse_wrong_key(engine, OWN)
    new = TokenCipher("another key, for tests", [SECRET])
    refuse_wrong_key(engine, new)
    assert noted(engine) == [OWN.current], "processes with the former key still start"
    rotate(engine, new, ADMIN)
    refuse_wrong_key(engine, OTHER)
    with pytest.raises(Unusable, match=f"belongs to key {OTHER.current}"):
        refuse_wrong_key(engine, OWN)


def test_the_doctor_says_that_the_key_is_not_the_database_s(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_wrong_key(engine, OWN)
    for key, problems in ((SECRET, []), ("another key, for tests", ["wrong secret key"])):
        monkeypatch.setenv("UNSTUCK_SECRET_KEY", key)
        settings.cache_clear()
        with session_scope(engine) as session:
            assert [each.problem for each in examine(session) if not each.is_held] == problems
    monkeypatch.undo()
    settings.cache_clear()


def test_a_key_that_cannot_be_noted_is_not_taken_for_the_right_one(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text(f"ALTER DATABASE {engine.url.database} SET default_transaction_read_only = on"))
    engine.dispose()
    try:
        with pytest.raises(DatabaseReadOnly):
            refuse_wrong_key(engine, OWN)
    finally:
        with engine.begin() as connection:
            connection.execute(text("SET TRANSACTION READ WRITE"))
            connection.execute(text(f"ALTER DATABASE {engine.url.database} RESET default_transaction_read_only"))
        engine.dispose()


def test_a_database_that_is_not_migrated_yet_is_left_to_the_migration(engine: Engine) -> None:
    with session_scope(engine) as session:
        session.connection().execute(text("ALTER TABLE secret_key_ids RENAME TO not_yet"))
    try:
        refuse_wrong_key(engine, OTHER)
    finally:
        with session_scope(engine) as session:
            session.connection().execute(text("ALTER TABLE not_yet RENAME TO secret_key_ids"))


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database_url: str) -> Iterator[pytest.MonkeyPatch]:
    """Return the environment of a program whose database is not an embedded one."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("UNSTUCK_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("UNSTUCK_SECRET_KEY", raising=False)
    monkeypatch.delenv("UNSTUCK_CHILD_KEY", raising=False)
    settings.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    settings.cache_clear()


def refusal(arguments: list[str], environment: pytest.MonkeyPatch) -> str:
    environment.setattr(sys, "argv", ["main.py", *arguments])
    environment.setattr(main.signal, "signal", lambda *_: None)
    environment.setattr(terminal, "_connections", [main._connected_command])  # another test may have given its own
    environment.setattr(main.logs, "set_up", lambda _level: None)
    said: list[str] = []
    environment.setattr(main, "_print_error", lambda sentence: said.append(sentence) or 1)
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 1
    return said[0]


@pytest.mark.parametrize("arguments", VERBS, ids=lambda verb: verb[0])
def test_a_verb_that_needs_the_key_refuses_a_wrong_an_empty_and_no_key(
    arguments: list[str], environment: pytest.MonkeyPatch, engine: Engine, tmp_path: Path
) -> None:
    refuse_wrong_key(engine, OWN)
    assert "UNSTUCK_SECRET_KEY" in refusal(arguments, environment)
    assert not (tmp_path / "data").exists(), "a key was invented"
    for wrong, sentence in (("", "UNSTUCK_SECRET_KEY"), ("another key, for tests", "is not the key of this database")):
        environment.setenv("UNSTUCK_SECRET_KEY", wrong)
        settings.cache_clear()
        assert sentence in refusal(arguments, environment)
    assert noted(engine) == [OWN.current]


def test_a_key_that_was_made_for_the_data_directory_before_is_still_used(
    environment: pytest.MonkeyPatch, engine: Engine, tmp_path: Path
) -> None:
    refuse_wrong_key(engine, OWN)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "secret_key").write_text("another key, for tests\n")
    assert "is not the key of this database" in refusal(["worker"], environment)


@pytest.mark.parametrize("arguments", [*OTHERS, *(verb for verb in VERBS if verb[0] != "run")], ids=" ".join)
def test_no_verb_but_run_makes_an_installation(
    arguments: list[str], environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.delenv("DATABASE_URL")
    settings.cache_clear()
    sentence = refusal(arguments, environment)
    assert f"There is no installation in {tmp_path / 'data'}" in sentence
    assert "DATABASE_URL" in sentence
    assert not (tmp_path / "data").exists()


def test_what_others_wrote_into_the_database_does_not_control_the_terminal_of_migrate(
    environment: pytest.MonkeyPatch, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    """A schedule of an older release, whose six fields no release takes any more."""
    environment.setenv("UNSTUCK_SECRET_KEY", SECRET)
    settings.cache_clear()
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO schedules (id, name, kind, cron, next_due_at) "
            "VALUES (gen_random_uuid(), E'\\x1b[2Jred', 'maintenance.expire_sessions', '0 0 3 * * *', now())"
        )
    with suppress(Exit):
        main.migrate(check=True, sql=False, to="head")
    main.migrate(check=False, sql=False, to="head")
    printed = capsys.readouterr().out
    assert printed.count("\\x1b[2Jred") == 2
    assert "\x1b" not in printed
