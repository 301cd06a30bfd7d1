"""What routes share: who asks, the gateway, and running database work in threads."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

from fastapi import Depends, Header, Request
from sqlmodel import Session

from core import auth, command, limits
from core.actor import Actor
from core.auth import Credentials
from core.db import session_scope
from core.errors import NotPermitted, NotSignedIn
from core.models import Role
from ui import access

P = ParamSpec("P")
T = TypeVar("T")

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def same_origin(request: Request) -> None:
    """Refuse an unsafe request with a cookie that another site's page sent. Raises NotPermitted."""
    if request.method not in SAFE and not _same_origin(request):
        raise NotPermitted("This request came from another site's page. Use the console itself, or a token.")


def credentials(request: Request) -> Credentials:
    """Return the request's proof of who it is. Raises NotSignedIn when there is none, before anything else is read."""
    if bearer := _bearer(request):
        _limit(bearer)
        return Credentials(None, "api", bearer)
    same_origin(request)
    found = access.credentials_of(request, "api")
    if not found.token:
        raise NotSignedIn("You are not signed in. Sign in and try again.")
    _limit(found.token)
    return found


def _limit(token: str) -> None:
    """Count a request for whoever it says it comes from, before anything is looked up."""
    limits.check(limits.REQUESTS, hashlib.sha256(token.encode()).hexdigest()[:32])


def _bearer(request: Request) -> str | None:
    """Return the personal token of a request; no browser sends one by itself, so it needs no other proof of origin."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def _same_origin(request: Request) -> bool:
    """Tell whether one of our own pages sent it, or no page at all: a browser always says one of the two with these."""
    site = request.headers.get("sec-fetch-site")
    if site not in (None, "none"):
        return site == "same-origin"
    origin = request.headers.get("origin")
    if origin is None:
        return site is None
    host = request.headers.get("host")
    return origin in (f"https://{host}", f"http://{host}")


Who = Annotated[Credentials, Depends(credentials)]
Anyone = Annotated[None, Depends(same_origin)]
Key = Annotated[str | None, Header(alias="Idempotency-Key", max_length=200)]


def read(
    who: Credentials,
    role: Role,
    function: Callable[Concatenate[Session, Actor, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Run `function(session, actor, …)` for a person who has at least `role`. Raises NotSignedIn or NotPermitted."""
    with session_scope(access.engine()) as session:
        actor = auth.authenticate(session, who)
        if not actor.may(role):
            raise NotPermitted(f"This needs the role {role}; you are {actor.role}.", role=role.value)
        return function(session, actor, *args, **kwargs)


def do(
    who: Credentials,
    name: str,
    target: UUID | None,
    args: dict[str, Any] | None = None,
    *,
    reason: str | None = None,
    run_at: datetime | None = None,
    key: str | None = None,
) -> dict[str, Any]:
    """Do one thing through the gateway and return its answer."""
    asked = command.Asked(name=name, target=target, args=args or {}, reason=reason, run_at=run_at, idempotency_key=key)
    return command.perform(access.engine(), who, asked)
