"""A connection at rest: does it hold what its state says, and until when?"""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, select

from core import clock
from core.diagnosis.answer import Explanation, Remedy
from core.diagnosis.context import JobContext, name_of
from core.diagnosis.rest import RowFamily, same_again
from core.jobs.failure_words import error_of
from core.models import ConnectionStatus, PlatformConnection
from core.oauth.providers import label_of, provider_of
from core.operations.connection import disconnect, refresh
from core.wording import spoken


@dataclass(frozen=True, slots=True)
class ConnectionData:
    """The database's time."""

    now: datetime


def _load(session: Session, _: PlatformConnection, __: JobContext | None) -> ConnectionData:
    return ConnectionData(session.exec(select(clock.db_now())).one())


def _damage(row: PlatformConnection, context: JobContext | None, data: ConnectionData | None) -> Explanation | None:
    if data is None or row.connection_status is not ConnectionStatus.CONNECTED:
        return None
    if context and not row.access_token:
        return _without_token(row)
    if row.token_expires_at and row.token_expires_at <= data.now:
        return _expired(row, data)
    return None


def _without_token(row: PlatformConnection) -> Explanation:
    label = label_of(row.platform)
    return Explanation(
        f"{label} is connected, but its access is gone: someone deleted it in the database.",
        f"{label} has to be connected again because of a fault on our side: disconnect it, then press Connect.",
        (),
        Remedy(disconnect.name, row.id, disconnect.label, "The customer can connect again then."),
    )


def _expired(row: PlatformConnection, data: ConnectionData) -> Explanation:
    """Explain access that has ended before it was refreshed."""
    label, ago = label_of(row.platform), spoken(data.now - (row.token_expires_at or data.now))
    sentence = f"{label} is connected, but its access ended {ago} ago and was not refreshed."
    if provider_of(row.platform) is None:
        return Explanation(
            f"{sentence} {label} is not set up here.",
            f"{label} is connected, and cannot be reached from here at the moment.",
            ("Its client id and secret are not set.",),
            for_admins=f"{label} is not set up: its connections cannot be refreshed.",
        )
    if row.refresh_at is None:
        return Explanation(
            f"{sentence} The program does not refresh it by itself.",
            f"Our access to {label} has ended. Disconnect it, then press Connect.",
            ("Only the customer can connect it again.",),
            Remedy(disconnect.name, row.id, disconnect.label, "The customer can connect again then."),
        )
    when = _next(row.refresh_at, data)
    remedy = Remedy(refresh.name, row.id, refresh.label, f"Asks {label} now for new access.")
    return Explanation(
        sentence, f"Our access to {label} is renewed soon, by itself; there is nothing you have to do.", (when,), remedy
    )


def _next(refresh_at: datetime, data: ConnectionData) -> str:
    wait = refresh_at - data.now
    return f"It is refreshed in {spoken(wait)}." if wait.total_seconds() > 0 else "It is due to be refreshed."


def _at_rest(row: PlatformConnection, context: JobContext | None) -> Explanation:
    label = label_of(row.platform)
    latest = (f"Latest job of this connection: {name_of(context)} {context.end}.",) if context else ()
    again = same_again(context, row.connection_status) if context else ()
    if row.connection_status is ConnectionStatus.CONNECTED:
        who = f" as {row.handle}" if row.handle else ""
        return Explanation(f"{label} is connected{who}.", f"{label} is connected{who}.", latest, others=again)
    return Explanation(f"{label} is disconnected.", f"{label} is disconnected.", latest, others=again)


def _goes_on(row: PlatformConnection, context: JobContext | None) -> Explanation:
    """Explain a refresh that failed while access lasts: the program tries again by itself."""
    label, now = label_of(row.platform), context.now if context else clock.now()
    lasts, wait = spoken((row.token_expires_at or now) - now), (row.refresh_at or now) - now
    again = f"is tried again in {spoken(wait)}" if wait.total_seconds() > 0 else "is due to be tried again"
    failed = f": {name_of(context)} {context.end}: {error_of(context.job)}" if context else "."
    return Explanation(
        f"{label} is connected; the last refresh failed{failed}".rstrip(".")
        + f". Access lasts for {lasts}, and it {again}.",
        f"{label} is connected. We could not renew our access just now, and try again by ourselves; until then, the "
        "present access lasts. There is nothing you have to do.",
        ("Nobody has to do anything while access lasts.",),
        others=(Remedy(refresh.name, row.id, refresh.label, f"Asks {label} now instead of later."),),
    )


connection_family = RowFamily(load=_load, damage=_damage, at_rest=_at_rest, again=same_again, goes_on=_goes_on)
