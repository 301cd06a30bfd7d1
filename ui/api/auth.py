"""Signing in and out, through the API and the plain sign-in pages; the current person."""

import contextlib
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader
from pydantic import BaseModel, ConfigDict, Field

from core.actor import Actor
from core.database.engine import session_scope
from core.errors import CodeNeeded, NotSignedIn, TooMany
from core.models import Role
from core.people import auth, oidc, passwords
from core.people.auth import Credentials, Visitor
from core.settings import settings
from ui import access
from ui.api.deps import Anyone, Caller, do, read
from ui.api.unread import refuse_unread_form, refuse_unread_key, refuse_unread_parameters

AnswerT = TypeVar("AnswerT", bound=Response)

router = APIRouter(tags=["sign-in"])
pages = APIRouter(include_in_schema=False)

#: A form that ignores what it is sent would also take a password from the address, which logs keep.
_READS_ALL = [Depends(refuse_unread_form)]
_templates = Environment(loader=FileSystemLoader(Path(__file__).parent.parent / "pages"), autoescape=True)


class Login(BaseModel):
    """E-mail and password, and the code if a second factor is on."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    email: str = Field(max_length=320)
    password: str = Field(max_length=1000)
    code: str | None = Field(default=None, max_length=40, description="The code from the phone, or a recovery code.")


@router.post("/api/auth/login", dependencies=[Depends(refuse_unread_parameters), Depends(refuse_unread_key)])
def login(body: Login, request: Request, _: Anyone) -> JSONResponse:
    """Sign in; the response sets the session cookie."""
    token = auth.sign_in(access.engine(), body.email, body.password, visitor(request), "api", code=body.code)
    return with_cookie(JSONResponse({"signed_in": True}), token)


@router.post("/api/auth/logout")
def logout(caller: Caller) -> JSONResponse:
    """Sign out and end the session."""
    _sign_out(caller)
    answer = JSONResponse({"signed_in": False})
    answer.delete_cookie(access.cookie_name(), secure=is_https())
    return answer


def _sign_out(caller: Credentials) -> None:
    with session_scope(access.engine()) as session:
        auth.sign_out(session, auth.authenticate(session, caller))


@router.get("/api/me")
def me(caller: Caller) -> dict[str, Any]:
    """Return the signed-in person."""
    actor: Actor = read(caller, Role.MEMBER, lambda _, actor: actor)
    return {"id": str(actor.id), "email": actor.name, "role": actor.role.value}


@router.post("/api/me/password")
def change_password(body: passwords.PasswordForm, caller: Caller) -> dict[str, Any]:
    """Change your password; your other sessions end."""
    return do(caller, "password.change", None, body.model_dump())


@pages.get("/login")
def login_page(request: Request, next: str = "/") -> Response:  # noqa: A002 - the parameter's public name
    """Show the sign-in page; redirect a person who is signed in already."""
    try:
        read(access.credentials_of(request, "console"), Role.MEMBER, lambda _, actor: actor)
    except NotSignedIn:
        return login_html(next, "")
    return RedirectResponse(own_path(next), status_code=303)


@pages.post("/login", dependencies=_READS_ALL)
def login_form(
    request: Request,
    _: Anyone,
    email: Annotated[str, Form(max_length=320)] = "",
    password: Annotated[str, Form(max_length=1000)] = "",
    next: Annotated[str, Form(max_length=2000)] = "/",  # noqa: A002 - the field's public name
) -> Response:
    """Sign in from the page, then redirect to the requested page."""
    try:
        token = auth.sign_in(access.engine(), email, password, visitor(request), "console")
    except CodeNeeded as code_due:
        return ask_for_code(code_due, next)
    except (NotSignedIn, TooMany) as error:
        return _login_refused(next, email, error)
    return with_cookie(RedirectResponse(own_path(next), status_code=303), token)


def _login_refused(next_path: str, email: str, error: NotSignedIn | TooMany) -> HTMLResponse:
    answer = login_html(next_path, email, error.detail, status=error.status)
    if isinstance(error, TooMany):
        answer.headers["Retry-After"] = str(error.retry_after)
    return answer


@pages.get("/login/code")
def code_page(next: str = "/") -> Response:  # noqa: A002 - the parameter's public name
    """Show the page that asks for the second factor."""
    return _code_html(next)


@pages.post("/login/code", dependencies=_READS_ALL)
def code_form(
    request: Request,
    _: Anyone,
    code: Annotated[str, Form(max_length=40)] = "",
    next: Annotated[str, Form(max_length=2000)] = "/",  # noqa: A002 - the field's public name
) -> Response:
    """Complete a sign-in by the code, and redirect to the requested page."""
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
    """Show whose one-time sign-in link this is; only the form's POST uses it up."""
    try:
        with session_scope(access.engine()) as session:
            email = auth.person_of_link(session, token).email
    except NotSignedIn as error:
        return login_html("/", "", error.detail, status=401)
    return never_kept(HTMLResponse(_templates.get_template("link.html").render(email=email)))


