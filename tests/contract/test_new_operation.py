"""A new operation is its own file and one line: the rest of the program knows it, even with states of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session

from core.database.engine import session_scope
from core.models import User
from core.operations.demo import disable
from tests import driving
from tests.conftest import SECRET
from tests.waiting import eventually


class Done(NamedTuple):
    """How a verb ended."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]
ALLOW = text("ALTER TABLE users DROP CONSTRAINT ck_users_demo_mode_status")
PROGRAM = [sys.executable, "-m", "tests.contract.freezing"]


@pytest.fixture
def environment(database_url: str, redis_url: str) -> dict[str, str]:
    """Return where the program finds its servers."""
    own = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "UNSTUCK_SECRET_KEY": SECRET}
    return {**os.environ, **own, "UNSTUCK_HEARTBEAT_SECONDS": "0.2", "UNSTUCK_SWEEP_SECONDS": "0.2"}


@pytest.fixture
def program(environment: dict[str, str]) -> Iterator[Run]:
    """Return a function that runs one verb of a program that has the operation; one process runs them all."""
    command = [*PROGRAM, "verbs"]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def run(*verb: str) -> Done:
            assert process.stdin
            assert process.stdout
            print(json.dumps(verb), file=process.stdin, flush=True)
            return Done(*json.loads(process.stdout.readline()))

        yield run
        process.communicate()


@contextmanager
def working(environment: dict[str, str]) -> Iterator[None]:
    """Run a worker of that program."""
    with subprocess.Popen([*PROGRAM, "worker"], env=environment) as worker:
        try:
            yield
        finally:
            worker.terminate()


def state_of(engine: Engine, user_id: Any) -> str:
    """Return the state as the table holds it: this process does not know the new ones."""
    with engine.connect() as connection:
        statement = text("SELECT demo_mode_status FROM users WHERE id = :id")
        return str(connection.execute(statement, {"id": user_id}).scalar_one())


def test_an_operation_with_states_of_its_own_is_known_everywhere(
    engine: Engine, program: Run, environment: dict[str, str]
) -> None:
    user_id = driving.reach(engine, disable)
    with session_scope(engine) as session:
        session.connection().execute(ALLOW)
        email = session.get_one(User, user_id).email

    requested = program("do", "demo.freeze", "--user", email)
    assert requested.returncode == 0, requested.stderr
    assert state_of(engine, user_id) == "freezing"
    [line] = json.loads(program("users", "list", email, "--json").stdout)
    assert line["status"] == "freezing"
    assert "Freezing demo mode" in json.loads(program("users", "diagnose", email, "--json").stdout)["sentence"]
    driving.new_worker(engine)  # the one before may be silent by now
    assert program("doctor").returncode == 0, "a job that waits for a worker is no damage"

    with working(environment):
        eventually(lambda: state_of(engine, user_id) == "frozen", within=30)
    assert program("doctor").returncode == 0
    assert json.loads(program("users", "diagnose", email, "--json").stdout)["situation"] == "fine"

    with Session(engine) as session:
        session.connection().execute(text("UPDATE users SET demo_mode_status = 'freezing'"))
        session.commit()
    examined = program("doctor")
    assert (examined.returncode, email in examined.stdout) == (1, True)
    drifted = json.loads(program("users", "diagnose", email, "--json").stdout)
    assert (drifted["situation"], drifted["remedy"]["command"]) == ("stuck", "user.repair")
