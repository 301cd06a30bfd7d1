"""What a provider has issued and the program gives up: it is owed a revocation until the provider has taken it back.

Giving up writes a row, in the transaction that takes the secret out of its place: so nothing is held by nobody,
wherever a process dies. Revoking twice does no harm.
"""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from core import clock
from core.errors import GiveUp, TryAgain, Unusable
from core.models import Consent, IssuedKind, PlatformConnection, TokenRevocation
from core.oauth.client import AccessEnded, ProviderClient
from core.oauth.providers import provider_of
from core.oauth.tokens import forget, seal, unseal

#: For so long a provider is asked again and again; then the program gives up, and says so.
PATIENCE: Final = timedelta(days=30)
_LONGEST_PAUSE: Final = timedelta(hours=6)
#: How long revoking waits if it would end newer access, too, which may be that of the same account.
_PARKED: Final = timedelta(hours=1)
_AGAIN: Final = "the creator connected again"


def owe_tokens(session: Session, connection: PlatformConnection, reason: str) -> None:
    """Move a connection's tokens to the revocations; one revocation ends what both tokens stand for."""
    if secret := connection.refresh_token or connection.access_token:
        kind = IssuedKind.REFRESH_TOKEN if connection.refresh_token else IssuedKind.ACCESS_TOKEN
        provider = provider_of(connection.platform)
        if provider and provider.revokes_access and connection.access_token:
            kind, secret = IssuedKind.ACCESS_TOKEN, connection.access_token
        _owe(session, connection, kind, secret, reason)
    forget(connection)
    session.flush()


def park_tokens(session: Session, connection: PlatformConnection) -> None:
    """Move a connection's tokens to the revocations before it is known whose account the new ones are for."""
    owe_tokens(session, connection, _AGAIN)
    provider = provider_of(connection.platform)
    if provider and provider.revokes_all:
        for owed in _parked(session, connection):
            owed.next_at = clock.now() + _PARKED
        session.flush()


def keep_parked(session: Session, connection: PlatformConnection) -> None:
    """Strike what was parked, where revoking it would end the new access to the same account."""
    provider = provider_of(connection.platform)
    if provider and provider.revokes_all:
        for owed in _parked(session, connection):
            owed.finished_at, owed.secret = clock.now(), ""
        session.flush()


def _parked(session: Session, connection: PlatformConnection) -> list[TokenRevocation]:
    rows = select(TokenRevocation).where(
        col(TokenRevocation.connection_id) == connection.id,
        col(TokenRevocation.finished_at).is_(None),
        col(TokenRevocation.reason) == _AGAIN,
    )
    return list(session.exec(rows))


def owe_code(session: Session, connection: PlatformConnection, code: str, consent: Consent, reason: str) -> None:
    """Note a sealed code that may have been exchanged: presented again, it ends what it has brought."""
    _owe(session, connection, IssuedKind.CODE, code, reason, consent)
    session.flush()


def _owe(
    session: Session,
    of: PlatformConnection,
    kind: IssuedKind,
    secret: str,
    reason: str,
    consent: Consent | None = None,
) -> None:
    now = clock.db_now()
    owed = TokenRevocation(
        platform=of.platform,
        connection_id=of.id,
        user_id=of.user_id,
        kind=kind.value,
        secret=secret,
        verifier=consent.verifier if consent else None,
        return_address=consent.return_address if consent else None,
        reason=reason,
        created_at=now,
        next_at=now,
    )
    session.add(owed)


def due(session: Session, most: int, connection_id: UUID | None = None) -> list[TokenRevocation]:
    """Return revocations that are due, or all of one connection, the longest overdue first; outside the session."""
    chosen = (
        col(TokenRevocation.connection_id) == connection_id
        if connection_id
        else col(TokenRevocation.next_at) <= clock.db_now()
    )
    owed = select(TokenRevocation).where(col(TokenRevocation.finished_at).is_(None), chosen)
    rows = session.exec(owed.order_by(col(TokenRevocation.next_at)).limit(most)).all()
    for row in rows:
        session.expunge(row)
    return list(rows)


def ask(owed: TokenRevocation) -> tuple[str | None, str | None]:
    """Ask the provider to take it back; touches no database.

    Returns what went wrong, and a sealed refresh token that the code has brought only now and that is owed, too.
    """
    provider = provider_of(owed.platform)
    if provider is None:
        return f"{owed.platform} is not set up here.", None
    try:
        with ProviderClient(provider, owed.return_address) as client:
            if owed.kind == IssuedKind.CODE:
                return None, _spend(client, unseal(owed.secret), unseal(owed.verifier or ""))
            client.revoke(unseal(owed.secret), owed.kind)
    except (TryAgain, GiveUp, Unusable) as error:
        return str(error), None
    return None, None


def note(session: Session, owed: TokenRevocation, problem: str | None, brought: str | None) -> None:
    """Write what became of an attempt. `owed` need not be in the session."""
    now = clock.now()
    row = session.get(TokenRevocation, owed.id, with_for_update=True)
    if row is None or row.finished_at:
        return
    row.attempts += 1
    row.error = problem
    is_over = problem is None or now - row.created_at > PATIENCE
    if is_over:
        row.finished_at, row.secret, row.verifier = now, "", None
    else:
        row.next_at = now + min(timedelta(minutes=2**row.attempts), _LONGEST_PAUSE)
    if brought:
        also = TokenRevocation(
            platform=row.platform,
            connection_id=row.connection_id,
            user_id=row.user_id,
            kind=IssuedKind.REFRESH_TOKEN.value,
            secret=brought,
            reason=row.reason,
        )
        session.add(also)
    session.flush()


def owed_of(session: Session, connection_id: UUID) -> int:
    """Return how many revocations a connection is still owed."""
    number = sa.select(sa.func.count()).where(
        col(TokenRevocation.connection_id) == connection_id, col(TokenRevocation.finished_at).is_(None)
    )
    return int(session.execute(number).scalar_one())


def _spend(client: ProviderClient, code: str, verifier: str) -> str | None:
    """Present a code; return the sealed token that it brings if it had not been exchanged before."""
    try:
        tokens: Any = client.tokens_for(code, verifier)
    except AccessEnded:
        return None
    is_by_access = client.provider.revokes_access or not tokens.refresh
    return seal(tokens.access if is_by_access else tokens.refresh)
