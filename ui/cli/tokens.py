"""Command line verbs about personal tokens: made, listed and revoked by whoever runs the program here."""

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

import typer

from core.commands.gateway import CommandRequest, perform
from core.database.engine import session_scope
from core.models import Scope
from core.people import operators, personal_tokens
from ui.cli.jobs import Json, Reason, ask, load, me, opened, show, tell

token = typer.Typer(no_args_is_help=True, help="Tokens for people's scripts.")

Person = Annotated[str, typer.Option("--user", help="The e-mail address of the person for whom the script speaks.")]


def install(app: typer.Typer) -> None:
    """Add these verbs to the program's command line."""
    app.add_typer(token, name="token")


@token.command("create")
def create(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    user: Person,
    scope: Scope = Scope.READ,
    days: Annotated[int, typer.Option(min=1, max=personal_tokens.LONGEST_DAYS)] = 90,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Make a token and print it; it is shown this once."""
    args = {"name": name, "scope": scope.value, "days": days}
    with opened() as engine:
        with session_scope(engine) as session:
            target = operators.find_by_email(session, user).id
        tell(
            perform(engine, me(), CommandRequest(name="token.create", target=target, args=args, reason=reason)),
            as_json=as_json,
        )


@token.command("list")
def list_tokens(user: Person, as_json: Json = False) -> None:
    """List a person's live tokens, the newest first."""
    lines = load(lambda session: personal_tokens.lines_of(session, operators.find_by_email(session, user).id))
    columns = ("id", "name", "scope", "created_at", "expires_at", "last_used_at")
    show([asdict(line) for line in lines], columns, as_json=as_json)


@token.command("revoke")
def revoke(token_id: UUID, reason: Reason = None) -> None:
    """End a token at once."""
    tell(ask(CommandRequest(name="token.revoke", target=token_id, reason=reason)), as_json=False)
