"""The command line about people: what it prints can be sent on as it is."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import typer
from sqlalchemy import Engine
from typer.testing import CliRunner

from core.database.engine import session_scope
from core.local.folders import hold, prepare
from core.local.services import console_address, noted_address
from core.settings import settings
from tests.factories import make_user
from ui import cli
from ui.cli.terminal import print_answer, print_rows


@pytest.fixture
def run(engine: Engine) -> object:
    """Return a function that runs one verb against this test's database and returns what it printed."""

    @contextmanager
    def connection() -> Iterator[Engine]:
        yield engine

    app = typer.Typer()
    cli.install(app, connection)

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    return run


def test_an_operator_is_added_listed_disabled_and_enabled_again(run: object) -> None:
    assert "http://127.0.0.1:8080/login/" in run("operators", "add", "sam@example.com")
    run("operators", "disable", "sam@example.com", "--reason", "left")
    (row,) = json.loads(run("operators", "list", "--json"))
    assert (row["email"], row["role"], row["access"]) == ("sam@example.com", "support", "disabled")
    assert "hashed_password" not in row
    run("operators", "enable", "SAM@example.com")
    assert json.loads(run("operators", "list", "--json"))[0]["access"] == "invited", "as before"


def test_a_sign_in_link_is_a_whole_address(run: object, monkeypatch: pytest.MonkeyPatch) -> None:
    run("operators", "add", "sam@example.com")
    assert "https://other.example/login/" in run(
        "operators", "link", "sam@example.com", "--address", "https://other.example/"
    )
    monkeypatch.setenv("UNSTUCK_PUBLIC_URL", "https://unstuck.example")
    settings.cache_clear()
    try:
        assert "https://unstuck.example/login/" in run("operators", "link", "sam@example.com")
    finally:
        monkeypatch.undo()
        settings.cache_clear()


def test_answers_are_lines_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    print_answer(
        {"evidence": ("Job 7 failed.", "It was tried thrice."), "remedy": {"command": "job.retry", "args": {}}}
    )
    print_answer({"is_on": True, "one": ["alone"], "none": []})
    print_rows([{"has_factor": False, "stalled": []}], ("has_factor", "stalled"), as_json=False)
    printed = capsys.readouterr().out
    lists = "evidence: \n    Job 7 failed.\n    It was tried thrice.\nremedy: \n    command: job.retry\n"
    assert printed.startswith(f"{lists}is on: yes\none: alone\n")
    assert printed.splitlines()[-1].split() == ["no"]


def test_a_printed_link_leads_to_the_console_that_runs_here(monkeypatch: pytest.MonkeyPatch, data_dir: Path) -> None:
    monkeypatch.setenv("UNSTUCK_DATA_DIR", str(data_dir))
    settings.cache_clear()
    try:
        with noted_address("http://127.0.0.1:8841"):  # servers elsewhere: there is no data directory
            assert console_address() is None
        prepare(data_dir)
        with hold(data_dir), noted_address("http://127.0.0.1:8841"):
            assert console_address() == "http://127.0.0.1:8841"
        assert console_address() is None
        (data_dir / "console").write_text("left by a program that was killed")
        assert console_address() is None
    finally:
        monkeypatch.undo()
        settings.cache_clear()


def test_the_list_of_users_does_not_call_an_account_disabled_whose_demo_mode_is_off(
    run: object, engine: Engine
) -> None:
    with session_scope(engine) as session:
        make_user(session, email="sam@example.com")
    heading = run("users", "list").splitlines()[0]
    assert "demo mode" in heading
    assert "status" not in heading
    assert json.loads(run("users", "list", "--json"))[0]["status"] == "disabled", "programs read the name they know"
