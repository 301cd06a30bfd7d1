"""The command line's groups and verbs have one name each; second names work, and stay out of --help."""

from contextlib import nullcontext

import pytest
import typer
from sqlalchemy import Engine
from typer.main import get_command
from typer.testing import CliRunner

from ui import cli

#: Verbs that another verb stands for.
OTHER_NAMES = {"create", "make", "delete", "revoke", "drop", "edit", "get"}


@pytest.fixture
def program(engine: Engine) -> typer.Typer:
    app = typer.Typer()
    cli.install(app, lambda: nullcontext(engine))
    return app


@pytest.mark.parametrize(("plural", "singular"), [(plural, one) for plural, one, _ in cli.GROUPS if one])
def test_a_group_is_plural_and_its_singular_does_the_same(program: typer.Typer, plural: str, singular: str) -> None:
    listed = get_command(program).commands
    assert not listed[plural].hidden
    assert listed[singular].hidden
    assert listed[singular].commands.keys() == listed[plural].commands.keys()


def test_lists_answer_by_both_names(program: typer.Typer) -> None:
    for name in ("operator", "operators", "queue", "queues", "schedule", "schedules", "job", "jobs"):
        result = CliRunner().invoke(program, [name, "list", "--json"], catch_exceptions=False)
        assert (result.exit_code, result.output[0]) == (0, "["), name


def test_one_verb_stands_for_one_act(program: typer.Typer) -> None:
    shown = {
        f"{group} {verb}"
        for group, _, _ in cli.GROUPS
        for verb, command in get_command(program).commands[group].commands.items()
        if not command.hidden and verb in OTHER_NAMES
    }
    # A message that was dropped stays in the list; one that was removed would not. Nothing else changes a schedule.
    assert shown == {"messages drop", "schedules edit"}


def test_tokens_keep_the_verbs_that_they_had(program: typer.Typer) -> None:
    verbs = get_command(program).commands["tokens"].commands
    assert {name for name, verb in verbs.items() if verb.hidden} == {"create", "revoke"}


def test_the_program_tells_its_version_and_helps_by_the_short_option_too() -> None:
    from main import app, version

    assert CliRunner().invoke(app, ["--version"]).output == f"unstuck {version()}\n"
    assert "--install-completion" in CliRunner().invoke(app, ["-h"]).output
    assert CliRunner().invoke(app, ["jobs", "list", "-h"]).exit_code == 0
