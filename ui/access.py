"""Access to pages: who is signed in, reads with a role check, and commands through the one gateway."""

import asyncio
import inspect
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import quote
from uuid import UUID

from nicegui import Client, app, context
from nicegui import ui as nicegui_ui
from sqlalchemy import Engine
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from core.actor import Actor
from core.commands import gateway
from core.database.engine import snapshot_scope
from core.errors import NotPermitted, NotSignedIn
from core.models import Role
from core.people import auth
from core.people.auth import Credentials
from core.settings import settings
from ui import error_page

P = ParamSpec("P")
T = TypeVar("T")

#: Where a request keeps the person whom AuthMiddleware has authenticated.
_ACTOR = "unstuck.actor"
#: In a page's storage: the customer whose page staff only look at.
_LOOKED_AT = "looked_at"
#: In a page's storage: the request that is being answered has authenticated the person.
_JUST_CHECKED = "just_checked"

#: Seconds in which a busy console or database may draw a page; NiceGUI would show an error after three.
PATIENCE = 30.0
#: Pages of one session whose browsers have not connected yet; people open a few at once.
MOST_UNCONNECTED = 20

_engines: list[Engine] = []


def cookie_name() -> str:
    """Return the session cookie's name; with https, `__Host-` ties it to this host."""
    return "__Host-unstuck" if (settings().public_url or "").startswith("https://") else "unstuck_session"


def use(engine: Engine) -> None:
    """Set the engine that pages and routes use."""
    _engines[:] = [engine]


def engine() -> Engine:
    """Return the engine that pages and routes use."""
    return _engines[0]


def credentials_of(request: Request, via: str) -> Credentials:
    """Return the credentials in a request's session cookie, if there is one."""
    return Credentials(request.cookies.get(cookie_name()), via)


