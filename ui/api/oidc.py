"""Redirects to an organisation's own sign-in, and back."""

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from core.database.engine import session_scope
from core.errors import CodeNeeded, NotFound, NotSignedIn
from core.people import auth, oidc, oidc_people
from ui import access
from ui.api import auth as sign_in
from ui.public_limits import SharedAnswer

pages = APIRouter(include_in_schema=False)


#: One request to the provider for all who wait, in one thread: a slow provider must not stop the console.
_provider = SharedAnswer(oidc.discover, fresh=0)


@pages.get("/login/oidc")
async def begin(next: str = "/") -> Response:  # noqa: A002 - the parameter's public name
    """Send a person to their organisation's sign-in."""
    next_path = sign_in.own_path(next)
    if not oidc.is_set_up():
        raise NotFound("Sign-in with an organisation's account is not set up here.")
    try:
        await _provider.now()
        attempt, address = oidc.begin(next_path)
    except NotSignedIn as error:
        return sign_in.login_html(next_path, "", error.detail, status=502)
    answer = RedirectResponse(address, status_code=303)
    life = int(oidc_people.ATTEMPT_LIFE.total_seconds())
    # Lax, not strict: the provider's page, on another site, sends the browser back.
    answer.set_cookie(
        _cookie(),
        oidc_people.sealed(attempt),
        max_age=life,
        httponly=True,
        secure=sign_in.is_https(),
        samesite="lax",
    )
    return sign_in.never_kept(answer)


@pages.get(oidc.RETURN_PATH)
def come_back(request: Request, state: str = "", code: str = "", error: str = "") -> Response:
    """Sign in the person who returns from the organisation's sign-in."""
    if not oidc.is_set_up():
        raise NotFound("Sign-in with an organisation's account is not set up here.")
    try:
        answer = _signed_in(request, state, code, error)
    except NotSignedIn as refusal:
        answer = sign_in.login_html("/", "", refusal.detail, status=401)
    answer.delete_cookie(_cookie(), secure=sign_in.is_https())
    return sign_in.never_kept(answer)


def _signed_in(request: Request, state: str, code: str, error: str) -> Response:
    with session_scope(access.engine()) as session:  # used up, whatever the outcome
        attempt = oidc_people.opened(session, request.cookies.get(_cookie()) or "", state)
    if error or not code:
        raise NotSignedIn("Your organisation refused the sign-in. Try again, or sign in another way.")
    claims = oidc.claims_of(attempt, code)
    try:
        with session_scope(access.engine()) as session:
            user = oidc_people.person_of(session, claims)
            token = auth.sign_in_by_provider(session, user, sign_in.visitor(request))
    except CodeNeeded as owed:
        return sign_in.ask_for_code(owed, attempt.next)
    return sign_in.with_cookie(RedirectResponse(sign_in.own_path(attempt.next), status_code=303), token)


def _cookie() -> str:
    return "__Host-unstuck-oidc" if sign_in.is_https() else "unstuck_oidc"
