"""What the tests of every operation need to know of its machine: how a row comes where it starts, and what it shows.

A new machine has a world here; no test beside it names one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import UUID

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from core.database.engine import session_scope
from core.jobs.claim import Claimed
from core.models import AttemptOutcome, PlatformConnection
from core.operation import Operation
from core.operations import connection, operations_on
from core.operations.demo import demo_mode
from tests import driving
from tests.contract.keeping import keep_rows
from tests.factories import make_user
from tests.oauth.people import Creator
from tests.oauth.proving import Proof
from tests.sandboxes import Sandbox

Any_ = Operation[Any, Any]


class World(Protocol):
    """One machine, on one database."""

    engine: Engine
    queue: str
    #: Pages and lists tell of it; until a machine is diagnosed, its tests look at its rows alone.
    is_diagnosed: bool

    def prepare(self, operation: Any_) -> UUID:
        """Return a row in the operation's first source state, with all that rows have there, by the shortest way."""

    def reach(self, operation: Any_) -> UUID:
        """Return a row that other operations have brought there, as people would."""

    def ask(self, operation: Any_, row: UUID) -> UUID:
        """Request the operation with the smallest form that it accepts, and return the job."""

    def form(self, operation: Any_, row: UUID) -> Mapping[str, Any]:
        """Return that form."""

    def picture(self, row: UUID) -> dict[str, Any]:
        """Return all that screens show of a row and its work, as values to compare; `state` is its state."""

    def left(self, operation: Any_, row: UUID) -> list[str]:
        """Return what is left of an operation that was cancelled, or has failed; empty is good."""

    def others(self, row: UUID) -> Any:
        """Return what the operation must not touch: the same before it and after it."""

    def keep(self, row: UUID, job: UUID) -> Callable[[], tuple[UUID, UUID]]:
        """Return a function that brings back this moment, with what is then the row and the job."""

    def may_lose(self, operation: Any_, moment: str, number: int) -> bool:
        """Tell whether a process that dies there takes with it what nobody can get again, so that the job fails."""

    def user_of(self, row: UUID) -> UUID:
        """Return whose row it is."""

    def take(self) -> Claimed:
        """Claim the next due job."""

    def run_next(self) -> AttemptOutcome:
        """Claim and run the next due job."""

    def result(self, job: UUID) -> Any:
        """Return a job's result, as a value to compare."""


class Queue:
    """What workers do with the jobs of a world."""

    engine: Engine
    queue: str

    def take(self) -> Claimed:
        """Claim the next due job, which must be there."""
        held = driving.take(self.engine, queue=self.queue)
        assert held is not None
        return held

    def run_next(self) -> AttemptOutcome:
        """Claim and run the next due job."""
        return driving.work_on(self.engine, self.take())

    def result(self, job: UUID) -> Any:
        """Return a job's result without what differs from run to run."""
        result = driving.job_row(self.engine, job).result
        return {name: value for name, value in (result or {}).items() if name not in ("valid_until", "handle")}


@dataclass
class DemoWorld(Queue):
    """Demo mode: the rows that its generator makes are the same in every run."""

    engine: Engine
    queue: str = "demo"
    is_diagnosed: bool = True

    def prepare(self, operation: Any_) -> UUID:
        return driving.prepare(self.engine, operation)

    def reach(self, operation: Any_) -> UUID:
        return driving.reach(self.engine, operation)

    def ask(self, operation: Any_, row: UUID) -> UUID:
        return driving.ask_fixed(self.engine, operation, row)

    def form(self, operation: Any_, row: UUID) -> Mapping[str, Any]:
        return driving.smallest_form(operation)

    def picture(self, row: UUID) -> dict[str, Any]:
        return driving.picture(self.engine, row)

    def left(self, operation: Any_, row: UUID) -> list[str]:
        shown = self.picture(row)
        return [f"demo {what}" for what in ("interactions", "connections") if shown[what]]

    def others(self, row: UUID) -> Any:
        return driving.own_rows(self.engine, row)

    def keep(self, row: UUID, job: UUID) -> Callable[[], tuple[UUID, UUID]]:
        bring_back = keep_rows(self.engine)

        def again() -> tuple[UUID, UUID]:
            bring_back()
            return row, job

        return again

    def may_lose(self, operation: Any_, moment: str, number: int) -> bool:
        return False

    def user_of(self, row: UUID) -> UUID:
        return row


