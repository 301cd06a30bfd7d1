"""The provider's pages for people: consent, and what has access to their accounts. They need no script."""

import sqlite3
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from authlib.oauth2.rfc6749 import OAuth2Error
from jinja2 import Environment, FileSystemLoader
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from core.local.sandbox import behaviour
from core.local.sandbox.ledger import TOKEN_LIFE, Ledger
from core.local.sandbox.parties import WireRequest
from core.local.sandbox.protocol import SandboxServer
from core.local.sandbox.visitor import form_token, is_own_form, remember, visitor_of
from core.local.sandbox.wire import body_of, response_of, wire_of

#: Accounts that every platform has.
READY: Final = ("ana", "ben", "chloe")
_HERE: Final = Path(__file__).parent
_templates = Environment(loader=FileSystemLoader(_HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True)
_MOST_NAME: Final = 100
#: Names of platforms that are written in another way than with one capital letter.
_NAMES: Final = {"youtube": "YouTube", "tiktok": "TikTok"}
_templates.filters["platform"] = lambda platform: _NAMES.get(platform, platform.capitalize())
#: What the consent form repeats of the request.
_REPEATED: Final = ("response_type", "client_id", "redirect_uri", "state", "code_challenge", "code_challenge_method")


class Pages:
    """The pages; each form has the token of the browser that got it."""

    def __init__(self, ledger: Ledger, server: SandboxServer, secret: str) -> None:
        self._ledger, self._server, self._secret = ledger, server, secret
        self._style = (_HERE / "style.css").read_text()

    def routes(self) -> list[Route]:
        """Return the addresses of the pages."""
        return [
            Route("/", self._home, methods=["GET"]),
            Route("/style.css", self._css, methods=["GET"]),
            Route("/authorize", self._consent, methods=["GET"]),
            Route("/authorize", self._decide, methods=["POST"]),
        ]

    async def _css(self, request: Request) -> Response:
        return Response(self._style, media_type="text/css", headers={"Cache-Control": "max-age=60"})

    async def _home(self, request: Request) -> Response:
        handle = request.query_params.get("handle", "").strip()
        moved = int(self._ledger.setting("offset", 0))
        return self._page(
            request,
            "home.html",
            handle=handle,
            grants=[_line(row, moved) for row in self._ledger.open_grants(handle)],
            current=behaviour.present(self._ledger),
            modes=behaviour.MODES,
            endpoints=behaviour.ENDPOINTS,
            life=self._ledger.setting("life", TOKEN_LIFE),
            offset=moved,
        )

    async def _consent(self, request: Request) -> Response:
        wire = await wire_of(request)
        return self._checked(request, wire) or self._ask(request, wire.payload.data)

    async def _decide(self, request: Request) -> Response:
        form = await self._own_form(request)
        asked = {name: value for name, value in form if name in (*_REPEATED, "asked")}
        ticked = [value for name, value in form if name == "scope"]
        chosen = dict(form)
        wire = WireRequest("POST", str(request.url), request.headers, [*asked.items(), ("scope", " ".join(ticked))])
        if (wrong := self._checked(request, wire)) is not None:
            return wrong
        account = None
        if chosen.get("decision") == "allow":
            handle = " ".join((chosen.get("new_account") or chosen.get("account") or "").split())
            if problem := _problem(handle, ticked):
                again = asked | {"scope": asked.get("asked", ""), "typed": chosen.get("new_account", "")}
                return self._ask(request, again, problem, ticked)
            account = handle
        return self._decided(wire, account)

    def _decided(self, wire: WireRequest, handle: str | None) -> Response:
        """Send the browser back to the program, with a code if a person allowed it."""
        with self._ledger.transaction():
            grant = self._server.get_consent_grant(wire)
            user = handle and self._ledger.account(wire.client.platform, handle).id
            made = response_of(lambda asked: self._server.create_authorization_response(asked, user, grant), wire)
        made.status_code = 303
        return made

    def _checked(self, request: Request, wire: WireRequest) -> Response | None:
        """Return the answer to a request that is not right, or None."""
        try:
            self._server.get_consent_grant(wire)
        except OAuth2Error as error:
            if error.redirect_uri:
                return RedirectResponse(error()[2][0][1], 303)
            return self._page(request, "wrong.html", 400, error=error.error)
        except ValueError:  # OAuth forbids to repeat these characters
            return self._page(request, "wrong.html", 400, error="invalid_request")
        return None

    def _ask(
        self, request: Request, asked: Mapping[str, str], problem: str = "", ticked: list[str] | None = None
    ) -> Response:
        client = self._server.query_client(asked["client_id"])
        assert client is not None
        scopes = client.get_allowed_scope(asked.get("scope")).split()
        used = self._ledger.accounts(client.platform)
        back = urlsplit(asked["redirect_uri"])
        return self._page(
            request,
            "consent.html",
            400 if problem else 200,
            to=f"{back.scheme}://{back.netloc}",
            back=back.netloc,
            client=client,
            scopes=scopes,
            ticked=scopes if ticked is None else ticked,
            problem=problem,
            typed=asked.get("typed", ""),
            accounts=sorted({*used, *READY}),
            repeated={name: asked[name] for name in _REPEATED if name in asked},
        )

    async def change(self, request: Request, change: Callable[[Ledger, dict[str, Any]], None]) -> Response:
        """Do what a form of the provider's own page asks for, and show the page again."""
        form = await self._own_form(request)
        try:
            with self._ledger.transaction():
                change(self._ledger, {name: value for name, value in form if name != "form_token" and value})
        except ValueError as error:
            raise HTTPException(400, str(error)) from None
        return RedirectResponse("/", 303)

    async def _own_form(self, request: Request) -> list[tuple[str, str]]:
        """Return the fields of a form that this browser got from here. Raises HTTPException."""
        form = parse_qsl((await body_of(request)).decode(errors="replace"), keep_blank_values=True)
        if not is_own_form(self._secret, request, dict(form).get("form_token", "")):
            raise HTTPException(403, "This form is not from here, or too old. Load its page again.")
        return form

    def _page(self, request: Request, name: str, status: int = 200, *, to: str = "", **values: Any) -> Response:
        """Return a page; its form may lead `to` another origin, to which a program's own address belongs."""
        visitor = visitor_of(request)
        text = _templates.get_template(name).render(form_token=form_token(self._secret, visitor), **values)
        own = "default-src 'none'; img-src data:; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"
        made = HTMLResponse(text, status)
        made.headers.update(
            {
                "Content-Security-Policy": f"{own}; form-action 'self' {to}".rstrip(),
                "X-Content-Type-Options": "nosniff",
                "Referrer-Policy": "no-referrer",  # the address has the program's state
                "Cache-Control": "no-store",
            }
        )
        remember(made, visitor)
        return made


def _problem(handle: str, ticked: list[str]) -> str:
    """Return why this cannot be allowed, or an empty text."""
    if not handle or len(handle) > _MOST_NAME or not handle.isprintable():
        return f"Choose an account, or type a name of up to {_MOST_NAME} characters."
    return "" if ticked else "Leave at least one thing ticked, or refuse."


def _line(row: sqlite3.Row, moved: int) -> dict[str, Any]:
    """Return a grant as the page shows it; `moved` are the seconds by which the provider's clock is wrong."""
    since = datetime.fromtimestamp(row["granted_at"] - moved, UTC)
    return {**{name: row[name] for name in ("id", "client_id", "platform", "handle", "scope")}, "since": since}
