"""Everything that can be done, as one explicit list."""

import difflib
from collections.abc import Mapping
from typing import Any

from sqlmodel import SQLModel

from core.errors import NotFound
from core.operation import Operation, Task
from core.operations import demo, maintenance

#: A new operation is added here, and nowhere else.
OPERATIONS: tuple[Operation[Any, Any], ...] = (demo.enable, demo.disable, demo.dismiss)
TASKS: tuple[Task[Any], ...] = (maintenance.delete_old_jobs, maintenance.expire_sessions)

_ALL: tuple[Operation[Any, Any] | Task[Any], ...] = (*OPERATIONS, *TASKS)
BY_NAME: Mapping[str, Operation[Any, Any] | Task[Any]] = {each.name: each for each in _ALL}


def known(name: str) -> Operation[Any, Any] | Task[Any]:
    """Return what goes by this name.

    Raises NotFound, with the nearest name that exists.
    """
    if name in BY_NAME:
        return BY_NAME[name]
    near = difflib.get_close_matches(name, BY_NAME, n=1)
    raise NotFound(f"There is no operation {name}" + (f"; did you mean {near[0]}?" if near else "."))


def operations_of(row: SQLModel) -> tuple[Operation[Any, Any], ...]:
    """Return the operations that can move this row, whatever state it is in now."""
    return tuple(operation for operation in OPERATIONS if operation.machine.table is type(row))
