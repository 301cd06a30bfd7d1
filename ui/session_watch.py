"""Open pages end with their session: such a page reloads itself and receives no more data."""

from nicegui import Client, core

from core.people import auth
from ui import access

#: Sent to a page at its end; after signing in again, the person returns to the same address.
_RELOAD = {"code": "window.location.reload()", "request_id": None}


#: Seconds within which a page's browser must connect: a page takes a megabyte, and programs that load pages never do.
CONNECT_SECONDS = 10.0


async def close_orphans() -> None:
    """Close every page that never connected, whose session ended, or whose person's role changed; once a second."""
    Client.prune_instances(client_age_threshold=CONNECT_SECONDS)
    pages = {client: actor for client in list(Client.instances.values()) if (actor := access.viewer_of(client))}
    sessions = {actor.session_id for actor in pages.values() if actor.session_id}
    if not sessions:
        return
    roles = await access.load(auth.roles_behind, sessions)
    for client, actor in pages.items():
        if actor.session_id and roles.get(actor.session_id) is not actor.role:
            await _close(client)


async def _close(client: Client) -> None:
    """End a page: reload its browser tab, close its sockets, delete its content."""
    sockets = [sid for sid, _ in core.sio.manager.get_participants("/", client.id)]
    await core.sio.emit("run_javascript", _RELOAD, room=client.id)
    for sid in sockets:
        await core.sio.disconnect(sid)
    for document in list(client._delete_tasks):  # noqa: SLF001 - these tasks would delete the page again later
        client._cancel_delete_task(document)  # noqa: SLF001
    if client.id in Client.instances:
        client.delete()
