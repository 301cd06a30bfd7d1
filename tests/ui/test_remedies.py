"""What helps, on the page: a button keeps its place, its focus and its meaning while figures change."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest
from sqlmodel import Session, select

from core.diagnosis.answer import Diagnosis, Remedy
from core.diagnosis.situation import Situation
from core.jobs.request import request
from core.models import BackgroundJob, JobKind, JobStatus, Queue, Role, Worker
from core.operations import demo
from core.operations.demo import EnableForm
from tests.factories import SUPPORT, make_user
from tests.loops import in_a_loop
from tests.waiting import eventually
from ui.components.base import remedy as remedies
from ui.components.base.button import PLAIN, PRIMARY
from ui.pages.users import UserSearch

pytestmark = pytest.mark.browser


def test_the_recommended_button_is_the_same_element_while_its_sentence_counts(console, rows: Session) -> None:
    support, user = make_user(rows, role=Role.SUPPORT), make_user(rows)
    job = request(rows, demo.enable, user.id, EnableForm(preset="nano"), SUPPORT)
    job.attempt, job.run_at, job.error_message = 1, datetime.now(UTC) + timedelta(seconds=100), "503"
    rows.commit()
    page = console.open(support, f"/users/{user.id}")
    diagnosis = page.get_by_label("Diagnosis")
    diagnosis.get_by_role("button", name="Start now").focus()
    sentence = diagnosis.locator(".sentence")
    read = [sentence.inner_text()]
    for _ in range(2):
        read.append(eventually(lambda: text if (text := sentence.inner_text()) not in read else "", within=10))

    assert page.evaluate("document.activeElement.textContent").strip().endswith("Start now")
    assert page.locator("[role=status]").all_inner_texts().count(read[-1]) == 0, "figures alone are not read aloud"
    page.keyboard.press("f")
    page.locator(".q-notification").filter(has_text="It is due now.").wait_for()
    rows.refresh(job)
    assert job.run_at <= datetime.now(UTC)
    assert page.wrong == []


@pytest.mark.slow
def test_support_without_the_right_to_resume_tells_the_admins_or_cancels(console, rows: Session) -> None:
    support, user = make_user(rows, role=Role.SUPPORT), make_user(rows)
    make_user(rows, role=Role.ADMIN, name="Ada Admin", email="aaa@unstuck.example")
    request(rows, demo.enable, user.id, EnableForm(preset="nano"), SUPPORT)
    queue = Queue(name="demo", paused_at=datetime.now(UTC), paused_by="Bo", paused_reason="deploying")
    rows.add(queue)
    rows.add(Worker(host="w", pid=1, threads=1, queues=["demo"], heartbeat_at=datetime.now(UTC) + timedelta(hours=1)))
    rows.commit()
    page = console.open(support, f"/users/{user.id}")
    diagnosis = page.get_by_label("Diagnosis")
    diagnosis.get_by_text("paused by Bo").wait_for()
    assert diagnosis.get_by_role("button", name="Resume").count() == 0

    diagnosis.get_by_role("button", name="Tell the admins").click()
    dialog = page.get_by_role("dialog", name="Tell the admins")
    dialog.get_by_text("Ada Admin").wait_for()
    dialog.get_by_text("deploying").wait_for()
    dialog.get_by_role("button", name="Close").click()
    diagnosis.get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()

    job = select(BackgroundJob).where(BackgroundJob.user_id == user.id)
    eventually(lambda: rows.exec(job.execution_options(populate_existing=True)).one().status is JobStatus.CANCELLED)
    diagnosis.get_by_role("button", name="Start again as Nano Creator").wait_for()
    rows.delete(queue)
    rows.commit()
    assert page.wrong == []


def test_enter_opens_the_only_user_found_and_arrows_move_through_several(console, rows: Session) -> None:
    support = make_user(rows, role=Role.SUPPORT)
    first, _ = (make_user(rows, email=f"{name}.arrow@example.com") for name in ("zoe", "zora"))
    rows.commit()
    page = console.open(support, "/users")
    field = page.get_by_label("Search users")
    field.fill("zo")
    page.get_by_text("2 shown").wait_for()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.matches('.rows.users a')")
    drawn_anew = """(path) => new Promise((done) => {
        const list = document.querySelector(".rows.users"), was = document.activeElement
        history.replaceState(history.state, "", path)
        list.outerHTML = list.outerHTML
        const same = () => [document.activeElement !== was, document.activeElement.href === was.href]
        requestAnimationFrame(() => requestAnimationFrame(() => done(same())))
    })"""
    assert page.evaluate(drawn_anew, "/users?q=zo") == [True, True], "the keyboard stays at its row"
    assert page.evaluate(drawn_anew, "/elsewhere") == [True, False], "the next page's rows do not take it"
    page.evaluate("history.replaceState(history.state, '', '/users?q=zo')")
    page.locator(".rows.users a").first.focus()
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.tagName") == "INPUT"
    field.fill("zoe.arrow")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/users/{first.id}")
    assert page.wrong == []


def test_enter_opens_the_user_found_though_letters_typed_earlier_come_later(monkeypatch: pytest.MonkeyPatch) -> None:
    search, opened, ana = UserSearch.__new__(UserSearch), [], uuid4()

    async def changed(_: str) -> None:
        search._search = "an"  # what a debounced event of earlier letters does meanwhile

    async def load(_read: object, text: str, *_: object) -> list[SimpleNamespace]:
        return [SimpleNamespace(id=ana)] if text == "ana" else []

    search._situation, search._because, search._changed = None, "", changed
    monkeypatch.setattr("ui.pages.users.access.load", load)
    monkeypatch.setattr("ui.pages.users.ui.navigate.to", opened.append)
    in_a_loop(search._open_only_hit(SimpleNamespace(args="ana ")))
    assert opened == [f"/users/{ana}"]


def test_a_customer_who_asks_twice_reads_their_own_words(console, rows: Session) -> None:
    user = make_user(rows)
    rows.commit()
    pages = [console.open(user, "/settings/demo-mode") for _ in range(2)]
    for page in pages:
        page.get_by_role("button", name="Enable demo mode").wait_for()
    request(rows, demo.enable, user.id, EnableForm(preset="nano"), SUPPORT)
    rows.connection().exec_driver_sql("SELECT 1")
    button = pages[0].get_by_role("button", name="Enable demo mode")
    button.click()
    rows.commit()
    toast = pages[0].locator(".q-notification").filter(has_text="This is already under way.")
    toast.wait_for()
    assert "toast-bad" not in (toast.get_attribute("class") or "")
    assert "demo.enable" not in toast.inner_text()


@pytest.mark.slow
def test_an_admin_goes_from_a_limit_of_0_to_the_page_queues(console, rows: Session) -> None:
    admin, user = make_user(rows, role=Role.ADMIN), make_user(rows)
    request(rows, demo.enable, user.id, EnableForm(preset="nano"), SUPPORT)
    failed = BackgroundJob(kind="demo.enable", queue="demo", status=JobStatus.FAILED, finished_at=datetime.now(UTC))
    rows.add_all([failed, limit := JobKind(kind="demo.enable", max_running=0)])
    rows.commit()
    page = console.open(admin, f"/users/{user.id}")
    page.get_by_label("Diagnosis").get_by_role("link", name="Change the limit").click()
    page.wait_for_url("**/queues")
    rows.delete(limit)
    rows.commit()
    page.goto(f"/jobs/{failed.id}")
    page.locator(".detail-body .btn.primary").get_by_text("Retry").wait_for()
    assert page.wrong == []


@pytest.mark.parametrize("is_above", [True, False], ids=["on the job's page", "on the user's page"])
def test_beside_a_recommended_retry_the_message_to_the_admins_comes_second(
    monkeypatch: pytest.MonkeyPatch, is_above: bool
) -> None:
    job, looks = uuid4(), {}
    retry, dismiss = Remedy("job.retry", job, "Retry", ""), Remedy("demo.dismiss", uuid4(), "Dismiss", "")
    diagnosis = Diagnosis(Situation.FAILED, "", "", remedy=retry, others=(dismiss,), for_admins="It failed for good.")
    monkeypatch.setattr(remedies, "box", lambda *_: nullcontext())
    monkeypatch.setattr(remedies, "text", lambda _: SimpleNamespace(set_text=str))
    monkeypatch.setattr(remedies, "limit_to_role", lambda *_: None)
    shown: list[object] = []
    part = SimpleNamespace(show=lambda admins, key: shown[-1:] == [key] or [shown.append(key), buttons._draw(admins)])
    monkeypatch.setattr(remedies, "Part", lambda *_: part)
    monkeypatch.setattr(remedies.access, "me", lambda: SUPPORT)

    def button(label: str, _: object, *, look: str, **__: object) -> SimpleNamespace:
        looks[label] = look
        return SimpleNamespace(props={})

    monkeypatch.setattr(remedies, "button", button)
    buttons = remedies.Remedies(None, without=job if is_above else None)
    buttons.show(replace(diagnosis, remedy=dismiss, others=()))
    assert looks == {"Tell the admins": PRIMARY, "Dismiss": PLAIN}, "until its service answers again"
    buttons.show(diagnosis)
    assert looks["Tell the admins"] == PLAIN
    assert looks.get("Retry") == (None if is_above else PRIMARY)
