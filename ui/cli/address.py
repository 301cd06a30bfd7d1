"""Addresses of the console's pages, as a person can open them."""

from typing import Annotated, Final

import typer

from core.local.services import console_address
from core.settings import settings

Address = Annotated[
    str | None,
    typer.Option(help="Where the console is served. Default: UNSTUCK_PUBLIC_URL, else where `run` serves it."),
]
#: Where `serve` listens by default.
_LOCAL: Final = "http://127.0.0.1:8080"


def page_address(path: str, address: str | None = None) -> str:
    """Return the whole address of a page, for a path that begins with a slash."""
    base = address or settings().public_url or console_address() or _LOCAL
    return base.rstrip("/") + path
