"""Rows are there before a count that takes long: the list then says at least how many match."""

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from core.job_list import queries
from core.job_list.counts import Total
from core.job_list.filters import JobFilter
from core.job_list.queries import page
from tests.engine.test_filter_rows import job
from ui.components.jobs.job_filters import shown


def test_a_count_that_takes_too_long_is_left_and_the_rows_are_there(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(9):
        job(session, kind="mail.send")
    slow = lambda session, _: session.execute(sa.text("SELECT pg_sleep(30)"))  # noqa: E731 - one line
    monkeypatch.setattr(queries, "PATIENCE", 20)
    monkeypatch.setattr(queries, "total_of_branches", slow)
    first = page(session, JobFilter.from_text("kind:mail.send"), limit=4)
    assert (len(first.items), first.total) == (4, Total(5, exact=False))
    second = page(session, JobFilter.from_text("kind:mail.send"), limit=4, offset=4)
    assert (len(second.items), second.total, shown(second.total)) == (4, Total(9, exact=False), "8+")
    # What is known without a count is exact.
    assert page(session, JobFilter.from_text("kind:mail.send"), limit=4, offset=8).total == Total(9, exact=True)
    assert page(session, JobFilter.from_text("kind:nothing"), limit=4).total == Total(0, exact=True)


def test_a_number_of_jobs_is_exact_a_bound_or_an_estimate() -> None:
    numbers = ((Total(12, exact=True), "12"), (Total(101, exact=False), "100+"), (Total(3_001, exact=False), "3,000+"),
               (Total(10_001, exact=False), "10,000+"), (Total(2_345_678, exact=False), "about 2,345,678"))  # fmt: skip
    for total, words in numbers:
        assert shown(total) == words
