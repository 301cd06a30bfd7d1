"""Verbs about personal tokens."""

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

import typer

from core.models import Scope
from core.people import operators, personal_tokens
from ui.cli.terminal import After, Json, Reason, load, print_answer, print_window, run, run_for_person

verbs = typer.Typer(no_args_is_help=True, help="Personal tokens for scripts: list, add, remove.")

Owner = Annotated[str, typer.Option("--user", help="E-mail address of the person whose rights the script has.")]


@verbs.command("list")
def list_tokens(user: Owner, after: After = 0, as_json: Json = False) -> None:
    """List a person's live tokens, newest first."""
    lines = load(lambda session: personal_tokens.lines_of(session, operators.find_by_email(session, user).id, after))
    columns = ("id", "name", "scope", "created_at", "expires_at", "last_used_at")
    print_window(lines.map(asdict), columns, as_json=as_json)


@verbs.command("add")
@verbs.command("create", hidden=True)
def add_token(
    name: Annotated[str, typer.Argument(help="What the token is for.")],
    user: Owner,
    scope: Scope = Scope.READ,
    days: Annotated[int, typer.Option(min=1, max=personal_tokens.LONGEST_DAYS)] = 90,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Add a token and print it; it is shown only once."""
    args = {"name": name, "scope": scope.value, "days": days}
    print_answer(run_for_person("token.create", user, args, reason=reason), as_json=as_json)


@verbs.command("remove")
@verbs.command("revoke", hidden=True)
def remove_token(token_id: UUID, reason: Reason = None) -> None:
    """Remove a token; it stops working at once."""
    print_answer(run("token.revoke", token_id, reason=reason))
