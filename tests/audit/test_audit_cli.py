"""`main.py audit …` and `keys …`: what they print, and how they exit."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import typer
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from core.database.engine import session_scope
from core.encryption.cipher import TokenCipher
from core.models import PlatformConnection
from core.settings import settings
from tests.audit.test_chain import damage, seal_all, write
from tests.conftest import SECRET
from tests.factories import make_user
from ui import cli


@pytest.fixture
def run(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """Return a function that runs one verb of the program on this test's database."""

    @contextmanager
    def connection() -> Iterator[Engine]:
        yield engine

    monkeypatch.setenv("UNSTUCK_SECRET_KEY", SECRET)
    settings.cache_clear()
    app = typer.Typer()
    cli.install(app, connection)

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(app, arguments)

    yield invoke
    settings.cache_clear()


def test_verify_of_an_intact_log_exits_0_and_prints_the_head_that_it_accepts_later(run, engine: Engine) -> None:
    write(engine, 0)
    seal_all(engine)
    first = run("audit", "verify")
    assert first.exit_code == 0
    assert "The audit log is as it was written." in first.output
    head = json.loads(run("audit", "verify", "--json").output)["head"]
    assert f"head: {head}" in first.output
    write(engine, 1)
    assert run("audit", "verify", "--head", head).exit_code == 0
    assert run("audit", "verify", "--head", "0" * 63 + "1").exit_code == 1


def test_verify_exits_1_and_names_the_row(run, engine: Engine) -> None:
    write(engine, 0)
    write(engine, 1)
    seal_all(engine)
    damage(engine, "UPDATE events SET reason = 'mine' WHERE id = 2")
    result = run("audit", "verify")
    assert result.exit_code == 1
    assert "Event 2 was changed after it was sealed." in result.output
    assert json.loads(run("audit", "verify", "--json").output)["event"] == 2


def test_export_prints_what_fits(run, engine: Engine) -> None:
    write(engine, 0)
    lines = run("audit", "export", "--what", "queue").output.splitlines()
    assert [json.loads(line)["reason"] for line in lines] == ["reason 0"]
    assert run("audit", "export", "--what", "job").output == ""
    assert run("audit", "export", "--format", "csv").output.startswith('\ufeff"id","at","who",')


def test_rotate_reads_the_former_secrets_from_the_settings(
    run, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with session_scope(engine) as session:
        user = make_user(session)
        token = TokenCipher("the former one").encrypt("x")
        session.add(PlatformConnection(user_id=user.id, platform="instagram", handle="@a", access_token=token))
    refused = run("keys", "rotate")
    assert refused.exit_code == 1
    assert "UNSTUCK_PREVIOUS_SECRET_KEYS" in str(refused.exception)
    monkeypatch.setenv("UNSTUCK_PREVIOUS_SECRET_KEYS", "one before, the former one")
    settings.cache_clear()
    done = json.loads(run("keys", "rotate", "--json").output)
    assert (done["connections_encrypted_anew"], done["unreadable"]) == (1, {})
