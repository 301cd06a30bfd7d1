"""The room of all open lists of jobs, which are sent each changed row."""

from typing import Any

from nicegui import Client, core

from core.errors import NotSignedIn
from core.models import Role
from core.people import auth
from ui import access, sockets

ROOM = "jobs"


@core.sio.on("jobs:join")  # type: ignore[untyped-decorator]
async def _join(sid: str, data: dict[str, Any]) -> bool:
    """Subscribe a grid to deltas, if its person may read jobs now."""
    client = Client.instances.get(str(data.get("client_id"))) if isinstance(data, dict) else None
    if not await sockets.within_limits(sid) or client is None or client.id not in core.sio.rooms(sid):
        return False
    try:
        # The socket's own cookie, not the page's: knowing a page's id must not be enough to receive its data.
        actor = await access.load(auth.authenticate, sockets.credentials_of(sid))
    except NotSignedIn:
        return False
    # A page without a person does not close when a session ends, so it must not subscribe.
    # And the page may have gone meanwhile.
    if actor.may(Role.VIEWER) and access.viewer_of(client) and core.sio.manager.is_connected(sid, "/"):
        await core.sio.enter_room(sid, ROOM)
        return True
    return False
