"""The headers that NiceGUI gives its answers are there without its own middlewares."""

from typing import Any

import pytest
from nicegui import app as pages
from nicegui.version import __version__
from starlette.responses import RedirectResponse, Response
from starlette.types import Message

from tests.loops import in_a_loop
from ui.page_answers import PageAnswers

STATIC = f"/_nicegui/{__version__}/"


def headers_of(path: str, answer: Response, **sent: str) -> dict[str, str]:
    started: list[Message] = []

    async def send(message: Message) -> None:
        started.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    asked = [(name.replace("_", "-").encode(), value.encode()) for name, value in sent.items()]
    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": path, "headers": asked}
    in_a_loop(PageAnswers(answer)(scope, receive, send))
    return {name.decode(): value.decode() for name, value in started[0]["headers"]}


@pytest.mark.parametrize(
    ("path", "kept"), [(f"{STATIC}static/vue.js", True), (f"{STATIC}dynamic_resources/a", False), ("/users", False)]
)
def test_what_never_changes_may_be_kept(path: str, kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages.config, "cache_control_directives", "public, max-age=9", raising=False)
    assert (headers_of(path, Response()).get("cache-control") == "public, max-age=9") is kept


@pytest.mark.parametrize(
    ("to", "led"), [("/login", "/console/login"), ("https://example.com/", "https://example.com/")]
)
def test_a_redirect_stays_under_the_path_of_a_proxy(to: str, led: str) -> None:
    assert headers_of("/", RedirectResponse(to), x_forwarded_prefix="/console")["location"] == led
