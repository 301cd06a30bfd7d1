"""Signing in and out, by JSON and by the plain sign-in page; who am I."""

import contextlib
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader
from pydantic import BaseModel, Field

from core.actor import Actor
from core.database.engine import session_scope
from core.errors import CodeNeeded, NotSignedIn, TooMany
from core.models import Role
from core.people import auth, oidc, passwords
from core.people.auth import Visitor
from core.settings import settings
from ui import access
from ui.api.deps import Anyone, Who, do, read

AnswerT = TypeVar("AnswerT", bound=Response)

router = APIRouter(tags=["sign-in"])
pages = APIRouter(include_in_schema=False)

_templates = Environment(loader=FileSystemLoader(Path(__file__).parent.parent / "pages"), autoescape=True)


class Login(BaseModel):
    """E-mail and password, and the code of who has a second factor."""

    email: str = Field(max_length=320)
    password: str = Field(max_length=1000)
    code: str | None = Field(default=None, max_length=40, description="From the phone, or a recovery code.")


@router.post("/api/auth/login")
def login(body: Login, request: Request, _: Anyone) -> JSONResponse:
    """Sign in; the answer sets the session cookie."""
    token = auth.sign_in(access.engine(), body.email, body.password, visitor(request), "api", code=body.code)
    return with_cookie(JSONResponse({"signed_in": True}), token)


@router.post("/api/auth/logout")
def logout(who: Who) -> JSONResponse:
    """End the session."""
    read(who, Role.MEMBER, auth.sign_out)
    answer = JSONResponse({"signed_in": False})
    answer.delete_cookie(access.cookie_name(), secure=is_https())
    return answer


@router.get("/api/me")
def me(who: Who) -> dict[str, Any]:
    """Return the signed-in person."""
    actor: Actor = read(who, Role.MEMBER, lambda _, actor: actor)
    return {"id": str(actor.id), "email": actor.name, "role": actor.role.value}


@router.post("/api/me/password")
def change_password(body: passwords.PasswordForm, who: Who) -> dict[str, Any]:
    """Give the signed-in person a new password; their other sessions end."""
    return do(who, "password.change", None, body.model_dump())


@pages.get("/login")
def login_page(request: Request, next: str = "/") -> Response:  # noqa: A002 - the parameter's public name
    """Show the sign-in page, or go on when somebody is signed in already."""
    try:
        read(access.credentials_of(request, "console"), Role.MEMBER, lambda _, actor: actor)
    except NotSignedIn:
        return login_html(next, "")
    return RedirectResponse(own_path(next), status_code=303)


@pages.post("/login")
def login_form(
    request: Request,
    _: Anyone,
    email: Annotated[str, Form(max_length=320)] = "",
    password: Annotated[str, Form(max_length=1000)] = "",
    next: Annotated[str, Form(max_length=2000)] = "/",  # noqa: A002 - the field's public name
) -> Response:
    """Sign in from the page, and go where the person wanted to."""
    try:
        token = auth.sign_in(access.engine(), email, password, visitor(request), "console")
    except CodeNeeded as owed:
        return ask_for_code(owed, next)
    except (NotSignedIn, TooMany) as error:
        return _not_in(next, email, error)
    return with_cookie(RedirectResponse(own_path(next), status_code=303), token)


def _not_in(wanted: str, email: str, error: NotSignedIn | TooMany) -> HTMLResponse:
    answer = login_html(wanted, email, error.detail, status=error.status)
    if isinstance(error, TooMany):
        answer.headers["Retry-After"] = str(error.retry_after)
    return answer


@pages.get("/login/code")
def code_page(next: str = "/") -> Response:  # noqa: A002 - the parameter's public name
    """Ask who has proved one factor for the other."""
    return _code_html(next)


@pages.post("/login/code")
def code_form(
    request: Request,
    _: Anyone,
    code: Annotated[str, Form(max_length=40)] = "",
    next: Annotated[str, Form(max_length=2000)] = "/",  # noqa: A002 - the field's public name
) -> Response:
    """Complete a sign-in by the code, and go where the person wanted to."""
    pending = request.cookies.get(_pending_cookie()) or ""
    try:
        token = auth.sign_in_by_code(access.engine(), pending, code, visitor(request))
    except (CodeNeeded, TooMany) as error:
        return _code_html(next, error.detail, status=error.status)
    except NotSignedIn as error:
        return login_html(next, "", error.detail, status=401)
    answer = with_cookie(RedirectResponse(own_path(next), status_code=303), token)
    answer.delete_cookie(_pending_cookie(), secure=is_https())
    return answer


