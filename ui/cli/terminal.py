"""What all verbs share: the person at the keyboard, the way to the gateway and the database, and output."""

import getpass
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from types import MappingProxyType
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

import typer
from sqlalchemy import Engine
from sqlmodel import Session

from core.actor import Actor
from core.commands.gateway import CommandRequest, perform
from core.database.engine import session_scope, snapshot_scope
from core.database.window import FARTHEST, Window
from core.logs import escape_control_characters, on_one_line
from core.models import Role
from core.people import operators

T = TypeVar("T")

#: Opens the database and the bus for one verb.
Connection = Callable[[], AbstractContextManager[Engine]]

#: Columns of a table that goes into a file or a pipe: wide enough that no line wraps.
PIPE_WIDTH: Final = 400

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
After = Annotated[int, typer.Option(min=0, max=FARTHEST, help="Begin after so many rows, as the last answer says.")]
Reason = Annotated[str | None, typer.Option(help="Why; goes into the audit log.")]

#: The one that the program gave.
_connections: list[Connection] = []


def use(connection: Connection) -> None:
    """Open the database and the bus with `connection` from now on."""
    _connections[:] = [connection]


@contextmanager
def opened() -> Iterator[Engine]:
    """Open the database and the bus for the time of one verb."""
    with _connections[0]() as engine:
        yield engine


def me() -> Actor:
    """Return the person at the keyboard: anyone who can run the program on this machine is an admin here."""
    return Actor(None, f"{_login_name()} (command line)", Role.ADMIN, "cli")


def _login_name() -> str:
    """Return the login name; a container may run under a number that no account has."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # which of them depends on Python's version
        return f"uid {os.getuid()}"


def load(function: Callable[[Session], T]) -> T:
    """Read something in one snapshot."""
    with opened() as engine, snapshot_scope(engine) as session:
        return function(session)


def run(
    command: str, target: UUID | None = None, args: Mapping[str, Any] | None = None, *, reason: str | None
) -> dict[str, Any]:
    """Run a command through the gateway and return its answer."""
    with opened() as engine:
        return perform(engine, me(), CommandRequest(name=command, target=target, args=args or {}, reason=reason))


def run_for_person(
    command: str, email: str, args: Mapping[str, Any] | None = None, *, reason: str | None
) -> dict[str, Any]:
    """Run a command on the person with this e-mail address and return its answer."""
    with opened() as engine:
        with session_scope(engine) as session:
            target = operators.find_by_email(session, email).id
        return perform(engine, me(), CommandRequest(name=command, target=target, args=args or {}, reason=reason))


def print_rows(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    *,
    as_json: bool,
    headings: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Print rows as a table for people or as JSON for programs; `headings`: of columns whose names would mislead."""
    if as_json:
        typer.echo(json.dumps(rows, default=str, indent=2))
        return
    if not rows:
        typer.echo("Nothing found.")
        return
    from rich.console import Console  # here, or each worker and console would keep it in memory
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(headings.get(column, column.replace("_", " ")), overflow="fold")
    for row in rows:
        table.add_row(*(on_one_line(_cell(row.get(column))) for column in columns))
    Console(width=None if sys.stdout.isatty() else PIPE_WIDTH).print(table, markup=False)


def print_window(
    window: Window[Any], columns: Sequence[str], *, as_json: bool, headings: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Print the rows of a window, and to standard error how to see the rest."""
    print_rows(window, columns, as_json=as_json, headings=headings)
    if window.next is not None:
        typer.echo(f"There are more: add --after {window.next}.", err=True)


def print_answer(answer: Mapping[str, Any], *, as_json: bool = False) -> None:
    """Print one answer as lines for people or as JSON for programs."""
    if as_json:
        typer.echo(json.dumps(answer, default=str, indent=2))
        return
    for name, value in answer.items():
        if value not in (None, "", [], {}):
            # Further lines are indented: a text from outside must not look like the next answer.
            lines = escape_control_characters(_readable(value)).replace("\n", "\n    ")
            typer.echo(f"{name.replace('_', ' ')}: {lines}")


def print_line(text: str) -> None:
    """Print one line of words, whatever is in it."""
    typer.echo(on_one_line(text))


def print_part(text: str) -> None:
    """Print a part of a file as it is; on a terminal, which it must not control, with control characters escaped."""
    if sys.stdout.isatty():
        text = escape_control_characters(text.replace("\r\n", "\n"))
    typer.echo(text, nl=False, color=True)  # or it would take parts out of a file that look like colours


def _cell(value: Any) -> str:
    return ", ".join(map(_readable, value)) if isinstance(value, list | tuple) else _readable(value)


def _readable(value: Any) -> str:
    """Return a value as a person reads it: yes and no, a line for each part of a list, name and value of a record."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return "".join(f"\n{name.replace('_', ' ')}: {_readable(part)}" for name, part in value.items() if part)
    if isinstance(value, list | tuple):
        return _readable(value[0]) if len(value) == 1 else "".join(f"\n{_readable(part)}" for part in value)
    return str(value)
