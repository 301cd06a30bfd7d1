"""Verbs about operators and their sign-in links."""

from dataclasses import asdict
from typing import Any

import typer

from core.models import Role
from core.people.operator_list import operator_lines
from ui.cli.address import Address, page_address
from ui.cli.terminal import After, Json, Reason, load, print_answer, print_window, run, run_for_person

verbs = typer.Typer(no_args_is_help=True, help="Operators: list, add, role, disable, enable, link, reset-factor.")


@verbs.command("list")
def list_operators(after: After = 0, as_json: Json = False) -> None:
    """List the operators, disabled ones too."""
    operators = load(lambda session: operator_lines(session, after)).map(asdict)
    columns = ("email", "name", "role", "access", "has_factor", "sessions", "last_seen_at")
    print_window(operators, columns, as_json=as_json)


@verbs.command("add")
def add_operator(
    email: str, role: Role = Role.SUPPORT, name: str | None = None, reason: Reason = None, address: Address = None
) -> None:
    """Add an operator and print their one-time sign-in link."""
    args = {"email": email, "name": name, "role": role.value}
    print_answer(_with_whole_link(run("operator.add", args=args, reason=reason), address))


@verbs.command("role")
def change_role(email: str, role: Role, reason: Reason = None) -> None:
    """Change an operator's role."""
    print_answer(run_for_person("operator.role", email, {"role": role.value}, reason=reason))


@verbs.command("disable")
def disable(email: str, reason: Reason = None) -> None:
    """Disable an operator and end their sessions."""
    print_answer(run_for_person("operator.disable", email, reason=reason))


@verbs.command("enable")
def enable(email: str, reason: Reason = None) -> None:
    """Enable a disabled operator."""
    print_answer(run_for_person("operator.enable", email, reason=reason))


@verbs.command("link")
def link(email: str, reason: Reason = None, address: Address = None) -> None:
    """Print a new one-time sign-in link."""
    print_answer(_with_whole_link(run_for_person("operator.link", email, reason=reason), address))


@verbs.command("reset-factor")
def reset_factor(email: str, reason: Reason = None) -> None:
    """Remove the second factor of an operator who lost phone and recovery codes."""
    print_answer(run_for_person("factor.reset", email, reason=reason))


def _with_whole_link(answer: dict[str, Any], address: str | None) -> dict[str, Any]:
    """Make the link's path a URL that can be sent to a person."""
    return {**answer, "link": page_address(answer["link"], address)}