@dataclass
class ConnectionWorld(Queue):
    """Connections to the sandbox: what it has issued cannot be brought back, so each round has another creator."""

    engine: Engine
    sandbox: Sandbox
    queue: str = connection.QUEUE
    is_diagnosed: bool = True

    def prepare(self, operation: Any_) -> UUID:
        return self.reach(operation)

    def reach(self, operation: Any_) -> UUID:
        with session_scope(self.engine) as session:
            user = make_user(session).id
        proof = self._proof(user)
        state = min(operation.source)
        if state == "disconnected":
            return proof.creator.consents()[0]
        row, _ = proof.connect()
        assert proof.run_next() is AttemptOutcome.SUCCEEDED
        assert state == "connected"
        return row

    def ask(self, operation: Any_, row: UUID) -> UUID:
        return driving.ask(self.engine, operation, row, dict(self.form(operation, row)))

    def form(self, operation: Any_, row: UUID) -> Mapping[str, Any]:
        return self._proof(self.user_of(row)).creator.consents()[1] if operation.needs_consent else {}

    def picture(self, row: UUID) -> dict[str, Any]:
        with Session(self.engine) as session:
            shown = session.get_one(PlatformConnection, row)
            return {
                "state": shown.connection_status.value,
                "has a name": shown.handle is not None,
                "scopes": shown.scopes,
                "tokens": (shown.access_token is not None, shown.refresh_token is not None),
                "is asked": shown.asked_at is not None,
                "is withdrawn": shown.withdrawn_at is not None,
            }

    def left(self, operation: Any_, row: UUID) -> list[str]:
        proof = self._proof(self.user_of(row))
        has_tokens = any(self.picture(row)["tokens"])
        wrong = ["tokens"] if has_tokens != (operation is connection.refresh) else []
        return wrong + proof.faults(is_pending_safe=True)

    def others(self, row: UUID) -> Any:
        with Session(self.engine) as session:
            user = session.get_one(PlatformConnection, row).user_id
        return driving.own_rows(self.engine, user)

    def keep(self, row: UUID, job: UUID) -> Callable[[], tuple[UUID, UUID]]:
        kind = driving.BY_NAME[driving.job_row(self.engine, job).kind]

        def again() -> tuple[UUID, UUID]:
            driving.empty(self.engine)
            new = self.reach(kind)
            return new, self.ask(kind, new)

        return again

    def may_lose(self, operation: Any_, moment: str, number: int) -> bool:
        """Tell whether the provider has answered, and the answer is not committed yet."""
        return moment == "before" and number == 1 and operation is not connection.disconnect

    def user_of(self, row: UUID) -> UUID:
        with Session(self.engine) as session:
            return session.get_one(PlatformConnection, row).user_id

    def _proof(self, user: UUID) -> Proof:
        return Proof(Creator(self.engine, self.sandbox, user), {f"ana{user.hex[-6:]}", f"ana{user.hex[-8:]}"})


WORLDS: Final[Mapping[str, Callable[[pytest.FixtureRequest, Engine], World]]] = {
    demo_mode.name: lambda _, engine: DemoWorld(engine),
    connection.connection.name: lambda request, engine: ConnectionWorld(engine, request.getfixturevalue("sandbox")),
}


def world_of(operation: Any_, request: pytest.FixtureRequest, engine: Engine) -> World:
    """Return the world of an operation's machine."""
    return WORLDS[operation.machine.name](request, engine)


#: The smallest form of each operation that needs one, for a request that is refused before it is read.
FORMS: Final[Mapping[str, Mapping[str, str]]] = {
    "connection.connect": {"consent": "01a20000-0000-7000-8000-000000000001", "secret_code": "x"},
    **{each.name: driving.smallest_form(each) for each in operations_on(demo_mode)},
}