@pages.post("/login/{token}", dependencies=_READS_ALL)
def login_by_link(token: str, request: Request, _: Anyone) -> Response:
    """Use a one-time sign-in link."""
    try:
        session_token, code_due = _sign_in_by_link(token, visitor(request))
        if code_due:
            return ask_for_code(code_due, "/")
    except NotSignedIn as error:
        return login_html("/", "", error.detail, status=401)
    return with_cookie(RedirectResponse("/", status_code=303), session_token)


def _sign_in_by_link(token: str, origin: Visitor) -> tuple[str, CodeNeeded | None]:
    """Use the link up, even if a code is still due: the link has proved its factor."""
    with session_scope(access.engine()) as session:
        try:
            return auth.sign_in_by_link(session, token, origin), None
        except CodeNeeded as code_due:
            return "", code_due


@pages.post("/logout", dependencies=_READS_ALL)
def logout_form(request: Request, _: Anyone) -> Response:
    """Sign out from a page, then show the sign-in page."""
    with contextlib.suppress(NotSignedIn):
        _sign_out(access.credentials_of(request, "console"))
    answer = RedirectResponse("/login", status_code=303)
    answer.delete_cookie(access.cookie_name(), secure=is_https())
    return answer


def own_path(next_path: str) -> str:
    """Return a safe path within this site to redirect to; anything else, such as //other.example, becomes `/`."""
    try:
        parts = urlsplit(next_path)
    except ValueError:  # such as http://[
        return "/"
    local = (
        not parts.scheme and not parts.netloc and next_path.startswith("/") and not next_path.startswith(("//", "/\\"))
    )
    printable = next_path.isprintable() and "\\" not in next_path
    return quote(next_path, safe="/?&=%:@,+~#-._") if local and printable and parts.path != "/login" else "/"


def login_html(next_path: str, email: str, error: str = "", status: int = 200) -> HTMLResponse:
    """Return the sign-in page, with an error message if there is one."""
    provider = f"/login/oidc?next={quote(own_path(next_path))}" if oidc.is_set_up() else None
    template = _templates.get_template("login.html")
    text = template.render(next=own_path(next_path), email=email, error=error, provider=provider)
    return HTMLResponse(text, status_code=status)


def ask_for_code(code_due: CodeNeeded, next_path: str) -> Response:
    """Redirect to the page that asks for the code, with proof of the first factor in a cookie."""
    with session_scope(access.engine()) as session:
        pending = auth.pend(session, code_due.user_id)
    answer = RedirectResponse(f"/login/code?next={quote(own_path(next_path))}", status_code=303)
    life = int(auth.PENDING_LIFE.total_seconds())
    answer.set_cookie(_pending_cookie(), pending, max_age=life, httponly=True, secure=is_https(), samesite="strict")
    return answer


def _pending_cookie() -> str:
    return "__Host-unstuck-code" if is_https() else "unstuck_code"


def is_https() -> bool:
    """Return whether the site is served over https."""
    return (settings().public_url or "").startswith("https://")


def _code_html(next_path: str, error: str = "", status: int = 200) -> HTMLResponse:
    text = _templates.get_template("code.html").render(next=own_path(next_path), error=error)
    return never_kept(HTMLResponse(text, status_code=status))


def never_kept(answer: AnswerT) -> AnswerT:
    """Return the response, marked so that no cache stores it."""
    answer.headers["Cache-Control"] = "no-store"
    return answer


def visitor(request: Request) -> Visitor:
    """Return the device and address that a request comes from."""
    return Visitor(request.headers.get("user-agent", ""), request.client.host if request.client else "")


def with_cookie(answer: AnswerT, token: str) -> AnswerT:
    """Return the response with the session cookie set."""
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
