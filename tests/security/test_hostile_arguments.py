"""Hostile words on the command line and in the environment: refused in a sentence, or taken as text."""

import os
from contextlib import nullcontext
from uuid import uuid4

import pytest
import typer
from sqlmodel import Session
from typer.testing import CliRunner

from core.errors import Refused, Unusable
from core.models import BackgroundJob, JobStatus
from tests.conftest import SECRET
from tests.factories import make_user
from tests.security import again
from tests.security.conftest import Site
from tests.security.hostile import TEXTS
from ui import cli

#: Verbs, with the hostile text for {}.
VERBS = {
    "do": ["do", "demo.enable", "--user", "{}", "--preset", "{}"],
    "do what": ["do", "{}", "--user", "a@example.com"],
    "show": ["jobs", "show", "{}"],
    "retry": ["jobs", "retry", "{}", "--reason", "{}"],
    "list": ["jobs", "list", "--status", "{}"],
    "add": ["operators", "add", "{}", "--role", "{}"],
    "role": ["operators", "role", "{}", "viewer", "--reason", "{}"],
    "pause": ["queues", "pause", "{}", "--reason", "{}"],
    "schedule": ["schedules", "add", "{}", "maintenance.expire_sessions", "--cron", "{}"],
    "edit": ["schedules", "edit", "{}", "--cron", "{}"],
    "backfill": ["schedules", "backfill", "{}", "--since", "{}", "--until", "{}"],
    "verify": ["audit", "verify", "--head", "{}"],
    "token": ["tokens", "add", "{}", "--user", "{}"],
}
#: Variables that are read at every start, and one that is none of ours.
VARIABLES = (
    "UNSTUCK_LEASE_SECONDS",
    "UNSTUCK_PUBLIC_URL",
    "UNSTUCK_OIDC_ISSUER",
    "DATABASE_URL",
    "REDIS_URL",
    "UNSTUCK_X",
)


@pytest.fixture(scope="module")
def program(site: Site) -> typer.Typer:
    app = typer.Typer()
    cli.install(app, lambda: nullcontext(site.engine))
    return app


@pytest.mark.parametrize("verb", VERBS)
def test_no_word_makes_a_verb_fail(program: typer.Typer, verb: str) -> None:
    for name, text in TEXTS.items():
        result = CliRunner().invoke(program, [word.replace("{}", text) for word in VERBS[verb]])
        raised = result.exception
        assert raised is None or isinstance(raised, SystemExit | Refused | Unusable), (name, repr(raised))


def test_text_from_strangers_controls_no_terminal(program: typer.Typer, rows: Session) -> None:
    user = make_user(rows, email=f"{TEXTS['terminal']}{uuid4()}@example.com", name=TEXTS["turned around"])
    rows.add(BackgroundJob(kind="demo.enable", queue="demo", user_id=user.id, status=JobStatus.FAILED))
    rows.commit()
    for arguments in (["jobs", "list"], ["users", "find", "example.com"], ["operators", "list"]):
        output = CliRunner().invoke(program, arguments).stdout
        assert not set(output) & set("\x1b\x9b\x07\x7f\u202e"), arguments


@pytest.mark.parametrize("variable", VARIABLES)
def test_no_variable_makes_a_start_fail_without_a_sentence(environment: dict[str, str], variable: str) -> None:
    hostile = TEXTS["terminal"].replace("\x00", "") + TEXTS["template of Python"]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("UNSTUCK_")}
    child_environment = {**inherited, **environment, "UNSTUCK_SECRET_KEY": SECRET, variable: hostile}
    done = again.start(["jobs", "list"], child_environment)
    output = done.stdout + done.stderr
    assert "Traceback" not in output
    assert "\x1b[2J" not in output
    assert done.returncode in (0, 1, 2)
    assert done.returncode == 0 or done.stderr.strip(), "a refusal without a word"
