"""Command line verbs about people: the operators and their sign-in links."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from core.commands.gateway import CommandRequest, perform
from core.database.engine import session_scope
from core.models import Role
from core.people import operators
from core.people.operator_list import operator_lines
from core.settings import settings
from ui.cli.jobs import Json, Reason, ask, load, me, opened, show, tell

operator = typer.Typer(no_args_is_help=True, help="The people who help.")

Address = Annotated[
    str | None,
    typer.Option(help="Where the console is served. [default: UNSTUCK_PUBLIC_URL, else http://127.0.0.1:8080]"),
]
#: Where `run` and `serve` listen unless told otherwise.
LOCAL = "http://127.0.0.1:8080"


def install(app: typer.Typer) -> None:
    """Add these verbs to the program's command line."""
    app.add_typer(operator, name="operator")


@operator.command("list")
def list_operators(as_json: Json = False) -> None:
    """List the operators, disabled ones too."""
    rows = load(lambda session: [asdict(person) for person in operator_lines(session)])
    show(rows, ("email", "name", "role", "access", "has_factor", "sessions", "last_seen_at"), as_json=as_json)


@operator.command("add")
def add_operator(
    email: str, role: Role = Role.SUPPORT, name: str | None = None, reason: Reason = None, address: Address = None
) -> None:
    """Add an operator and print their one-time sign-in link."""
    args = {"email": email, "name": name, "role": role.value}
    tell(_whole_link(ask(CommandRequest(name="operator.add", args=args, reason=reason)), address), as_json=False)


@operator.command("role")
def change_role(email: str, role: Role, reason: Reason = None) -> None:
    """Give somebody another role."""
    tell(_to_person("operator.role", email, {"role": role.value}, reason), as_json=False)


@operator.command("disable")
def disable(email: str, reason: Reason = None) -> None:
    """Shut somebody out from now on."""
    tell(_to_person("operator.disable", email, {}, reason), as_json=False)


@operator.command("enable")
def enable(email: str, reason: Reason = None) -> None:
    """Let somebody in again who was disabled."""
    tell(_to_person("operator.enable", email, {}, reason), as_json=False)


@operator.command("link")
def link(email: str, reason: Reason = None, address: Address = None) -> None:
    """Print a new one-time sign-in link."""
    tell(_whole_link(_to_person("operator.link", email, {}, reason), address), as_json=False)


@operator.command("reset-factor")
def reset_factor(email: str, reason: Reason = None) -> None:
    """Take the second factor away from somebody who has lost phone and codes."""
    tell(_to_person("factor.reset", email, {}, reason), as_json=False)


def _whole_link(answer: dict[str, Any], address: str | None) -> dict[str, Any]:
    """Make a link's path one that can be sent to a person."""
    base = address or settings().public_url or LOCAL
    return {**answer, "link": base.rstrip("/") + answer["link"]}


def _to_person(name: str, email: str, args: dict[str, Any], reason: str | None) -> dict[str, Any]:
    with opened() as engine:
        with session_scope(engine) as session:
            target = operators.find_by_email(session, email).id
        return perform(engine, me(), CommandRequest(name=name, target=target, args=args, reason=reason))
