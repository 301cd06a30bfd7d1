"""Routes of operations and tasks, made from their declarations: on any row by its id, on the caller's own, on none."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Body
from pydantic import BaseModel, Field, create_model

from core.commands.command import REASON_LIMIT
from core.operation import Operation, Task
from ui.api.deps import Caller, Key, do


def add_route(router: APIRouter, operation: Operation[Any, Any], path: str) -> None:
    """Add the route that starts an operation on the row whose id is `{target}` in the path."""
    body_type, nothing = _body(operation)

    def start(target: UUID, caller: Caller, body: Any = nothing, key: Key = None) -> dict[str, Any]:
        return _start(operation, caller, target, body, key)

    start.__annotations__["body"] = body_type
    _add(router, operation, path, start, operation.name)


def add_refusal_route(router: APIRouter, operation: Operation[Any, Any], path: str) -> None:
    """Add a route that says, to those who may start the operation, how its owner starts it."""

    def refuse(target: UUID, caller: Caller) -> dict[str, Any]:
        return do(caller, operation.name, target)

    refuse.__doc__ = f"{operation.label}: only its owner's consent starts it; the answer, 409, says where they give it."
    router.add_api_route(path, refuse, methods=["POST"], summary=operation.label, name=operation.name)


def add_own_route(router: APIRouter, operation: Operation[Any, Any], path: str, own: Callable[[Any], UUID]) -> None:
    """Add the route that starts an operation on the row that `own` finds for the caller."""
    body_type, nothing = _body(operation)

    def start(caller: Caller, body: Any = nothing, key: Key = None) -> dict[str, Any]:
        return _start(operation, caller, own(caller), body, key)

    start.__annotations__["body"] = body_type
    _add(router, operation, path, start, f"own {operation.name}")


def add_task_route(router: APIRouter, task: Task[Any], path: str) -> None:
    """Add the route that starts a task."""
    body_type, nothing = _body(task)

    def start(caller: Caller, body: Any = nothing, key: Key = None) -> dict[str, Any]:
        return _start(task, caller, None, body, key)

    start.__annotations__["body"] = body_type
    start.__doc__ = f"{task.label}, by a job."
    router.add_api_route(path, start, methods=["POST"], status_code=202, summary=task.label, name=task.name)


def _add(router: APIRouter, operation: Operation[Any, Any], path: str, start: Any, name: str) -> None:
    start.__doc__ = f"{operation.label}: {' or '.join(sorted(operation.source))} to {operation.target}, by a job."
    router.add_api_route(path, start, methods=["POST"], status_code=202, summary=operation.label, name=name)


def _start(
    kind: Operation[Any, Any] | Task[Any], caller: Any, target: UUID | None, body: Any, key: str | None
) -> dict[str, Any]:
    args = body.model_dump(mode="json", exclude={"run_at", "reason"})
    return do(caller, kind.name, target, args, reason=body.reason, run_at=body.run_at, key=key)


def _body(operation: Operation[Any, Any] | Task[Any]) -> tuple[type[BaseModel], Any]:
    """Return the form of an operation or task plus `run_at` and `reason`, and the default for a missing body."""
    name = operation.form.__name__ + "".join(part.title() for part in operation.name.split("."))
    fields: dict[str, Any] = {
        "run_at": (datetime | None, None),
        "reason": (str | None, Field(default=None, max_length=REASON_LIMIT)),
    }
    body_type = create_model(name, __base__=operation.form, **fields)
    is_required = any(field.is_required() for field in operation.form.model_fields.values())
    return body_type, Body() if is_required else Body(default_factory=body_type)