@pages.get("/login/{token}")
def link_page(token: str) -> Response:
    """Show whom a one-time sign-in link is for; only the form's POST uses it up."""
    try:
        with session_scope(access.engine()) as session:
            email = auth.person_of_link(session, token).email
    except NotSignedIn as error:
        return login_html("/", "", error.detail, status=401)
    return never_kept(HTMLResponse(_templates.get_template("link.html").render(email=email)))


@pages.post("/login/{token}")
def login_by_link(token: str, request: Request, _: Anyone) -> Response:
    """Use a one-time sign-in link."""
    try:
        session_token, owed = _sign_in_by_link(token, visitor(request))
        if owed:
            return ask_for_code(owed, "/")
    except NotSignedIn as error:
        return login_html("/", "", error.detail, status=401)
    return with_cookie(RedirectResponse("/", status_code=303), session_token)


def _sign_in_by_link(token: str, comes_from: Visitor) -> tuple[str, CodeNeeded | None]:
    """Use a link up even when a code is still owed: it has done its part."""
    with session_scope(access.engine()) as session:
        try:
            return auth.sign_in_by_link(session, token, comes_from), None
        except CodeNeeded as owed:
            return "", owed


@pages.post("/logout")
def logout_form(request: Request, _: Anyone) -> Response:
    """End the session from a page, and show the sign-in page."""
    with contextlib.suppress(NotSignedIn):
        read(access.credentials_of(request, "console"), Role.MEMBER, auth.sign_out)
    answer = RedirectResponse("/login", status_code=303)
    answer.delete_cookie(access.cookie_name(), secure=is_https())
    return answer


def own_path(wanted: str) -> str:
    """Return a path of this site to go on to: anything else, such as //other.example, becomes the start page."""
    try:
        parts = urlsplit(wanted)
    except ValueError:  # such as http://[
        return "/"
    local = not parts.scheme and not parts.netloc and wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    printable = wanted.isprintable() and "\\" not in wanted
    return quote(wanted, safe="/?&=%:@,+~#-._") if local and printable and parts.path != "/login" else "/"


def login_html(wanted: str, email: str, error: str = "", status: int = 200) -> HTMLResponse:
    """Return the sign-in page, with what went wrong before."""
    other = f"/login/oidc?next={quote(own_path(wanted))}" if oidc.is_set_up() else None
    page = _templates.get_template("login.html")
    text = page.render(next=own_path(wanted), email=email, error=error, provider=other)
    return HTMLResponse(text, status_code=status)


def ask_for_code(owed: CodeNeeded, wanted: str) -> Response:
    """Send who owes a code to the page that asks for it, with proof of the first factor."""
    with session_scope(access.engine()) as session:
        pending = auth.pend(session, owed.user_id)
    answer = RedirectResponse(f"/login/code?next={quote(own_path(wanted))}", status_code=303)
    life = int(auth.PENDING_LIFE.total_seconds())
    answer.set_cookie(_pending_cookie(), pending, max_age=life, httponly=True, secure=is_https(), samesite="strict")
    return answer


def _pending_cookie() -> str:
    return "__Host-unstuck-code" if is_https() else "unstuck_code"


def is_https() -> bool:
    """Tell whether people come by https."""
    return (settings().public_url or "").startswith("https://")


def _code_html(wanted: str, error: str = "", status: int = 200) -> HTMLResponse:
    text = _templates.get_template("code.html").render(next=own_path(wanted), error=error)
    return never_kept(HTMLResponse(text, status_code=status))


def never_kept(answer: AnswerT) -> AnswerT:
    """Return an answer that no cache keeps."""
    answer.headers["Cache-Control"] = "no-store"
    return answer


def visitor(request: Request) -> Visitor:
    """Return where a request comes from."""
    return Visitor(request.headers.get("user-agent", ""), request.client.host if request.client else "")


def with_cookie(answer: AnswerT, token: str) -> AnswerT:
    """Return an answer that brings a session to the browser."""
    answer.set_cookie(
        access.cookie_name(),
        token,
        max_age=int(settings().session_hours * 3600),
        httponly=True,
        secure=is_https(),
        samesite="lax",
        path="/",
    )
    return answer
