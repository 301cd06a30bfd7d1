"""The verb `do`: start any operation or task; the fields of its form are flags."""

import inspect
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, get_args, get_origin
from uuid import UUID

import typer
from pydantic.fields import FieldInfo
from typer.core import TyperGroup

from core.commands.gateway import CommandRequest, perform
from core.commands.registry import COMMANDS
from core.database.engine import session_scope
from core.errors import Invalid
from core.models import PlatformConnection
from core.operation import Operation, Task
from core.operations import BY_NAME, known
from core.people import operators
from ui.cli.terminal import Json, Reason, me, opened, print_answer

Kind = Operation[Any, Any] | Task[Any]

User = Annotated[str | None, typer.Option(help="The user's e-mail address.")]
ConnectionId = Annotated[UUID | None, typer.Option(help="The connection's id.")]
At = Annotated[datetime | None, typer.Option(help="When, as ISO 8601; without a zone: local time. Default: now.")]


class Kinds(TyperGroup):
    """A verb for each operation and task, made from its declaration."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all operations and tasks."""
        return list(BY_NAME)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the verb of one kind. Raises NotFound, with the most similar name."""
        app = typer.Typer(add_completion=False)
        app.command(cmd_name)(_verb_of(known(cmd_name)))
        return typer.main.get_command(app)


verbs = typer.Typer(cls=Kinds, no_args_is_help=True, help="Start an operation or a task now, or with --at later.")


@verbs.callback()
def _group() -> None:
    """Start an operation or a task now, or with --at later."""


def _verb_of(kind: Kind) -> Callable[..., None]:
    """Return the function of a kind's verb: its parameters are those of every kind, and the fields of its form."""
    common = {**_targets(kind), "at": At, "reason": Reason, "as_json": Json}
    fields = {name: _flag(name, info) for name, info in COMMANDS[kind.name].form.model_fields.items()}

    def start(**given: Any) -> None:
        args = {name: given[name] for name in fields if given[name] is not None}
        _start(kind, args, {name: given.get(name) for name in ("user", "connection", "at", "reason", "as_json")})

    def parameter(name: str, annotation: Any) -> inspect.Parameter:
        default = False if annotation is Json else None
        return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)

    start.__signature__ = inspect.Signature(  # type: ignore[attr-defined] # as Typer reads it
        [parameter(name, annotation) for name, annotation in {**fields, **common}.items()]
    )
    start.__annotations__ = {**fields, **common}
    start.__doc__ = f"{kind.label}." + (" It needs a --reason." if kind.needs_reason else "")
    return start


def _targets(kind: Kind) -> dict[str, Any]:
    if not isinstance(kind, Operation):
        return {}
    return {"connection": ConnectionId} if issubclass(kind.machine.table, PlatformConnection) else {"user": User}


def _start(kind: Kind, args: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    target, user, at = given["connection"], given["user"], given["at"]
    with opened() as engine:
        if user is not None:
            with session_scope(engine) as session:
                target = operators.find_by_email(session, user).id
        if target is None and isinstance(kind, Operation):
            flag = "--user with an e-mail address" if "user" in _targets(kind) else "--connection with an id"
            raise Invalid(f"{kind.name} needs a target: {flag}.")
        run_at = at and at.astimezone()
        request = CommandRequest(name=kind.name, target=target, args=args, reason=given["reason"], run_at=run_at)
        print_answer(perform(engine, me(), request), as_json=bool(given["as_json"]))


def _flag(name: str, info: FieldInfo) -> Any:
    """Return a field as an option: a switch where it is one, else text that the gateway reads."""
    if info.annotation is bool:
        on = f"--{name.replace('_', '-')}"
        return Annotated[
            bool | None, typer.Option(f"{on}/--no-{on[2:]}" if info.default else on, help=info.description)
        ]
    choices = [str(value) for value in _choices(info.annotation)]
    about = [info.description or "", "Required." if info.is_required() else ""]
    if not info.is_required() and info.default is not None:
        about.append(f"Default: {info.default}.")
    option = typer.Option(help=" ".join(filter(None, about)), metavar="|".join(choices) or "TEXT")
    return Annotated[str | None, option]


def _choices(annotation: Any) -> list[Any]:
    """Return the values that a type allows, if they are few: of an enum or a literal, also beside None."""
    if isinstance(annotation, type):
        return list(getattr(annotation, "__members__", {}).values())
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return [value for part in get_args(annotation) for value in _choices(part)]


def args_from_flags(flags: list[str], fields: Mapping[str, FieldInfo]) -> dict[str, str]:
    """Return the fields of a form that further flags give. Raises BadParameter for any other flag."""
    args: dict[str, str] = {}
    rest = iter(flags)
    for flag in rest:
        name, equals, value = flag.removeprefix("--").partition("=")
        name = name.replace("-", "_")
        if not flag.startswith("--") or name not in fields:
            allowed = ", ".join("--" + field.replace("_", "-") for field in sorted(fields)) or "none"
            raise typer.BadParameter(f"{flag} is not a field of this kind's form; its fields: {allowed}.")
        args[name] = value if equals else "true" if fields[name].annotation is bool else next(rest, "")
    return args
