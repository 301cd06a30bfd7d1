"""PAGES is the one list of pages: keys are given once, nothing else declares a page, and the docs follow it."""

from collections import Counter
from pathlib import Path

from core.actor import Actor
from core.models import Role
from tests.ui.page_table import DOCS, table
from ui.page import Frame, places
from ui.pages import PAGES

ROOT = Path(__file__).resolve().parents[2]


def test_each_address_and_each_key_belongs_to_one_page() -> None:
    keys = [page.place.key for page in PAGES if page.place and page.place.key]
    routes = [page.route for page in PAGES]
    assert [name for name, number in Counter([*keys, *routes]).items() if number > 1] == []


def test_each_page_is_a_file_of_its_own_and_each_file_a_page() -> None:
    files = {path.stem for path in (ROOT / "ui" / "pages").glob("*.py")} - {"__init__"}
    assert sorted(page.draw.__module__ for page in PAGES) == sorted(f"ui.pages.{name}" for name in files)


def test_only_the_list_declares_pages() -> None:
    declaring = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "ui").rglob("*.py")
        if "access.page(" in path.read_text() or "ui.page(" in path.read_text()
    ]
    assert sorted(declaring) == ["ui/access.py", "ui/pages/__init__.py"]


def test_the_navigation_shows_a_person_the_pages_that_they_may_open() -> None:
    routes = {role: [page.route for page, _ in places(PAGES, Frame.CONSOLE, person(role))] for role in Role}
    assert routes[Role.MEMBER] == []
    assert set(routes[Role.ADMIN]) - set(routes[Role.SUPPORT]) == {"/operators", "/audit"}
    assert set(routes[Role.SUPPORT]) - set(routes[Role.VIEWER]) == {"/outbox", "/bulk"}
    assert [page.route for page, _ in places(PAGES, Frame.CREATOR, person(Role.MEMBER))] == [
        "/dashboard",
        "/settings/demo-mode",
        "/settings/connections",
    ]


def test_the_docs_have_the_table_of_the_list() -> None:
    docs = DOCS.read_text()
    assert table(docs) in docs, "refresh it: python -m tests.ui.page_table"


def person(role: Role) -> Actor:
    return Actor(None, "Ana", role, "console")
