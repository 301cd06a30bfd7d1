"""A person's own settings in a browser: password, second factor, personal tokens and other sessions."""

import re
import time

import httpx
import pyotp
import pytest
from sqlmodel import Session

from core.audit.record import record
from core.models import Role, User
from core.people.passwords import hash_password
from tests.factories import SUPPORT, make_user
from tests.waiting import eventually

PASSWORD = "seven purple otters dance"


@pytest.fixture
def eva(rows: Session) -> User:
    made = make_user(rows, role=Role.SUPPORT)
    made.hashed_password = hash_password(PASSWORD)
    rows.commit()
    return made


def card(page: object, name: str) -> object:
    return page.get_by_role("region", name=name)


def sign_in(console: object, user: User) -> object:
    """Return another browser's page on which the password was right and the code is still missing."""
    page = console.tabs.lend()
    page.goto("/login?next=/jobs")
    page.get_by_label("E-mail").fill(user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Enter your code").wait_for()
    return page


def give(page: object, code: str) -> None:
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Sign in").click()


def test_a_second_factor_is_set_up_asked_for_and_switched_off(console, eva: User) -> None:
    page = console.open(eva, "/settings")
    factor = card(page, "Second factor")
    factor.get_by_role("button", name="Set up").click()
    phone = pyotp.TOTP(factor.locator(".secret").inner_text().replace(" ", ""))
    assert factor.get_by_role("img", name="QR code").locator("path").count() > 0
    field = factor.get_by_label("Code from the app")
    field.fill("000000" if phone.now() != "000000" else "111111")
    factor.get_by_role("button", name="Switch on").click()
    page.get_by_text("The code is wrong").wait_for()
    field.fill(phone.now())
    factor.get_by_role("button", name="Switch on").click()
    shown = page.get_by_role("dialog", name="Your recovery codes")
    codes = shown.locator("pre").inner_text().split()
    page.keyboard.press("Escape")
    shown.get_by_role("button", name="I have saved it").click()
    factor.get_by_text("10 recovery codes left").wait_for()

    other = sign_in(console, eva)
    give(other, "123456")
    other.get_by_role("alert").wait_for()
    # The code of the next half minute: this one's is used up.
    give(other, phone.at(int(time.time()) + 30))
    other.wait_for_url("**/jobs")
    other = sign_in(console, eva)
    give(other, codes[0].upper())
    other.wait_for_url("**/jobs")

    page.goto("/settings")
    factor.get_by_text("9 recovery codes left").wait_for()
    factor.get_by_label("Code or password").fill(PASSWORD)
    factor.get_by_role("button", name="Switch off").click()
    factor.get_by_role("button", name="Set up").wait_for()
    assert page.wrong == []


def test_a_token_is_shown_once_lets_a_script_in_and_is_revoked(console, rows: Session, eva: User) -> None:
    page = console.open(eva, "/settings")
    tokens = card(page, "Tokens")
    tokens.get_by_role("button", name="Create token").click()
    page.get_by_text(re.compile("name", re.IGNORECASE)).last.wait_for()
    tokens.get_by_label("Name of the token").fill("nightly report")
    tokens.get_by_role("button", name="Create token").click()
    shown = page.get_by_role("dialog", name="Your new token")
    token = shown.locator("pre").inner_text().strip()
    shown.get_by_role("button", name="I have saved it").click()
    tokens.get_by_text("nightly report").wait_for()
    eventually(lambda: token not in page.content())  # the dialog is still closing when its token is in the list
    me, bearer = f"{console.url}/api/me", {"Authorization": f"Bearer {token}"}
    assert httpx.get(me, headers=bearer, verify=False).json()["email"] == eva.email
    revoke = tokens.get_by_role("button", name="Revoke nightly report")
    drawn = revoke.get_attribute("id")
    record(rows, SUPPORT, "user.noted", user_id=eva.id)  # every change to a person makes their page load again
    rows.commit()
    tokens.get_by_text("last used").wait_for()
    assert revoke.get_attribute("id") == drawn, "a button that is drawn anew loses the press that is on its way"
    revoke.click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    tokens.get_by_text("nightly report").wait_for(state="detached")
    assert httpx.get(me, headers=bearer, verify=False).status_code == 401
    assert page.wrong == []


def test_sessions_elsewhere_are_listed_as_they_come_and_ended(console, eva: User) -> None:
    page = console.open(eva, "/settings")
    sessions = card(page, "Where you are signed in")
    sessions.get_by_text("This session").wait_for()
    elsewhere = console.open(eva, "/jobs")
    sessions.get_by_role("button", name="Sign out everywhere else").click()
    elsewhere.wait_for_url("**/login**")
    sessions.get_by_role("button", name="Sign out everywhere else").wait_for(state="detached")
    assert page.wrong == []


@pytest.mark.slow
def test_a_first_password_is_set_and_the_next_one_needs_it(console, rows: Session) -> None:
    fresh = make_user(rows)
    rows.commit()
    page = console.open(fresh, "/settings")
    password = card(page, "Password")
    password.get_by_label("New password", exact=True).fill(PASSWORD)
    password.get_by_role("button", name="Set password").click()
    password.get_by_label("Current password", exact=True).fill(PASSWORD)
    password.get_by_label("New password", exact=True).fill("eleven quiet lamps hum")
    password.get_by_role("button", name="Change password").click()
    page.get_by_text("Password changed").last.wait_for()
    assert page.wrong == []


def test_a_new_password_needs_the_present_one_and_ends_the_other_sessions(console, eva: User) -> None:
    page = console.open(eva, "/settings")
    elsewhere = console.open(eva, "/jobs")
    password = card(page, "Password")
    password.get_by_label("Current password", exact=True).fill("not this one at all")
    password.get_by_label("New password", exact=True).fill("eleven quiet lamps hum")
    password.get_by_role("button", name="Change password").click()
    page.get_by_role("alert").get_by_text("current password", exact=False).first.wait_for()
    password.get_by_label("Current password", exact=True).fill(PASSWORD)
    password.get_by_label("New password", exact=True).fill("eleven quiet lamps hum")
    password.get_by_role("button", name="Change password").click()
    page.get_by_text("Password changed").wait_for()
    elsewhere.wait_for_url("**/login**")
    assert page.wrong == []
