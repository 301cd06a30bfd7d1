"""The explicit list of all operations and tasks."""

import difflib
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from sqlmodel import SQLModel

from core.errors import NotFound
from core.operation import Machine, Operation, Task
from core.operations import analytics, bulk, connection, connection_upkeep, demo, maintenance, messages
from core.outside import OutsideService
from core.wording import shortened

#: A new operation is listed here and nowhere else.
OPERATIONS: tuple[Operation[Any, Any], ...] = (
    demo.enable,
    demo.switch,
    demo.disable,
    demo.dismiss,
    connection.connect,
    connection.refresh,
    connection.disconnect,
)
TASKS: tuple[Task[Any], ...] = (
    maintenance.delete_old_jobs,
    maintenance.expire_sessions,
    maintenance.archive_audit_log,
    connection_upkeep.refresh_due,
    connection_upkeep.revoke_owed,
    messages.send_messages,
    bulk.run_bulk,
    analytics.roll_up,
)

_ALL: tuple[Operation[Any, Any] | Task[Any], ...] = (*OPERATIONS, *TASKS)
BY_NAME: Mapping[str, Operation[Any, Any] | Task[Any]] = {each.name: each for each in _ALL}
#: Every program outside of ours that an operation calls, by its name.
SERVICES: Mapping[str, OutsideService] = {each.outside.name: each.outside for each in OPERATIONS if each.outside}
#: Every state machine that an operation moves.
MACHINES: tuple[Machine[Any], ...] = tuple({each.machine.name: each.machine for each in OPERATIONS}.values())


def known(name: str) -> Operation[Any, Any] | Task[Any]:
    """Return the operation or task with this name.

    Raises NotFound, with the most similar name.
    """
    if name in BY_NAME:
        return BY_NAME[name]
    near = difflib.get_close_matches(name, BY_NAME, n=1)
    raise NotFound(f"There is no operation {shortened(name)}" + (f"; did you mean {near[0]}?" if near else "."))


def operations_of(row: SQLModel) -> tuple[Operation[Any, Any], ...]:
    """Return the operations that can move this row, whatever state it is in now."""
    return tuple(each for each in OPERATIONS if each.machine.table is type(row) and each.machine.covers(row))


def operations_on(machine: Machine[Any]) -> tuple[Operation[Any, Any], ...]:
    """Return the operations that move this machine."""
    return tuple(operation for operation in OPERATIONS if operation.machine == machine)


def transitional_states(machine: Machine[Any]) -> tuple[StrEnum, ...]:
    """Return the states in which a job must be active, in the order of their operations.

    An operation that cleans up after a failure runs while the row says `failed`, a state that may also last.
    """
    return tuple(each.during for each in operations_on(machine) if each.during != machine.failed)


def operation_during(machine: Machine[Any], state: StrEnum) -> Operation[Any, Any] | None:
    """Return the operation that runs while a row is in this transitional state; None for any other state."""
    return next((each for each in operations_on(machine) if each.during == state != machine.failed), None)


def clean_up_of(machine: Machine[Any]) -> Operation[Any, Any] | None:
    """Return the operation that leads out of `failed` without a retry, if the machine has one."""
    return next((each for each in operations_on(machine) if each.during == machine.failed), None)
