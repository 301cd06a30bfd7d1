"""The room of all open lists of jobs, which are sent each changed row."""

import math
import time
from typing import Any

from nicegui import Client, core

from core.errors import NotSignedIn
from core.models import Role
from core.people import auth
from ui import access, sockets

ROOM = "jobs"


#: Milliseconds that an answer may have been under way when its age began.
SLACK = 1_000.0
#: When rows were sent to the room last, by the monotonic clock.
_sent_at = -math.inf


def note_sent() -> None:
    """Note that changed rows are being sent to the room."""
    global _sent_at
    _sent_at = time.monotonic()


def changed_within(age: object) -> bool:
    """Return whether rows were sent since a grid asked for its own, `age` milliseconds ago, outside of the room."""
    if not isinstance(age, int | float):
        return False  # it is no first join
    return (time.monotonic() - _sent_at) * 1000 <= age + SLACK


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
        if changed_within(data.get("age")):
            await core.sio.emit("jobs:delta", {"rows": [], "reload": True}, to=sid)
        return True
    return False
