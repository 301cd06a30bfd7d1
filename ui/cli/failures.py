"""Verbs about failures by their cause."""

from dataclasses import asdict
from typing import Annotated

import typer

from core import failures
from ui.cli.terminal import Json, load, print_answer, print_rows

verbs = typer.Typer(no_args_is_help=True, help="Failures, grouped by error: list, show.")

_COLUMNS = ("fingerprint", "open", "count", "users", "last_seen", "message")
Hours = Annotated[int, typer.Option(min=1, max=failures.WINDOWS[-1], help="How far to look back.")]


@verbs.command("list")
def list_failures(hours: Hours = failures.WINDOWS[0], as_json: Json = False) -> None:
    """List the failures of the last hours, those with the most open ones first."""
    groups = load(lambda session: failures.groups_of_hours(session, hours))
    print_rows([asdict(each) for each in groups], _COLUMNS, as_json=as_json)


@verbs.command("show")
def show_failure(fingerprint: str, hours: Hours = failures.WINDOWS[0], as_json: Json = False) -> None:
    """Show one group: when, where, whom it hit, and the traceback of its latest job."""
    found = load(lambda session: failures.failure_detail(session, fingerprint, hours))
    print_answer(asdict(found), as_json=as_json)
