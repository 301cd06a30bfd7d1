"""Filters typed into the search are told from words, and ids in a filter have names."""

from uuid import uuid4

import pytest
from sqlmodel import Session

from core import clock
from core.job_list.filters import JobFilter
from core.job_list.names import names_in
from core.models import BackgroundJob, JobStatus, PlatformConnection
from tests.factories import make_user
from ui.components.jobs.filter_words import filter_words
from ui.components.jobs.qualifiers import typed_filters


@pytest.mark.parametrize(
    ("search", "words", "typed"),
    [
        ("status:failed", "", ("status:failed",)),
        ("ana kind:demo.enable timeout", "ana timeout", ("kind:demo.enable",)),
        ("TimeoutError: no answer", "TimeoutError: no answer", ()),
        ("https://example.com status:", "https://example.com status:", ()),
        ("", "", ()),
    ],
)
def test_a_filter_in_a_search_is_no_text(search: str, words: str, typed: tuple[str, ...]) -> None:
    filters = typed_filters(search)
    assert (filters.words, filters.typed, filters.problem) == (words, typed, "")


def test_a_typed_filter_is_added_to_the_others() -> None:
    before = JobFilter.from_params({"kind": "demo.enable", "q": "status:failed ana"})
    assert typed_filters("status:failed ana").applied_to(before) == JobFilter.from_params(
        {"kind": "demo.enable", "status": "failed", "q": "ana"}
    )


def test_a_typed_filter_with_an_impossible_value_names_the_possible_ones() -> None:
    assert "status is one or more of queued" in typed_filters("status:broken").problem


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
