"""The table of pages in docs/console.md: `python -m tests.ui.page_table` brings it in line with PAGES.

It keeps what the docs say of a page; a new page begins with the docstring of its file.
"""

import re
import sys
from pathlib import Path

from core.models import Role
from ui.page import Page
from ui.pages import PAGES

DOCS = Path(__file__).resolve().parents[2] / "docs" / "console.md"
HEAD = "| address | for | key | content |\n|---|---|---|---|\n"
TABLE = re.compile(f"(?<={re.escape(HEAD)})(\\|.*\n)+")
AUDIENCES = {
    Role.MEMBER: "everyone, for themselves",
    Role.VIEWER: "viewer and up",
    Role.SUPPORT: "support and up",
    Role.ADMIN: "admins",
}


def address(page: Page) -> str:
    return "`" + re.sub("{[^}]*}", "{id}", page.route) + "`"


def table(docs: str) -> str:
    """Return the rows as they should be; the row of `/login`, which is not among the pages, stays."""
    rows = TABLE.search(docs)
    assert rows, "docs/console.md has no table of pages"
    lines = [[cell.strip() for cell in line.strip("|").split("|", 3)] for line in rows[0].splitlines()]
    contents = {cells[0]: cells[-1] for cells in lines}
    sign_in = [cells for cells in lines if cells[0].startswith("`/login`")]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in sign_in + [row(page, contents) for page in PAGES])


def row(page: Page, contents: dict[str, str]) -> list[str]:
    docstring = " ".join((sys.modules[page.draw.__module__].__doc__ or "").split())
    key = f"`g {page.place.key}`" if page.place and page.place.key else ""
    return [address(page), AUDIENCES[page.role], key, contents.get(address(page), docstring)]


if __name__ == "__main__":
    text = DOCS.read_text()
    DOCS.write_text(TABLE.sub(lambda _: table(text), text, count=1))
