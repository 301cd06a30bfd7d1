"""What a route does not read is refused: a `run_at` that is ignored would start at once what was planned.

Probes and the pages that a browser opens by an address are no part of this: balancers, mail programs and sign-in
providers add parameters of their own, and nothing is changed there.
"""

from collections.abc import Iterator
from typing import Final

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from core.errors import Invalid
from core.wording import shortened

#: Bodies that say nothing; programs send one with every POST.
_NOTHING: Final = frozenset({b"", b"{}", b"null"})
#: Names a request that is to act once, however often it is sent.
KEY: Final = "Idempotency-Key"
#: Verbs that change nothing.
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def refuse_unread_parameters(request: Request) -> None:
    """Refuse parameters that the route does not declare. Raises Invalid, naming those that it reads."""
    known = declared_parameters(request)
    says = f"unknown parameter; this address reads {', '.join(known) or 'none'}"
    if fields := {shortened(name): says for name in request.query_params if name not in known}:
        raise Invalid("; ".join(f"{name}: {message}" for name, message in fields.items()) + ".", fields)


def refuse_repeated_parameters(request: Request) -> None:
    """Refuse a declared parameter that is there twice: only its last value would be read. Raises Invalid."""
    says = "give it once"
    twice = [name for name in declared_parameters(request) if len(request.query_params.getlist(name)) > 1]
    if fields := dict.fromkeys(twice, says):
        raise Invalid("; ".join(f"{name}: {says}" for name in fields) + ".", fields)


def refuse_nul(request: Request) -> None:
    """Refuse a character that PostgreSQL stores nowhere, so that nothing has it. Raises Invalid."""
    says = "leave out the NUL character"
    if fields := {name: says for name, value in request.query_params.multi_items() if "\x00" in value}:
        raise Invalid("; ".join(f"{name}: {says}" for name in fields) + ".", fields)


def declared_parameters(request: Request) -> list[str]:
    """Return the names of the parameters that the route declares; on a list with filters, all others are filters."""
    return list(_query_parameters(_route(request).dependant))


def _query_parameters(dependant: Dependant) -> Iterator[str]:
    yield from (each.alias for each in dependant.query_params)
    for each in dependant.dependencies:
        yield from _query_parameters(each)


def refuse_unread_key(request: Request) -> None:
    """Refuse the key of a request that is to act once, where the route keeps none. Raises Invalid.

    An answer that is shown once, such as a token, is not kept for a second request.
    """
    is_unread = KEY not in {each.alias for each in _route(request).dependant.header_params}
    if request.method not in SAFE and KEY in request.headers and is_unread:
        says = f"this address keeps no {KEY}: leave it out, and look what has become of a request before you repeat it."
        raise Invalid(f"{KEY}: {says}", {KEY: says})
    if len(request.headers.getlist(KEY)) > 1:
        raise Invalid(f"{KEY}: send one, not several.", {KEY: "send one, not several"})


async def refuse_unread_form(request: Request) -> None:
    """Refuse what the form of a page does not read: parameters, fields, a key. Raises Invalid, without any value."""
    refuse_unread_parameters(request)
    refuse_unread_key(request)
    known = [each.alias for each in _route(request).dependant.body_params]
    says = f"unknown field; this address reads {', '.join(known) or 'none'}"
    if fields := {shortened(name): says for name in await request.form() if name not in known}:
        raise Invalid("; ".join(f"{name}: {message}" for name, message in fields.items()) + ".", fields)


async def refuse_unread_body(request: Request) -> None:
    """Refuse a body where the route reads none. Raises Invalid."""
    if _route(request).body_field is None and (await request.body()).strip() not in _NOTHING:
        raise Invalid("This address reads no body: send none.", {"body": "Send none."})


def _route(request: Request) -> APIRoute:
    route = request.scope["route"]
    assert isinstance(route, APIRoute), "only routes of the API depend on this"
    return route
