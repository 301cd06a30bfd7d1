"""Connections: operations that connect a creator's account on a platform, refresh its access, and end it.

Their work is in core/oauth/work.py.
"""

from core.models import ConnectionStatus, PlatformConnection, Role
from core.oauth import work
from core.operation import CancelOffer, FailureEffect, Machine, NoForm, Operation, Progress
from core.operations.connection_messages import tell_if_needed, tell_no_more

connection = Machine(
    PlatformConnection,
    "connection_status",
    failed=ConnectionStatus.FAILED,
    label="The connection",
    covers=lambda row: not row.is_demo,
    goes_on="keeps_access",
)

QUEUE = "connections"
_WAY = "Press Connect again on the page Connections."
#: Where a creator connects: what only they can do, they do there.
PAGE = "/settings/connections"


def _page_of(row: PlatformConnection) -> str:
    return f"{PAGE}?connect={row.platform}"


def _stop_connecting(_: Progress) -> CancelOffer:
    return CancelOffer(
        "Cancel", "This account is not connected then; access that the platform has given already is revoked."
    )


def _stop_refreshing(_: Progress) -> CancelOffer:
    return CancelOffer("Cancel", "Access stays as it is; it is refreshed again by itself within half an hour.")


def _stop_disconnecting(_: Progress) -> CancelOffer:
    return CancelOffer(
        "Disconnect now", "The access is deleted here at once; the platform is told as soon as it can be."
    )


def _failed_connecting(_: Progress) -> FailureEffect:
    kept = "Access that the platform has given already"
    return FailureEffect(f"{kept} is revoked.", f"{kept} was revoked or will be.")


def _failed_refreshing(_: Progress) -> FailureEffect:
    return FailureEffect(
        "Access that the platform has not ended is kept.", "Access that the platform has not ended was kept."
    )


def _failed_disconnecting(_: Progress) -> FailureEffect:
    kept = "The access is deleted here, and the platform"
    return FailureEffect(f"{kept} is told later.", f"{kept} will be told.")


connect = Operation(
    name="connection.connect",
    label="Connect",
    doing="Connecting…",
    machine=connection,
    source=frozenset({ConnectionStatus.DISCONNECTED, ConnectionStatus.FAILED}),
    during=ConnectionStatus.CONNECTING,
    target=ConnectionStatus.CONNECTED,
    cancelled_state=ConnectionStatus.DISCONNECTED,
    on_cancel=_stop_connecting,
    on_failure=_failed_connecting,
    form=work.ConnectForm,
    run=work.connect,
    undo=work.undo_connect,
    role=Role.SUPPORT,
    self_service=True,
    confirm=None,
    queue=QUEUE,
    owners_way=_WAY,
    owners_page=_page_of,
    needs_consent=True,
    on_end=tell_if_needed,
)

refresh = Operation(
    name="connection.refresh",
    label="Refresh access",
    doing="Refreshing access…",
    machine=connection,
    source=frozenset({ConnectionStatus.CONNECTED, ConnectionStatus.FAILED}),
    during=ConnectionStatus.REFRESHING,
    target=ConnectionStatus.CONNECTED,
    cancelled_state=ConnectionStatus.CONNECTED,
    returns_before=work.RENEWED,
    on_cancel=_stop_refreshing,
    on_failure=_failed_refreshing,
    form=NoForm,
    run=work.refresh,
    undo=work.undo_refresh,
    role=Role.SUPPORT,
    self_service=True,
    confirm=None,
    queue=QUEUE,
    max_attempts=5,
    owners_way=_WAY,
    owners_page=_page_of,
    on_end=tell_if_needed,
    refusal=work.why_no_refresh,
)

disconnect = Operation(
    name="connection.disconnect",
    label="Disconnect",
    doing="Disconnecting…",
    machine=connection,
    source=frozenset({ConnectionStatus.CONNECTED, ConnectionStatus.FAILED}),
    during=ConnectionStatus.DISCONNECTING,
    target=ConnectionStatus.DISCONNECTED,
    cancelled_state=ConnectionStatus.DISCONNECTED,
    on_cancel=_stop_disconnecting,
    on_failure=_failed_disconnecting,
    form=NoForm,
    run=work.disconnect,
    undo=work.undo_disconnect,
    role=Role.SUPPORT,
    self_service=True,
    confirm="Disconnect? Our access is deleted here, and the platform is told if it can be; data from there stays.",
    queue=QUEUE,
    owners_way=_WAY,
    owners_page=_page_of,
    on_end=tell_no_more,
)
