"""Consents: sending a creator to a provider, and taking its answer, once, in the session that has begun it."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlmodel import Session, col, select

from core import clock
from core.errors import Invalid, NotAllowed, NotFound, Unusable
from core.models import ConnectionStatus, Consent, PlatformConnection, User
from core.oauth.client import RETURN_PATH, ProviderClient
from core.oauth.providers import OAuthProvider, all_platforms, label_of, provider_of
from core.oauth.tokens import seal
from core.settings import settings

#: How long a creator may take at the provider; a code works for as long there.
VALID: Final = timedelta(minutes=10)
#: Connections of one platform that a creator may have.
MOST: Final = 20
_STALE: Final = "This answer of {label} belongs to no visit that you have begun here. Press Connect again."
#: A connection may be connected from these.
_FREE: Final = (ConnectionStatus.DISCONNECTED, ConnectionStatus.FAILED)


class VisitUnknown(NotAllowed):
    """The visit was not begun in this session, or its answer was taken before."""


class VisitTooLong(NotAllowed):
    """The creator has stayed at the provider for too long."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Where to send a creator's browser, and the connection that it is about."""

    address: str
    connection_id: UUID


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider has sent a creator back with."""

    consent: UUID
    connection_id: UUID
    platform: str


def begin(
    session: Session,
    user_id: UUID,
    session_id: UUID | None,
    platform: str,
    again: UUID | None = None,
    *,
    another: bool = False,
    base: str = "",
) -> Visit:
    """Begin a visit to a provider; `again`: to connect this connection, else a free one; `another`: beside failed ones.

    `base`: the console's address in their browser, for where no UNSTUCK_PUBLIC_URL is set.
    Raises Invalid (no such platform), NotAllowed (not set up here, or nothing to connect), NotFound, Unusable.
    """
    provider = _provider(platform)
    connection = _row(session, user_id, platform, again, another=another)
    back = _return_address(base)
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    consent = Consent(
        state_hash=_hash(state),
        user_id=user_id,
        connection_id=connection.id,
        session_id=session_id,
        verifier=seal(verifier),
        return_address=back,
        expires_at=clock.db_now() + VALID,
    )
    session.add(consent)
    session.flush()
    with ProviderClient(provider, back) as client:
        return Visit(client.consent_address(state, verifier), connection.id)


def take(session: Session, user_id: UUID, session_id: UUID | None, state: str) -> Answer:
    """Take a provider's answer for the visit with this state, which works once. Raises VisitUnknown, VisitTooLong."""
    found = select(Consent).where(col(Consent.state_hash) == _hash(state)).with_for_update()
    consent = session.exec(found).first()
    connection = session.get(PlatformConnection, consent.connection_id) if consent else None
    label = label_of(connection.platform) if connection else "the provider"
    is_own = consent is not None and (consent.user_id, consent.session_id) == (user_id, session_id)
    if consent is None or connection is None or not is_own or consent.used_at:
        raise VisitUnknown(_STALE.format(label=label))
    now = session.exec(select(clock.db_now())).one()
    if consent.expires_at <= now:
        raise VisitTooLong(f"You took longer than {VALID.seconds // 60} minutes at {label}. Press Connect again.")
    consent.used_at = now
    session.flush()
    return Answer(consent.id, connection.id, connection.platform)


def _return_address(base: str) -> str:
    """Return where a provider sends creators back to. Raises Unusable if this console has no address for that."""
    url = settings().public_url or base
    if not url:
        raise Unusable("Connecting platforms needs UNSTUCK_PUBLIC_URL, the URL that people open.")
    return url.rstrip("/") + RETURN_PATH


def _provider(platform: str) -> OAuthProvider:
    if platform not in all_platforms():
        known = ", ".join(all_platforms())
        raise Invalid(f"There is no platform of that name; choose one of {known}.", {"provider": "Choose a platform."})
    provider = provider_of(platform)
    if provider is None:
        raise NotAllowed(f"{label_of(platform)} is not set up here.")
    return provider


def _row(session: Session, user_id: UUID, platform: str, again: UUID | None, *, another: bool) -> PlatformConnection:
    session.get(
        User, user_id, with_for_update={"key_share": True}
    )  # of two visits at once, the second counts the first's
    rows = select(PlatformConnection).where(
        col(PlatformConnection.user_id) == user_id,
        col(PlatformConnection.platform) == platform,
        col(PlatformConnection.is_demo).is_(False),
    )
    own = session.exec(rows.order_by(col(PlatformConnection.created_at)).limit(MOST + 1)).all()
    if again and again not in {each.id for each in own}:
        raise NotFound(f"You have no such connection to {label_of(platform)}.")
    can_be_it = _is_nobodys if another else _is_free
    free = [each for each in own if can_be_it(each) and again in (None, each.id)]
    if free:
        if _is_nobodys(free[0]):
            free[0].account_id = free[0].handle = None
        return free[0]
    if again:
        raise NotAllowed(f"This connection to {label_of(platform)} cannot be connected now.")
    if len(own) >= MOST:
        raise NotAllowed(f"You have {MOST} connections to {label_of(platform)}; disconnect one first.")
    connection = PlatformConnection(user_id=user_id, platform=platform, created_at=clock.db_now())
    session.add(connection)
    session.flush()
    return connection


def _is_free(row: PlatformConnection) -> bool:
    return row.connection_status in _FREE


def _is_nobodys(row: PlatformConnection) -> bool:
    """Tell whether a connection may become that of any account: it was given up, or never made."""
    is_new = row.connection_status is ConnectionStatus.FAILED and not row.account_id
    return row.connection_status is ConnectionStatus.DISCONNECTED or is_new


def _hash(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()
