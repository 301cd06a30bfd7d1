"""A creator and the sandbox: refuse, connect, lose access at the platform, connect again, disconnect."""

from sqlmodel import Session, select

from core.local.embedded import running
from core.models import BackgroundJob, Event, PlatformConnection
from tests.journeys.conftest import PATIENCE, Program

PAGE = "/settings/connections"


def decide(page: object, button: str, decision: str) -> None:
    """Press a button of the sandbox's card, and decide on the platform's own page."""
    card(page).get_by_role("button", name=button).click()
    page.get_by_role("button", name=decision, exact=True).click()
    page.wait_for_url(lambda url: PAGE in url)


def card(page: object) -> object:
    return page.get_by_role("group", name="Sandbox")


def withdraw(program: Program, page: object) -> None:
    """End the access on the platform's own page, in a tab beside."""
    beside = page.context.new_page()
    beside.goto(sandbox_of(program))
    button = beside.get_by_role("button", name="Withdraw the access of unstuck-sandbox to ana")
    button.click()
    button.wait_for(state="hidden")
    beside.close()


def sandbox_of(program: Program) -> str:
    return running(program.folder / "data").sandbox_url


def test_a_creator_connects_loses_access_and_comes_back(program: Program) -> None:
    page, user = program.creator()
    page.goto(f"{PAGE}?connect=sandbox")
    page.get_by_text("You were asked to connect Sandbox").wait_for()
    decide(page, "Connect", "Refuse")
    page.get_by_text("You did not give access").wait_for()
    page.wait_for_url(lambda url: url.endswith(PAGE))  # nothing in the address says it again
    decide(page, "Connect", "Allow")
    card(page).get_by_text("Connected since").wait_for()
    assert "code=" not in page.url
    assert "state=" not in page.url
    withdraw(program, page)
    support = program.person()
    support.goto(f"/users/{user.id}")
    support.get_by_role("button", name="Refresh access: Sandbox").click()
    card(page).get_by_text("Access was withdrawn at Sandbox").wait_for(timeout=PATIENCE)
    support.get_by_text("Refreshing access (").first.wait_for()
    assert support.get_by_role("button", name="Refresh access: Sandbox").count() == 0  # it would end the same way
    assert f"{program.url}{PAGE}?connect=sandbox" == support.get_by_role(
        "button", name="Copy connect link"
    ).last.get_attribute("data-address")
    whole = support.get_by_role("button", name="Copy link for the customer").first.get_attribute("data-address")
    assert whole == f"{program.url}{PAGE}?connect=sandbox", "the diagnosis has the link as well"
    decide(page, "Connect again", "Allow")
    card(page).get_by_text("Connected since").wait_for(timeout=PATIENCE)
    card(page).get_by_role("button", name="Disconnect").click()
    page.get_by_role("dialog").get_by_role("button", name="Disconnect").click()
    card(page).get_by_text("Not connected").wait_for(timeout=PATIENCE)
    with Session(program.engine) as session:
        rows = session.exec(select(PlatformConnection).where(PlatformConnection.platform == "sandbox")).all()
        mine = [row for row in rows if row.user_id == user.id]
        assert [(row.connection_status, row.access_token) for row in mine] == [("disconnected", None)]
        names = session.exec(select(Event.name).where(Event.user_id == user.id)).all()
        jobs = session.exec(select(BackgroundJob.status).where(BackgroundJob.user_id == user.id)).all()
    assert (names.count("connection.refused"), names.count("connection.consent_asked")) == (1, 3)
    assert sorted(status.value for status in jobs) == ["failed", "succeeded", "succeeded", "succeeded"]
