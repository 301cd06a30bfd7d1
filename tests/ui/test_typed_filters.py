"""Filters typed into the search are completed, and ids in a filter have names."""

from uuid import uuid4

import pytest
from sqlmodel import Session

from core import clock
from core.job_list.counts import Facets, Total
from core.job_list.filters import JobFilter
from core.job_list.language import LISTED, NEGATABLE, QUALIFIERS
from core.job_list.names import names_in
from core.models import BackgroundJob, JobStatus, PlatformConnection
from tests.factories import make_user
from ui.components.jobs.completion import offers
from ui.components.jobs.filter_words import filter_words
from ui.components.jobs.job_filters import shown

COUNTS: Facets = {
    "status": {"failed": Total(136, exact=True), "succeeded": Total(10_001, exact=False)},
    "label": {"retrying": Total(2, exact=True)},
    "kind": {"demo.enable": Total(9, exact=True), "demo.disable": Total(0, exact=True)},
    "more": {},
}


def completed(text: str) -> list[tuple[str, str]]:
    return [(offer.text, offer.hint) for offer in offers(text, COUNTS, {"demo": "3 waiting"}, shown)]


def test_names_of_filters_and_their_values_are_offered_with_counts() -> None:
    assert completed("ana sta") == [("ana status:", "failed,queued")]
    assert [text for text, _ in completed("-q")] == ["-queue:"]
    assert completed("status:fa") == [("status:failed ", "136")]
    assert completed("a status:") == [
        (f"a status:{status} ", shown(COUNTS["status"].get(status))) for status in JobStatus
    ]
    assert completed("-status:queued,succ") == [("-status:queued,succeeded ", "10,000+")]
    assert completed("kind:enable") == [("kind:demo.enable ", "9")]
    assert completed("KIND:demo") == [("KIND:demo.enable ", "9"), ("KIND:demo.disable ", "0")]
    assert completed("queue:") == [("queue:demo ", "3 waiting")]
    known = offers("from_bulk:0", {}, {"019a": "retry of 31 jobs by ana", "02": "cancel of 2 jobs"}, shown)
    assert next((offer.text, offer.hint) for offer in known) == ("from_bulk:019a ", "retry of 31 jobs by ana")
    assert completed("label:ret") == [("label:retrying ", "2")]
    assert completed("situation:st") == [("situation:stuck ", "nothing moves it")]
    assert [completed(text) for text in ("status:failed", "took:>3", "ana@", "", "status:failed ")] == [[]] * 5
    assert [text for text, _ in completed("arg")] == ["arg."]
    assert {text for text, _ in completed("-")} == {f"-{name}:" for name in (*LISTED, *NEGATABLE)}


def test_each_filter_is_offered_with_what_it_takes() -> None:
    every = {offer.text for letter in "abcdefghijklmnopqrstuvwxyz" for offer in offers(letter, {}, {}, shown)}
    assert every >= {name if name.endswith(".") else f"{name}:" for name in QUALIFIERS}


def test_ids_in_a_filter_have_the_names_that_people_use(session: Session) -> None:
    user = make_user(session, email="vera@example.com")
    connection = PlatformConnection(user_id=user.id, platform="tiktok", handle="@vera")
    error = {"error_type": "TryAgain", "error_message": "No answer.\nmore", "error_fingerprint": "abc123"}
    session.add(connection)
    session.add(BackgroundJob(kind="x", queue="x", status=JobStatus.FAILED, finished_at=clock.now(), **error))
    session.commit()
    ids = {"user": str(user.id), "other_than": str(user.id), "error": "abc123", "connection": str(connection.id)}
    assert names_in(session, JobFilter.from_params(ids)) == {
        "user": "vera@example.com",
        "other_than": "vera@example.com",
        "error": "TryAgain: No answer.",
        "connection": "tiktok @vera",
    }
    assert names_in(session, JobFilter.from_params({"user": str(uuid4()), "error": "timeout"})) == {}


@pytest.mark.parametrize(
    ("name", "value", "title", "shown"),
    [
        ("redone", "tried", None, "failures tried again"),
        ("due", "yes", None, "due now"),
        ("queue", "demo", None, "queue: demo"),
        ("not_kind", "demo.*", None, "kind other than demo.*"),
        ("took", ">30s", None, "took: &gt;30s"),
        ("arg", "preset:mid-tier", None, "argument preset:mid-tier"),
        (
            "error",
            "f00",
            "GiveUp: The demo service at demo.example answered 500.",
            "error: The demo service at demo.example answer…",
        ),
        ("error", "f00", "TimeoutError", "error: TimeoutError"),
        ("error", "no answer: late", None, "error: no answer: late"),
        ("user", "0193", "vera@example.com", "user: vera@example.com"),
        ("other_than", "0193", "vera@example.com", "users other than vera@example.com"),
    ],
)
def test_a_filter_is_shown_in_an_operator_s_words(name: str, value: str, title: str | None, shown: str) -> None:
    assert filter_words(name, value, title) == f"<span>{shown}</span>"


def test_a_time_in_a_filter_is_shown_in_the_viewer_s_zone() -> None:
    chip = filter_words("finished_after", "2026-11-26T23:12:08.636724+00:00")
    at = 'mode="time" at="2026-11-26T23:12:08.636724+00:00"'
    assert chip == f'<span>finished after </span><time-text translate="no" {at}></time-text>'
