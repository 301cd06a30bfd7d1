"""The work of a connection's operations: their steps, each with one request to the provider, and what undoes them.

What a provider has issued is held by the connection, revoked, or owed a revocation, wherever a process dies: see
revocations.py. A refresh token that may be spent is never sent again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from typing import Final
from uuid import UUID

from pydantic import Field
from sqlmodel import Session, col, select

from core import clock
from core.errors import GiveUp, OnlyTheOwner, TryAgain
from core.models import ConnectionStatus, Consent, PlatformConnection
from core.oauth import revocations, tokens
from core.oauth.answers import Tokens
from core.oauth.client import AccessEnded, PlatformAccount, ProviderClient
from core.oauth.providers import OAuthProvider, label_of, provider_of
from core.oauth.refreshing import KIND, due_for_refresh, room_for
from core.operation import Form, FormT, NoForm, Progress, Steps, Work

#: Steps of connecting: asking, tokens, longer tokens, account.
_STEPS: Final = 4
#: Steps of refreshing once the new tokens are stored: from then on it is connected, also if it is cancelled.
RENEWED: Final = 2
#: Revocations of one connection that disconnecting asks for at once; more wait for their turn.
_MOST_OWED: Final = 20
#: Why access is given up that connecting has brought, where it did not come to its end.
_UNFINISHED: Final = "connecting was not finished"


class ConnectForm(Form):
    """What a provider has sent the creator back with; its code is sealed, and useless after ten minutes."""

    consent: UUID = Field(description="The visit to the provider that it belongs to.")
    secret_code: str = Field(max_length=10_000, description="The code, sealed.")


def connect(work: Work[PlatformConnection, ConnectForm]) -> Steps:
    """Exchange the code for tokens, and read whose account they are for."""
    row, done = work.subject, work.done
    with _client(row) as client:
        if done == 0:
            yield Progress(1, _STEPS, f"Asking {client.provider.label}")
        if done < 2:
            _keep_first(work, _exchange(work, client.provider))
            yield Progress(2, _STEPS, f"{client.provider.label} gave access")
        if done < 3 and client.provider.exchange:
            tokens.store(row, client.lengthened(_tokens_of(row)))
            yield Progress(3, _STEPS, f"{client.provider.label} gave access for longer")
        profile = client.profile_of(_held(row).access)
    if known := _known(work.session, row, profile):
        if client.provider.revokes_all:
            tokens.forget(row)  # revoking them would end the other connection's access, too
            yield Progress(4, _STEPS, f"{profile.handle} is connected already")
        raise OnlyTheOwner(_known_sentence(row, profile, client.provider.label, known))
    _require(row, profile, client.provider)
    revocations.keep_parked(work.session, row)
    row.account_id, row.handle = profile.account_id, profile.handle
    work.session.flush()
    return {"platform": row.platform, "handle": profile.handle}


def refresh(work: Work[PlatformConnection, NoForm]) -> Steps:
    """Exchange the refresh token for new tokens; one that a provider has spent is never sent again."""
    row = work.subject
    if work.done < RENEWED:
        yield from _renew(work)
    # The line of this platform moves on by one, unless others have taken the place.
    room = room_for(work.session, row.platform, ending=1)
    for next_id in due_for_refresh(work.session, row.platform, min(room, 1)):
        work.request(KIND, next_id)
    return {"platform": row.platform, "valid_until": row.token_expires_at and row.token_expires_at.isoformat()}


def _renew(work: Work[PlatformConnection, NoForm]) -> Steps:
    row, label = work.subject, label_of(work.subject.platform)
    if row.withdrawn_at:
        raise OnlyTheOwner(withdrawn_sentence(row))
    held = _held(row)
    with _client(row) as client:
        if row.asked_at and client.provider.rotates and not client.is_active(held.refresh or ""):
            revocations.owe_tokens(work.session, row, "the answer with its successor was lost")
            row.withdrawn_at = clock.now()
            yield Progress(1, 2, f"{label} was asked, and its answer was lost")
            raise OnlyTheOwner(f"{label} gave new access, and its answer was lost on the way to us.")
        row.asked_at = row.asked_at or clock.now()
        yield Progress(1, 2, f"Asking {label}")
        try:
            new = client.refreshed(*held)
        except AccessEnded:
            row.withdrawn_at, row.asked_at = clock.now(), None
            yield Progress(1, 2, f"{label} withdrew access")
            raise OnlyTheOwner(withdrawn_sentence(row)) from None
        except TryAgain as problem:
            if problem.is_untouched:
                row.asked_at = None
                yield Progress(1, 2, f"{label} was asked, and was busy")
            raise
    tokens.store(row, new)
    yield Progress(RENEWED, 2, f"{label} gave new access")
    return None


def why_no_refresh(row: PlatformConnection) -> str:
    """Return why refreshing can only fail, and would say less than the failure before it; empty: it may help.

    One that its row calls connected is refreshed all the same: that failure tells its creator. See refreshing.py.
    """
    if row.connection_status != ConnectionStatus.FAILED or (row.access_token and not row.withdrawn_at):
        return ""
    nothing = f"There is no access to {label_of(row.platform)} to refresh."
    what = withdrawn_sentence(row) if row.withdrawn_at else nothing
    return f"{what} Only its creator can connect it again, on the page Connections."


def disconnect(work: Work[PlatformConnection, NoForm]) -> Steps:
    """Give the tokens up, then tell the provider; one that is away is told later, and keeps nobody connected."""
    row = work.subject
    if work.done == 0:
        _give_up(work, "the creator disconnected")
        yield Progress(1, 2, "Access given up")
    owed = revocations.due(work.session, _MOST_OWED, row.id)
    _end_reading(work.session)
    for each in owed:
        revocations.note(work.session, each, *revocations.ask(each))
        yield Progress(1, 2, f"{label_of(each.platform)} was told")
    return {"platform": row.platform, "still_owed": revocations.owed_of(work.session, row.id)}


def _exchange(work: Work[PlatformConnection, ConnectForm], provider: OAuthProvider) -> Tokens:
    """Present the code; a second time after an answer that was lost, by which the provider ends what it had brought."""
    consent = work.session.get(Consent, work.form.consent)
    if consent is None or consent.connection_id != work.subject.id:
        raise OnlyTheOwner(f"The visit to {provider.label} is too long ago.")
    verifier, back = tokens.unseal(consent.verifier), consent.return_address
    _end_reading(work.session)
    try:
        with ProviderClient(provider, back) as client:
            return client.tokens_for(tokens.unseal(work.form.secret_code), verifier)
    except AccessEnded:
        raise OnlyTheOwner(f"{provider.label} does not take this answer any more.") from None


def _end_reading(session: Session) -> None:
    """Let no transaction stay open while a provider answers; this one has only read.

    A rollback would let the session read the job anew, with the token of whoever holds it by then.
    """
    session.commit()


def _keep_first(work: Work[PlatformConnection, ConnectForm], new: Tokens) -> None:
    revocations.park_tokens(work.session, work.subject)
    tokens.store(work.subject, new)
    work.session.flush()


def _known(session: Session, row: PlatformConnection, profile: PlatformAccount) -> ConnectionStatus | None:
    """Return the state of another connection of the creator that is of this account; None: there is none."""
    same = select(PlatformConnection.connection_status).where(
        col(PlatformConnection.user_id) == row.user_id,
        col(PlatformConnection.platform) == row.platform,
        col(PlatformConnection.account_id) == profile.account_id,
        col(PlatformConnection.id) != row.id,
    )
    status: ConnectionStatus | None = session.exec(same).first()  # type: ignore[assignment] # as EnumText reads it
    return status


def _known_sentence(row: PlatformConnection, profile: PlatformAccount, label: str, known: ConnectionStatus) -> str:
    if known is ConnectionStatus.FAILED:
        return f"{profile.handle} at {label} has a connection here already: press Connect again beside that one."
    if not row.account_id or row.account_id == profile.account_id:
        return f"{profile.handle} at {label} is connected already."
    return f"{label} signed in {profile.handle}, who is connected already, and this connection is of {row.handle}."


def _require(row: PlatformConnection, profile: PlatformAccount, provider: OAuthProvider) -> None:
    """Require the account and the permissions that the connection is for."""
    if row.account_id and row.account_id != profile.account_id:
        raise OnlyTheOwner(f"{provider.label} signed in {profile.handle}, and this connection is of {row.handle}.")
    missing = set(provider.scopes) - set((row.scopes or " ".join(provider.scopes)).split())
    if missing:
        raise OnlyTheOwner(f"{provider.label} was not allowed to share: {', '.join(sorted(missing))}.")


@contextmanager
def _client(row: PlatformConnection) -> Iterator[ProviderClient]:
    provider = provider_of(row.platform)
    if provider is None:
        raise GiveUp(f"{label_of(row.platform)} is not set up here: set its client id and secret.")
    try:
        with ProviderClient(provider) as client:
            yield client
    except AccessEnded as error:
        raise OnlyTheOwner(str(error)) from None


def _held(row: PlatformConnection) -> tokens.HeldTokens:
    held = tokens.held_by(row)
    if held is None:
        raise OnlyTheOwner(f"There is no access to {label_of(row.platform)}.")
    return held


def _tokens_of(row: PlatformConnection) -> Tokens:
    held = _held(row)
    return Tokens(held.access, held.refresh, row.token_expires_at or clock.now(), tuple((row.scopes or "").split()))


def withdrawn_sentence(row: PlatformConnection) -> str:
    """Return what happened to a connection whose platform has ended its access."""
    at = (row.withdrawn_at or clock.now()).astimezone(UTC)
    return f"Access was withdrawn at {label_of(row.platform)}; we learned it on {at:%-d %b %Y}."


def undo_connect(work: Work[PlatformConnection, ConnectForm]) -> None:
    """Give up what connecting has brought, and the code if it may have brought more."""
    if work.done == 1 and (consent := work.session.get(Consent, work.form.consent)):
        revocations.owe_code(work.session, work.subject, work.form.secret_code, consent, _UNFINISHED)
    revocations.owe_tokens(work.session, work.subject, _UNFINISHED)
    work.subject.withdrawn_at = None  # of which account it is stays: only that one can be connected again
    work.session.flush()


def undo_refresh(work: Work[PlatformConnection, NoForm]) -> None:
    """Keep the tokens; unless they are new, try again later by the schedule."""
    if work.done < RENEWED:
        tokens.try_again_later(work.subject)
    work.session.flush()


def undo_disconnect(work: Work[PlatformConnection, NoForm]) -> None:
    """Give the tokens up: there is no way back."""
    _give_up(work, "the creator disconnected")


def _give_up(work: Work[PlatformConnection, FormT], reason: str) -> None:
    revocations.owe_tokens(work.session, work.subject, reason)
    work.subject.account_id = work.subject.withdrawn_at = None
    work.session.flush()
