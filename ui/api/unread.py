"""What a route does not read is refused: a `run_at` that is ignored would start at once what was planned."""

from typing import Final

from fastapi import Request
from fastapi.routing import APIRoute

from core.errors import Invalid
from core.wording import shortened

#: Bodies that say nothing; programs send one with every POST.
_NOTHING: Final = frozenset({b"", b"{}", b"null"})


def refuse_unread_parameters(request: Request) -> None:
    """Refuse parameters that the route does not declare. Raises Invalid, naming those that it reads."""
    known = declared_parameters(request)
    says = f"unknown parameter; this address reads {', '.join(known) or 'none'}"
    if fields := {shortened(name): says for name in request.query_params if name not in known}:
        raise Invalid("; ".join(f"{name}: {message}" for name, message in fields.items()) + ".", fields)


def declared_parameters(request: Request) -> list[str]:
    """Return the names of the parameters that the route declares; on a list with filters, all others are filters."""
    return [each.alias for each in _route(request).dependant.query_params]


async def refuse_unread_body(request: Request) -> None:
    """Refuse a body where the route reads none. Raises Invalid."""
    if _route(request).body_field is None and (await request.body()).strip() not in _NOTHING:
        raise Invalid("This address reads no body: send none.", {"body": "Send none."})


def _route(request: Request) -> APIRoute:
    route = request.scope["route"]
    assert isinstance(route, APIRoute), "only routes of the API depend on this"
    return route
