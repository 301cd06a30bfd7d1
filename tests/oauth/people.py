"""A creator who connects a platform of the sandbox, step by step, without a browser."""

import hashlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from core.database.engine import session_scope
from core.jobs.request import request
from core.models import BackgroundJob, PlatformConnection, TokenRevocation, User
from core.oauth import consents
from core.oauth.tokens import seal, unseal
from core.operations import BY_NAME
from tests.factories import SUPPORT
from tests.sandboxes import Sandbox

PLATFORM = "sandbox"


@dataclass
class Creator:
    engine: Engine
    sandbox: Sandbox
    id: UUID

    @classmethod
    def new(cls, engine: Engine, sandbox: Sandbox) -> "Creator":
        with session_scope(engine) as session:
            user = User(email=f"{uuid4().hex[:12]}@example.com", name="Ana")
            session.add(user)
            session.flush()
            return cls(engine, sandbox, user.id)

    def consents(self, account: str = "", **options: Any) -> tuple[UUID, dict[str, str]]:
        """Go to the provider and back; return the connection, and the form that connecting needs."""
        with session_scope(self.engine) as session:
            address = consents.begin(session, self.id, None, PLATFORM).address
        query = parse_qs(urlsplit(self.sandbox.consent(address, account or f"ana{self.id.hex[-6:]}", **options)).query)
        with session_scope(self.engine) as session:
            answer = consents.take(session, self.id, None, query["state"][0])
            return answer.connection_id, {"consent": str(answer.consent), "secret_code": seal(query["code"][0])}

    def asks(self, name: str, connection_id: UUID, form: dict[str, str] | None = None) -> UUID:
        """Request an operation on a connection, and return the job."""
        operation: Any = BY_NAME[name]
        with session_scope(self.engine) as session:
            return request(session, operation, connection_id, operation.form(**(form or {})), SUPPORT).id

    def asks_to_connect(self, account: str = "", **options: Any) -> tuple[UUID, UUID]:
        """Return the connection and the job that is to connect it."""
        connection_id, form = self.consents(account, **options)
        return connection_id, self.asks("connection.connect", connection_id, form)

    def connection(self, connection_id: UUID) -> PlatformConnection:
        with Session(self.engine) as session:
            return session.get_one(PlatformConnection, connection_id)

    def job(self, job_id: UUID) -> BackgroundJob:
        with Session(self.engine) as session:
            return session.get_one(BackgroundJob, job_id)

    def owed(self) -> list[TokenRevocation]:
        with Session(self.engine) as session:
            rows = select(TokenRevocation).where(col(TokenRevocation.finished_at).is_(None))
            return list(session.exec(rows))

    def held(self) -> set[str]:
        """Return the hashes of all that this side holds, or owes a revocation."""
        with Session(self.engine) as session:
            rows = session.exec(select(PlatformConnection).where(PlatformConnection.user_id == self.id)).all()
            secrets = {each for row in rows for each in (row.access_token, row.refresh_token) if each}
            secrets |= {each.secret for each in self.owed()}
            return {hash_of(unseal(each)) for each in secrets}


def hash_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
