"""Whether what the provider has issued is in good hands: its ledger beside ours, once all has come to rest."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, col, select

from core.database.engine import session_scope
from core.diagnosis.invariants import violations
from core.jobs.request import request_task
from core.models import AttemptOutcome, BackgroundJob, JobStatus, PlatformConnection
from core.oauth.client import ProviderClient
from core.oauth.tokens import unseal
from core.operation import NoForm
from core.operations.connection import QUEUE
from core.operations.connection_upkeep import refresh_due, revoke_owed
from tests import driving
from tests.factories import SUPPORT
from tests.oauth.people import Creator, hash_of
from tests.sandboxes import Sandbox
from tests.waiting import eventually

#: Rounds of attempts and revocations after which all must be at rest.
ROUNDS = 12
#: The requests that a client sends.
CALLS = ("tokens_for", "refreshed", "profile_of", "is_active", "revoke")


@dataclass
class Proof:
    creator: Creator
    #: The accounts at the provider that the creator has used.
    accounts: set[str] = field(default_factory=set)
    #: When the provider has done what it does late.
    quiet_at: float = 0
    #: Whether another worker has taken a job over.
    was_taken: bool = False

    @property
    def engine(self) -> Engine:
        return self.creator.engine

    @property
    def sandbox(self) -> Sandbox:
        return self.creator.sandbox

    def connect(self, account: str = "", **options: Any) -> tuple[UUID, UUID]:
        account = account or f"ana{self.creator.id.hex[-8:]}"
        self.accounts.add(account)
        return self.creator.asks_to_connect(account, **options)

    def connected(self, account: str = "") -> UUID:
        connection_id, _ = self.connect(account)
        assert self.run_next() is AttemptOutcome.SUCCEEDED
        return connection_id

    def failed(self, withdrawn: bool = False) -> UUID:
        """Return a connection whose refresh has failed: for an outage, so that it holds live tokens, or for good."""
        connection_id = self.connected()
        if withdrawn:
            self.sandbox.withdraw(min(self.accounts))
        else:
            self.sandbox.behave("redirect", endpoint="token")
        self.creator.asks("connection.refresh", connection_id)
        assert self.run_next() is AttemptOutcome.ERROR
        self.sandbox.behave()
        assert self.creator.connection(connection_id).connection_status == "failed"
        return connection_id

    def take(self) -> Any:
        eventually(lambda: monotonic() >= self.quiet_at)
        driving.make_due(self.engine)
        return driving.take(self.engine, queue=QUEUE)

    def run_next(self) -> AttemptOutcome:
        held = self.take()
        assert held is not None
        return driving.work_on(self.engine, held)

    def run_all(self) -> None:
        for _ in range(60):
            if (held := self.take()) is None:
                return
            driving.work_on(self.engine, held)
        raise AssertionError("the jobs have no end")

    def wait_for_what_is_late(self, mode: str, seconds: float) -> None:
        """Take no job before the provider has done what it has been asked for."""
        if mode == "late":
            self.quiet_at = monotonic() + seconds

    def task(self, task: Any) -> None:
        with session_scope(self.engine) as session:
            request_task(session, task, NoForm(), SUPPORT)

    def come_to_rest(self) -> None:
        """Let the provider be well, workers be replaced, revocations be asked for, and each access be tried."""
        self.sandbox.behave()
        driving.presume_dead(self.engine)
        self._revoke_all()
        self._execute("UPDATE platform_connections SET refresh_at = now() WHERE refresh_at IS NOT NULL")
        self.task(refresh_due)
        self._revoke_all()

    def _revoke_all(self) -> None:
        for _ in range(ROUNDS):
            self.run_all()
            if not self.creator.owed():
                return
            self._execute("UPDATE token_revocations SET next_at = now()")
            self.task(revoke_owed)
        raise AssertionError(f"still owed: {[each.error for each in self.creator.owed()]}")

    def _execute(self, statement: str) -> None:
        with session_scope(self.engine) as session:
            session.connection().execute(text(statement))

    def faults(self, *, is_pending_safe: bool = False) -> list[str]:
        """Return a sentence for each token in no hands or in two; at rest or not.

        `is_pending_safe`: what a connection that will be looked at again has asked for, without an answer, is no fault.
        """
        lines = [each for each in self.sandbox.ledger() if each["account"] in self.accounts and each["kind"] != "code"]
        by_hash = {each["hash"]: each for each in lines}
        held = self._held()
        owed = {hash_of(unseal(each.secret)) for each in self.creator.owed()}
        safe_grants = {by_hash[each]["grant"] for each in owed if each in by_hash}
        if is_pending_safe:
            pending = (hashed for hashed, row in held.items() if row.asked_at and row.refresh_at)
            safe_grants |= {by_hash[each]["grant"] for each in pending if each in by_hash}
        wrong = []
        for each in lines:
            is_safe = each["hash"] in held or each["grant"] in safe_grants
            if each["live"] and not is_safe:
                wrong.append(f"nobody holds a live {each['kind']} token")
            if each["kind"] == "refresh" and each["uses"] > 1:
                wrong.append(f"a refresh token was presented {each['uses']} times")
        for hashed, row in held.items():
            line = by_hash[hashed]
            if (line["spent_at"] or line["revoked_at"]) and row.connection_status != "failed":
                wrong.append(f"a {row.connection_status} connection holds a dead {line['kind']} token")
        return wrong

    def faults_at_rest(self) -> list[str]:
        """Return what is wrong once all has come to rest, and what the doctor finds."""
        self.come_to_rest()
        wrong = self.faults()
        with Session(self.engine) as session:
            wrong += [f"{each.invariant.name}: {each.rows}" for each in violations(session)]
            live = select(BackgroundJob.kind).where(col(BackgroundJob.status).in_((JobStatus.QUEUED, "running")))
            wrong += [f"{kind} has not ended" for kind in session.exec(live)]
        states = {row.connection_status.value for row in self.rows()}
        return wrong + [f"a connection rests as {each}" for each in states - {"connected", "disconnected", "failed"}]

    def rows(self) -> list[PlatformConnection]:
        with Session(self.engine) as session:
            own = select(PlatformConnection).where(PlatformConnection.user_id == self.creator.id)
            return list(session.exec(own))

    def _held(self) -> dict[str, PlatformConnection]:
        pairs = [(each, row) for row in self.rows() for each in (row.access_token, row.refresh_token) if each]
        return {hash_of(unseal(secret)): row for secret, row in pairs}


@contextmanager
def killing(patch: pytest.MonkeyPatch, call: str, when: str, nth: int = 1) -> Iterator[Callable[[], int]]:
    """Let the process die before or after the client's n-th call of this name; yields how many there were."""
    with patch.context() as here:
        real, passed, kill = getattr(ProviderClient, call), [], driving.die(here)

        def deadly(*args: Any) -> Any:
            passed.append(None)
            is_now = len(passed) == nth
            if is_now and when == "before":
                kill()
            answer = real(*args)
            if is_now and when == "after":
                kill()
            return answer

        here.setattr(ProviderClient, call, deadly)
        yield lambda: len(passed)
