"""Sentences for creators about their connections."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from core.models import ConnectionStatus, PlatformConnection
from core.people.connections import ConnectionState, PlatformState
from ui.consent_outcome import Outcome

#: What a creator reads when they come back, and whether something went wrong; nothing where the card says it.
OUTCOMES: Final[Mapping[Outcome, tuple[str, bool]]] = {
    Outcome.REFUSED: ("You did not give access, so nothing was connected. Connect whenever you like.", False),
    Outcome.FAILED: (
        "The platform reported a problem instead of giving access. Please connect again in a few minutes.",
        True,
    ),
    Outcome.LATE: (
        "You were on the platform's page for more than ten minutes, so its answer no longer counts. "
        "Please connect again.",
        True,
    ),
    Outcome.UNKNOWN: (
        "This answer belongs to no visit that you began here, or it was used before. Nothing was changed. "
        "If you want to connect a platform, begin below.",
        True,
    ),
    Outcome.BUSY: ("This connection has changed in the meantime; below you see how it is now.", False),
    Outcome.BROKEN: (
        "The platform's answer was not complete, so nothing was connected. Please connect again; if it happens again, "
        "tell our support.",
        True,
    ),
    Outcome.SIGNED_OUT: (
        "You were signed out while you were on the platform's page, so its answer no longer counts. "
        "Please connect again.",
        True,
    ),
    Outcome.NOT_NOW: ("We could not take the platform's answer just now. Please connect again in a minute.", True),
}
#: The state of a platform beside its name.
NOT_CONNECTED: Final = "Not connected"
NOT_SET_UP: Final = "Not set up here"
#: The buttons of a platform without, with a failed, and with a connected account.
CONNECT: Final = "Connect"
CONNECT_AGAIN: Final = "Connect again"
CONNECT_ANOTHER: Final = "Connect another account"


def outcome_words(word: str) -> tuple[str, bool] | None:
    """Return what an outcome in the address means; None: nothing needs to be said, or it is no outcome."""
    return OUTCOMES.get(Outcome(word)) if word in list(Outcome) else None


def state_words_of(platform: PlatformState) -> str:
    """Return the state of a platform in a few words."""
    if not platform.is_set_up and not platform.connections:
        return NOT_SET_UP
    if not platform.connections:
        return NOT_CONNECTED
    every = len(platform.connections)
    number = sum(is_connected(each.connection) for each in platform.connections)
    if number < every:
        return f"{number} of {every} accounts connected" if number else ""
    return "Connected" if number == 1 else f"{number} accounts connected"


def is_connected(row: PlatformConnection) -> bool:
    """Tell whether there is access, also while it is renewed and where the last try to renew it has failed."""
    if row.connection_status == ConnectionStatus.FAILED:
        return bool(row.keeps_access)
    return row.connection_status in (ConnectionStatus.CONNECTED, ConnectionStatus.REFRESHING)


def request_words(platform: PlatformState) -> str:
    """Return what a creator reads whom a link of the support leads to a platform: which button to press now."""
    label, rows = platform.label, [each.connection for each in platform.connections]
    statuses = {ConnectionStatus.CONNECTED if is_connected(row) else row.connection_status for row in rows}
    asked = f"You were asked to connect {label}"
    if not platform.is_set_up:
        return f"{asked}, which is not set up here. Please tell our support."
    if not statuses:
        return f"{asked}: press {CONNECT}, and decide on {label}'s own page."
    if ConnectionStatus.FAILED in statuses:
        return f"{asked}: press {CONNECT_AGAIN}, and decide on {label}'s own page."
    if statuses == {ConnectionStatus.CONNECTED}:
        return f"{asked}, and it is connected. To add a second account, press {CONNECT_ANOTHER}."
    return f"{asked}. See below how it goes on."


def name_of(state: ConnectionState) -> str:
    """Return the account's name; a connection that was never made has none."""
    return state.connection.handle or "Your account"


#: Of each connection: its name, its status and its creator's sentence.
Seen = Mapping[UUID, tuple[str, ConnectionStatus, str]]


def seen_in(platforms: Sequence[PlatformState]) -> Seen:
    """Return what a creator sees of their connections, to compare it with what they saw before."""
    return {
        each.connection.id: (
            f"{each.connection.handle} at {platform.label}" if each.connection.handle else platform.label,
            each.connection.connection_status,
            each.diagnosis.customer,
        )
        for platform in platforms
        for each in platform.connections
    }


def news(before: Seen, now: Seen) -> list[str]:
    """Return what to announce: a connection that was made, or that ended; of one that failed, its card is an alert."""
    said = []
    for connection_id, (_, status, sentence) in now.items():
        was = before[connection_id][1] if connection_id in before else None
        if status == ConnectionStatus.CONNECTED and was == ConnectionStatus.CONNECTING:
            said.append(sentence)
    gone = [line for connection_id, line in before.items() if connection_id not in now]
    return said + [f"{name} is disconnected." for name, _, _ in gone]
