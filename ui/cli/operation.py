"""The verb `do`: start any operation or task; the fields of its form are flags."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer

from core.commands.gateway import CommandRequest, perform
from core.database.engine import session_scope
from core.errors import Invalid
from core.operation import Operation
from core.operations import known
from core.people import operators
from ui.cli.terminal import Json, Reason, me, opened, print_answer


def do(
    context: typer.Context,
    operation: Annotated[str, typer.Argument(help="Such as demo.enable.")],
    user: Annotated[str | None, typer.Option(help="The user's e-mail address.")] = None,
    connection: Annotated[UUID | None, typer.Option(help="The connection's id, for operations on connections.")] = None,
    at: Annotated[datetime | None, typer.Option(help="When, as ISO 8601; without a zone: local time.")] = None,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Start an operation for a user; the form's fields are flags: do demo.enable --user ana@… --preset nano."""
    args = _args_from_flags(context.args, set(known(operation).form.model_fields))
    with opened() as engine:
        target = connection
        if user is not None and connection is None:
            with session_scope(engine) as session:
                target = operators.find_by_email(session, user).id
        if target is None and isinstance(known(operation), Operation):
            raise Invalid(f"{operation} needs a target: --user with an e-mail address, or --connection with an id.")
        request = CommandRequest(name=operation, target=target, args=args, reason=reason, run_at=at and at.astimezone())
        print_answer(perform(engine, me(), request), as_json=as_json)


def _args_from_flags(flags: list[str], fields: set[str]) -> dict[str, str]:
    args: dict[str, str] = {}
    rest = iter(flags)
    for flag in rest:
        name, equals, value = flag.removeprefix("--").partition("=")
        name = name.replace("-", "_")
        if not flag.startswith("--") or name not in fields:
            allowed = ", ".join("--" + field.replace("_", "-") for field in sorted(fields)) or "none"
            raise typer.BadParameter(f"{flag} is not a field of this operation; its fields: {allowed}.")
        args[name] = value if equals else next(rest, "")
    return args
