"""Shared by all routes: the caller's credentials, the gateway, and reads with a role check."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

from fastapi import Depends, Header, Request, Security
from fastapi.openapi.models import APIKey, APIKeyIn
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.base import SecurityBase
from sqlmodel import Session

from core.actor import Actor
from core.commands import gateway
from core.database.engine import snapshot_scope
from core.errors import NotPermitted, NotSignedIn
from core.models import Role
from core.people import auth, rate_limits
from core.people.auth import Credentials
from ui import access
from ui.api.unread import (
    KEY,
    SAFE,
    refuse_nul,
    refuse_repeated_parameters,
    refuse_unread_body,
    refuse_unread_key,
    refuse_unread_parameters,
)

P = ParamSpec("P")
T = TypeVar("T")


class SessionCookie(SecurityBase):
    """The session cookie as the API documentation shows it; its name depends on whether the site uses https."""

    scheme_name = "session"

    @property
    def model(self) -> APIKey:  # type: ignore[override] # a property, because settings are read late
        """The cookie as an OpenAPI security scheme."""
        scheme = {"in": APIKeyIn.cookie, "name": access.cookie_name()}
        return APIKey.model_validate({**scheme, "description": "Set by signing in; for the console's own pages."})

    async def __call__(self, request: Request) -> Credentials:
        """Return the credentials in the request's cookie."""
        return access.credentials_of(request, "api")


Cookie = Annotated[Credentials, Security(SessionCookie())]
Bearer = Annotated[
    HTTPAuthorizationCredentials | None,
    Security(HTTPBearer(scheme_name="token", description="A personal token, for scripts.", auto_error=False)),
]


def same_origin(request: Request) -> None:
    """Refuse a changing request with a cookie that another site's page sent. Raises NotPermitted."""
    if request.method not in SAFE and not _same_origin(request):
        raise NotPermitted("This request came from another site's page. Use the console, or a token.")


def credentials(request: Request, cookie: Cookie, bearer: Bearer) -> Credentials:
    """Return the request's credentials. Raises NotSignedIn if there are none, before it reads anything else.

    A personal token takes precedence over a cookie and needs no origin check: browsers never add one themselves.
    """
    if bearer and (token := bearer.credentials.strip()):
        _limit(token)
        return Credentials(None, "api", token)
    same_origin(request)
    if not cookie.token:
        raise NotSignedIn("You are not signed in. Sign in and try again.")
    _limit(cookie.token)
    return cookie


def _limit(token: str) -> None:
    """Count a request against the limit of its token, before any lookup."""
    rate_limits.check(rate_limits.REQUESTS, hashlib.sha256(token.encode()).hexdigest()[:32])


def _same_origin(request: Request) -> bool:
    """Return whether our own page or a program sent the request: browsers always send one of these headers."""
    site = request.headers.get("sec-fetch-site")
    if site not in (None, "none"):
        return site == "same-origin"
    origin = request.headers.get("origin")
    if origin is None:
        return site is None
    host = request.headers.get("host")
    return origin in (f"https://{host}", f"http://{host}")


SignedIn = Annotated[Credentials, Depends(credentials)]


async def caller_with_filter(request: Request, signed_in: SignedIn) -> Credentials:
    """Return the credentials for a route whose filter reads all parameters, and refuses unknown ones itself."""
    refuse_repeated_parameters(request)
    await refuse_unread_body(request)
    return signed_in


async def caller(request: Request, signed_in: SignedIn) -> Credentials:
    """Return the credentials, and refuse what the route does not read. Raises NotSignedIn or Invalid."""
    refuse_unread_parameters(request)
    refuse_repeated_parameters(request)
    refuse_nul(request)
    refuse_unread_key(request)
    await refuse_unread_body(request)
    return signed_in


Caller = Annotated[Credentials, Depends(caller)]
FilterCaller = Annotated[Credentials, Depends(caller_with_filter)]
Anyone = Annotated[None, Depends(same_origin)]
Key = Annotated[str | None, Header(alias=KEY, min_length=1, max_length=200)]


def read(
    caller: Credentials,
    role: Role,
    function: Callable[Concatenate[Session, Actor, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Run `function(session, actor, …)`, in a snapshot, for a person with at least `role`.

    Raises NotSignedIn or NotPermitted.
    """
    with snapshot_scope(access.engine()) as session:
        actor = auth.authenticate(session, caller)
        if not actor.may(role):
            raise NotPermitted(f"This needs the role {role}; you are {actor.role}.", role=role.value)
        return function(session, actor, *args, **kwargs)


def do(
    caller: Credentials,
    name: str,
    target: UUID | None,
    args: dict[str, Any] | None = None,
    *,
    reason: str | None = None,
    run_at: datetime | None = None,
    key: str | None = None,
) -> dict[str, Any]:
    """Run a command through the gateway and return its answer."""
    command_request = gateway.CommandRequest(
        name=name, target=target, args=args or {}, reason=reason, run_at=run_at, idempotency_key=key
    )
    return gateway.perform(access.engine(), caller, command_request)
