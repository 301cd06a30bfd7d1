"""The table of pages in docs/console.md, made from PAGES: `python -m tests.ui.page_table` writes it."""

import re
import sys
from pathlib import Path

from core.models import Role
from ui.page import Page
from ui.pages import PAGES

DOCS = Path(__file__).resolve().parents[2] / "docs" / "console.md"
#: The lines between the head of the table and the next empty line.
TABLE = re.compile(r"(?<=\| address \| for \| key \| what \|\n\|---\|---\|---\|---\|\n)(\|.*\n)+")
AUDIENCES = {Role.MEMBER: "everyone, for themselves", Role.VIEWER: "viewer and up", Role.ADMIN: "admins"}
SIGN_IN = "`/login` | everyone | | Sign-in by password, code, link or your organisation's provider; no JavaScript."


def row(page: Page) -> str:
    """Return a page's row; its description is the docstring of its file."""
    about = " ".join((sys.modules[page.draw.__module__].__doc__ or "").split())
    key = f"`g {page.place.key}`" if page.place and page.place.key else ""
    return f"`{re.sub('{[^}]*}', '{id}', page.route)}` | {AUDIENCES[page.role]} | {key} | {about}"


def table() -> str:
    return "".join(f"| {line} |\n" for line in (SIGN_IN, *map(row, PAGES)))


if __name__ == "__main__":
    DOCS.write_text(TABLE.sub(lambda _: table(), DOCS.read_text(), count=1))
