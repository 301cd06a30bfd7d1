"""A form comes from a page of ours: its token belongs to the browser that got the page."""

import hashlib
import hmac
import re
import secrets
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

_COOKIE: Final = "sandbox_visitor"


def visitor_of(request: Request) -> str:
    """Return the browser's own random text, or a new one."""
    known = request.cookies.get(_COOKIE, "")
    return known if re.fullmatch(r"[\w-]{43}", known) else secrets.token_urlsafe(32)


def remember(response: Response, visitor: str) -> None:
    """Give the browser its text."""
    response.set_cookie(_COOKIE, visitor, httponly=True, samesite="lax")


def form_token(secret: str, visitor: str) -> str:
    """Return the token of this browser's forms."""
    return hmac.new(secret.encode(), visitor.encode(), hashlib.sha256).hexdigest()


def is_own_form(secret: str, request: Request, token: str) -> bool:
    """Tell whether a form with this token was sent by the browser that got it."""
    visitor = request.cookies.get(_COOKIE, "")
    return bool(visitor) and hmac.compare_digest(form_token(secret, visitor).encode(), token.encode())
