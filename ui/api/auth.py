"""Signing in and out, by JSON and by the plain sign-in page; who am I."""

import contextlib
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader
from pydantic import BaseModel, Field

from core import auth
from core.actor import Actor
from core.auth import Visitor
from core.db import session_scope
from core.errors import NotSignedIn
from core.models import Role
from core.settings import settings
from ui import access
from ui.api.deps import Anyone, Who, do, read

AnswerT = TypeVar("AnswerT", bound=Response)

router = APIRouter(tags=["sign-in"])
pages = APIRouter(include_in_schema=False)

_templates = Environment(loader=FileSystemLoader(Path(__file__).parent.parent / "pages"), autoescape=True)


class Login(BaseModel):
    """E-mail and password."""

    email: str = Field(max_length=320)
    password: str = Field(max_length=1000)


@router.post("/api/auth/login")
def login(body: Login, request: Request, _: Anyone) -> JSONResponse:
    """Sign in; the answer sets the session cookie."""
    token = auth.sign_in(access.engine(), body.email, body.password, _visitor(request), "api")
    return _with_cookie(JSONResponse({"signed_in": True}), token)


@router.post("/api/auth/logout")
def logout(who: Who) -> JSONResponse:
    """End the session."""
    read(who, Role.MEMBER, auth.sign_out)
    answer = JSONResponse({"signed_in": False})
    answer.delete_cookie(access.cookie_name())
    return answer


@router.get("/api/me")
def me(who: Who) -> dict[str, Any]:
    """Return the signed-in person."""
    actor: Actor = read(who, Role.MEMBER, lambda _, actor: actor)
    return {"id": str(actor.id), "email": actor.name, "role": actor.role.value}


@router.post("/api/me/password")
def change_password(body: auth.PasswordForm, who: Who) -> dict[str, Any]:
    """Give the signed-in person a new password; their other sessions end."""
    return do(who, "password.change", None, body.model_dump())


@pages.get("/login")
def login_page(request: Request, next: str = "/") -> Response:  # noqa: A002 - the parameter's public name
    """Show the sign-in page, or go on when somebody is signed in already."""
    try:
        read(access.credentials_of(request, "console"), Role.MEMBER, lambda _, actor: actor)
    except NotSignedIn:
        return _login_html(next, "")
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
        token = auth.sign_in(access.engine(), email, password, _visitor(request), "console")
    except NotSignedIn as error:
        return _login_html(next, email, error.detail, status=401)
    return _with_cookie(RedirectResponse(own_path(next), status_code=303), token)


@pages.get("/login/{token}")
def login_by_link(token: str, request: Request) -> Response:
    """Use a one-time sign-in link."""
    try:
        with session_scope(access.engine()) as session:
            session_token = auth.sign_in_by_link(session, token, _visitor(request))
    except NotSignedIn as error:
        return _login_html("/", "", error.detail, status=401)
    return _with_cookie(RedirectResponse("/", status_code=303), session_token)


@pages.post("/logout")
def logout_form(request: Request, _: Anyone) -> Response:
    """End the session from a page, and show the sign-in page."""
    with contextlib.suppress(NotSignedIn):
        read(access.credentials_of(request, "console"), Role.MEMBER, auth.sign_out)
    answer = RedirectResponse("/login", status_code=303)
    answer.delete_cookie(access.cookie_name())
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


def _login_html(wanted: str, email: str, error: str = "", status: int = 200) -> HTMLResponse:
    text = _templates.get_template("login.html").render(next=own_path(wanted), email=email, error=error)
    return HTMLResponse(text, status_code=status)


def _visitor(request: Request) -> Visitor:
    return Visitor(request.headers.get("user-agent", ""), request.client.host if request.client else "")


def _with_cookie(answer: AnswerT, token: str) -> AnswerT:
    secure = (settings().public_url or "").startswith("https://")
    answer.set_cookie(
        access.cookie_name(),
        token,
        max_age=int(settings().session_hours * 3600),
        httponly=True,
        secure=secure,
        samesite="lax",
        path="/",
    )
    return answer