async def load(function: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `function(session, …)`, which only reads, in a thread and its own snapshot, and return its result."""

    def in_snapshot() -> T:
        with snapshot_scope(engine()) as session:
            return function(session, *args, **kwargs)

    return await asyncio.to_thread(in_snapshot)


async def load_for(role: Role, function: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Like `load`, but check that the person has at least `role` now, not only when the page was opened.

    Raises NotSignedIn or NotPermitted.
    """
    credentials: Credentials = app.storage.client["credentials"]

    def guarded(session: Session) -> T:
        actor = auth.authenticate(session, credentials)
        if not actor.may(role):
            raise NotPermitted(f"This needs the role {role}; you are {actor.role}.", role=role.value)
        return function(session, *args, **kwargs)

    return await load(guarded)


def only_for(role: Role, draw: Callable[..., Any]) -> Callable[..., Any]:
    """Return a version of `draw` that first checks the person's role. It raises what `load_for` raises.

    The page that a request asks for needs no second check: the request has just authenticated the person.
    """

    @wraps(draw)
    async def checked(*args: Any, **kwargs: Any) -> None:
        just_checked = app.storage.client.pop(_JUST_CHECKED, False)
        if not (just_checked and me().may(role)):
            await load_for(role, lambda _: None)
        result = draw(*args, **kwargs)
        if inspect.isawaitable(result):
            await result

    return checked


def me() -> Actor:
    """Return the person who opened this page."""
    actor: Actor = app.storage.client["actor"]
    return actor


def whose() -> UUID:
    """Return whose own page this is: of who opened it, or of the customer whom staff view it as."""
    owner: UUID | None = app.storage.client.get(_LOOKED_AT) or me().id
    assert owner is not None, "pages are opened by people"
    return owner


def only_look_at(user_id: UUID) -> None:
    """Let this page be that customer's own, and refuse all commands in it."""
    app.storage.client[_LOOKED_AT] = user_id


def viewer_of(client: Client) -> Actor | None:
    """Return the person who opened a page, or None for pages without a person."""
    actor: Actor | None = client.storage.get("actor")
    return actor


async def perform(
    name: str,
    target: UUID | None,
    args: Mapping[str, Any] | None = None,
    *,
    reason: str | None = None,
    run_at: datetime | None = None,
) -> dict[str, Any]:
    """Run a command through the gateway, with this page's credentials, checked now.

    Returns the command's answer. Raises Refused, with a text for the person.
    """
    answer: dict[str, Any] = await _run(gateway.perform, name, target, args, reason=reason, run_at=run_at)
    return answer


async def perform_undoable(
    name: str, target: UUID | None, args: Mapping[str, Any] | None = None, *, reason: str | None = None
) -> tuple[dict[str, Any], int | None]:
    """Like `perform`; also return the audit log's entry by which this person takes it back, if there is one."""
    done: tuple[dict[str, Any], int | None] = await _run(gateway.perform_undoable, name, target, args, reason=reason)
    return done


async def _run(
    act: Callable[..., Any],
    name: str,
    target: UUID | None,
    args: Mapping[str, Any] | None,
    *,
    reason: str | None,
    run_at: datetime | None = None,
) -> Any:
    if _LOOKED_AT in app.storage.client:
        raise NotPermitted("This is the customer's page, which you only view: nothing can be changed here.")
    command_request = gateway.CommandRequest(name=name, target=target, args=args or {}, reason=reason, run_at=run_at)
    credentials: Credentials = app.storage.client["credentials"]
    return await asyncio.to_thread(act, engine(), credentials, command_request)


def page(path: str, *, role: Role = Role.MEMBER, title: str = "Unstuck") -> Callable[[Callable[..., Any]], Any]:
    """Declare a page for people with at least `role`; others go to the sign-in page or read which role they need."""

    def declare(draw: Callable[..., Any]) -> Any:
        @wraps(draw)
        async def guarded(*args: Any, **kwargs: Any) -> Response | None:
            client = context.client
            actor = await identify(client)
            if isinstance(actor, Response):
                return actor
            if not actor.may(role):
                return error_page.forbidden(actor, role)
            app.storage.client.update(actor=actor, credentials=credentials_of(client.request, "console"))
            _make_room(actor.session_id)
            client.storage[_JUST_CHECKED] = True
            try:
                answer = draw(*args, **kwargs)
                result: Response | None = await answer if inspect.isawaitable(answer) else answer
            finally:
                client.storage.pop(_JUST_CHECKED, None)
            return result

        return nicegui_ui.page(path, title=title, response_timeout=PATIENCE)(guarded)

    return declare


def _make_room(session_id: UUID | None) -> None:
    """Delete the oldest pages of a session whose browser has not connected yet, if there are too many."""
    waiting = [client for client in list(Client.instances.values()) if _is_unconnected(client, session_id)]
    for client in waiting[:-MOST_UNCONNECTED]:
        client.delete()


def _is_unconnected(client: Client, session_id: UUID | None) -> bool:
    actor = viewer_of(client)
    is_waiting = not client.has_socket_connection and not client._delete_tasks  # noqa: SLF001 - these connected once
    return is_waiting and actor is not None and actor.session_id == session_id


def note_actor(request: Request, actor: Actor) -> None:
    """Keep the person behind a request until it is answered, so that its page does not authenticate them again."""
    request.scope[_ACTOR] = actor


async def identify(client: Client) -> Actor | Response:
    """Return the person behind a page's request, or a redirect to the sign-in page."""
    request = client.request
    if isinstance(known := request.scope.get(_ACTOR), Actor):
        return known
    try:
        return await load(auth.authenticate, credentials_of(request, "console"))
    except NotSignedIn:
        return to_sign_in(request)


def to_sign_in(request: Request) -> RedirectResponse:
    """Return a redirect to the sign-in page that leads back to the requested page."""
    return RedirectResponse(f"/login?next={quote(address_of(request))}", status_code=303)


def address_of(request: Request) -> str:
    """Return the path and query of a request."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")
