"""The command line about people: what it prints can be sent on as it is."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import typer
from sqlalchemy import Engine
from typer.testing import CliRunner

from core.settings import settings
from ui import cli


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
    assert json.loads(run("operators", "list", "--json"))[0]["access"] == "active"


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
