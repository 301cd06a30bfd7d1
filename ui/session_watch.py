"""Open pages end with their session: a page that nobody may see any more loads itself anew, and hears nothing."""

from nicegui import Client, core

from core.people import auth
from ui import access

#: What a page is told at its end; the address it has then is where the person comes back to.
_LEAVE = {"code": "window.location.reload()", "request_id": None}


async def close_orphans() -> None:
    """Close every page whose session has ended, or whose person has another role by now. Called once a second."""
    pages = {client: actor for client in list(Client.instances.values()) if (actor := access.viewer_of(client))}
    sessions = {actor.session_id for actor in pages.values() if actor.session_id}
    if not sessions:
        return
    roles = await access.load(auth.roles_behind, sessions)
    for client, actor in pages.items():
        if actor.session_id and roles.get(actor.session_id) is not actor.role:
            await _close(client)


async def _close(client: Client) -> None:
    """End a page: its browser is told, its sockets are closed, what it showed is forgotten."""
    sockets = [sid for sid, _ in core.sio.manager.get_participants("/", client.id)]
    await core.sio.emit("run_javascript", _LEAVE, room=client.id)
    for sid in sockets:
        await core.sio.disconnect(sid)
    for document in list(client._delete_tasks):  # noqa: SLF001 - it would delete the page once more, a while later
        client._cancel_delete_task(document)  # noqa: SLF001
    if client.id in Client.instances:
        client.delete()
