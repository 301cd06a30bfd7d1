"""A tab goes from test to test, and carries nothing over."""

import pytest
from sqlmodel import Session

from core.models import Role
from tests.factories import make_user

PHONE = {"width": 390, "height": 844}
#: Everything that a page may find out about the previous person, and about their preferences.
KNOWN = """[
    document.cookie, localStorage.length, sessionStorage.length, innerWidth, navigator.onLine,
    matchMedia('(prefers-color-scheme: dark)').matches, matchMedia('(prefers-reduced-motion: reduce)').matches,
]"""
NEW = ["", 0, 0, 1280, True, False, True]


def test_a_tab_that_is_returned_is_as_new(console, rows: Session) -> None:
    user = make_user(rows, role=Role.VIEWER)
    rows.commit()
    page = console.open(user, "/workers", screen=PHONE)
    page.get_by_role("heading", name="Workers", level=1).wait_for()
    requests: list[object] = []
    page.on("request", lambda request: requests.append(request))
    page.emulate_media(color_scheme="dark", reduced_motion="no-preference")
    page.evaluate("localStorage.a = sessionStorage.a = document.cookie = 'theme=dark; Path=/'")
    assert page.evaluate(KNOWN)[1:] == [1, page.evaluate("sessionStorage.length"), 390, True, True, False]
    page.route("**/*", lambda route: route.abort())
    page.context.set_offline(True)
    further = page.context.new_page()

    console.tabs.clear()
    requests.clear()

    again = console.tabs.lend()
    again.goto("/workers")
    again.wait_for_url("**/login**")
    assert (again, again.evaluate(KNOWN), requests) == (page, NEW, [])
    assert further.is_closed()


@pytest.mark.slow
def test_a_tab_that_was_closed_is_opened_again(console) -> None:
    console.tabs.lend().close()
    console.tabs.clear()
    console.tabs.lend().goto("/login")


def test_two_people_at_once_know_nothing_of_each_other(console, rows: Session) -> None:
    user = make_user(rows, role=Role.VIEWER)
    rows.commit()
    console.open(user, "/workers")
    stranger = console.tabs.lend()
    stranger.goto("/workers")
    stranger.wait_for_url("**/login**")
