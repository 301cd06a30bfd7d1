"""The list of jobs in other orders than by request: complete while few match, else the longest, or a refusal."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlmodel import Session

from core.errors import Invalid, NotFound
from core.job_list import orders
from core.job_list.filters import JobFilter
from core.job_list.orders import BY_REQUEST, SORTS, Sort, ids_in_order
from core.job_list.queries import JobPage, ids_between, page
from core.models import BackgroundJob, User
from tests.engine.test_filter_rows import NOW, job, lasting, many
from tests.engine.test_job_queries import nodes, rows_read, statements

__all__ = ["many"]
OTHERS = [sort for sort in SORTS if sort not in BY_REQUEST]


def ids(found: JobPage) -> list[str]:
    return [row["id"] for row in found.items]


def listed(session: Session, text: str, sort: Sort) -> list[str]:
    return ids(page(session, JobFilter.from_text(text), sort=sort))


@pytest.fixture
def mixed(session: Session) -> dict[str, str]:
    """Jobs that differ in all that a list is sorted by, under the names of what they are."""
    ago = {"run_at": NOW - timedelta(minutes=5), "created_at": NOW - timedelta(minutes=5)}
    ana, zoe = User(email="Demo.ana@example.com"), User(email="zoe@example.com")
    session.add_all([ana, zoe])
    session.flush()
    return {
        "quick": job(session, **lasting(took=0.2, waited=1), attempt=1, user_id=zoe.id),
        "slow": job(session, **lasting(took=40, waited=90), attempt=2, user_id=ana.id, status="failed"),
        "running": job(session, status="running", started_at=NOW - timedelta(minutes=2), attempt=4, **ago),
        "queued": job(session, status="queued", **ago),
        "planned": job(session, status="queued", run_at=NOW + timedelta(1), created_at=NOW - timedelta(1)),
    }


def test_a_list_is_sorted_by_start_duration_wait_attempt_and_user_and_what_has_none_comes_last(
    session: Session, mixed: dict[str, str]
) -> None:
    names = {job_id: name for name, job_id in mixed.items()}
    for sort, expected in (
        ("-took", "running slow quick queued planned"), ("took", "quick slow running queued planned"),
        ("-waited", "queued running slow quick planned"), ("waited", "quick slow running queued planned"),
        ("-attempt", "running slow quick queued planned"), ("attempt", "queued planned quick slow running"),
        ("-started_at", "slow quick running queued planned"), ("started_at", "running quick slow queued planned"),
        ("user", "slow quick queued running planned"), ("-user", "quick slow queued running planned"),
    ):  # fmt: skip
        assert [names[each] for each in listed(session, "", sort)] == expected.split(), sort
        # Free text has a branch for each of its meanings, and a job of two of them is listed once.
        assert [names[each] for each in listed(session, "demo", sort)] == expected.split(), sort
    assert [names[each] for each in listed(session, "user:demo.ana@example.com", "-took")] == ["slow"]
    assert listed(session, "kind:nothing.*", "-took") == []


@pytest.mark.parametrize("sort", OTHERS)
def test_pages_in_any_order_hold_every_row_once(session: Session, sort: Sort) -> None:
    for number in range(57):
        job(session, **lasting(took=number // 5, waited=number // 7), attempt=number // 9)
    for text in ("", "status:succeeded", "demo"):
        job_filter, rows, after = JobFilter.from_text(text), [], None
        whole = listed(session, text, sort)
        while True:
            part = page(session, job_filter, limit=10, after=after, sort=sort)
            assert (part.total.value, part.total.exact, part.first_only) == (57, True, False)
            rows += ids(part)
            after = part.next
            if after is None:
                break
        assert rows == whole
        assert len(set(rows)) == 57
        assert ids(page(session, job_filter, limit=10, offset=40, sort=sort)) == whole[40:50]
        assert page(session, job_filter, limit=10, offset=80, sort=sort) == JobPage([], None, part.total)
        ends = (UUID(whole[30]), UUID(whole[12]))
        assert [str(each) for each in ids_between(session, job_filter, ends, 100, sort)] == whole[12:31]


def test_a_range_whose_end_has_left_the_list_is_refused(session: Session) -> None:
    gone, kept = job(session, **lasting(took=3), status="failed"), job(session, **lasting(took=2))
    with pytest.raises(NotFound, match="no longer in this list"):
        ids_between(session, JobFilter.from_text("status:succeeded"), (UUID(gone), UUID(kept)), 9, "-took")


def test_the_next_page_follows_the_last_job_wherever_that_has_moved(session: Session) -> None:
    made = [job(session, **lasting(took=100 - number)) for number in range(10)]
    first = page(session, JobFilter(), limit=4, sort="-took")
    job(session, **lasting(took=500))
    assert ids(page(session, JobFilter(), limit=4, after=first.next, sort="-took")) == made[4:8]
    session.delete(session.get(BackgroundJob, UUID(made[3])))  # then its place counts
    session.flush()
    assert ids(page(session, JobFilter(), limit=4, after=first.next, sort="-took")) == made[4:8]


def test_times_that_are_infinite_are_sorted_as_none(session: Session) -> None:
    plain = job(session, **lasting(took=3, waited=2))
    odd = job(session, status="running", started_at=NOW)
    session.connection().exec_driver_sql(
        "UPDATE background_jobs SET run_at = '-infinity', created_at = 'infinity', started_at = '-infinity' "
        f"WHERE id = '{odd}'"
    )
    for sort in ("-took", "took", "-waited", "waited"):
        assert listed(session, "", sort) == [plain, odd], sort


@pytest.fixture
def long(session: Session, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """More jobs than are sorted; those that took a second, and those that waited for a minute, the longest first."""
    monkeypatch.setattr(orders, "MOST_SORTED", 5)
    monkeypatch.setattr(orders, "FIRST", 4)
    return [job(session, **lasting(took=100 - 20 * number, waited=200 - 30 * number)) for number in range(8)]


def test_of_a_long_list_the_longest_are_known_and_it_says_that_they_are_the_first_ones(
    session: Session, long: list[str]
) -> None:
    running = job(session, status="running", started_at=NOW - timedelta(hours=1), run_at=NOW - timedelta(hours=2))
    for sort in ("-took", "-waited"):
        found = page(session, JobFilter(), limit=3, sort=sort)
        assert ids(found) == [running, *long[:2]], sort
        assert (found.total.value, found.total.exact, found.first_only) == (4, True, True)
        rest = page(session, JobFilter(), limit=3, sort=sort, after=found.next)
        assert (ids(rest), rest.next) == ([long[2]], None)
        found = page(session, JobFilter.from_text("-user:ana demo"), limit=3, sort=sort)
        assert ids(found) == [running, *long[:2]], sort
    # A file would not be all of them.
    with pytest.raises(Invalid, match="too many to sort by duration"):
        ids_in_order(session, JobFilter(), "-took")


@pytest.mark.parametrize("sort", [sort for sort in OTHERS if sort not in ("-took", "-waited")])
def test_a_long_list_is_refused_in_an_order_that_no_index_has(session: Session, long: list[str], sort: Sort) -> None:
    with pytest.raises(Invalid, match=r"More than 5 jobs match.*Narrow the filter, as with \w+:") as refused:
        page(session, JobFilter(), sort=sort)
    assert set(refused.value.fields) == {"sort"}


def test_a_long_list_of_short_waits_is_refused(session: Session, long: list[str]) -> None:
    for _ in range(6):
        job(session, **lasting(waited=2), kind="mail.send")
    with pytest.raises(Invalid, match=r"too many to sort by wait\. Narrow the filter, as with created:<1h"):
        page(session, JobFilter.from_text("kind:mail.send"), sort="-waited")


def test_what_waits_is_part_of_the_longest_or_there_is_none(session: Session, long: list[str]) -> None:
    ago = {"run_at": NOW - timedelta(hours=1), "created_at": NOW - timedelta(hours=1)}
    waiting = [job(session, status="queued", **ago) for _ in range(4)]
    job(session, status="queued", run_at=NOW + timedelta(1))
    assert set(listed(session, "", "-waited")) == set(waiting)
    job(session, status="queued", **ago)
    with pytest.raises(Invalid, match="too many to sort by wait"):
        page(session, JobFilter(), sort="-waited")


def test_a_cursor_of_another_order_or_of_none_is_refused(session: Session) -> None:
    for number in range(3):
        job(session, **lasting(took=number))
    by_time, by_place = (page(session, JobFilter(), limit=1, sort=sort).next for sort in ("created_at", "-took"))
    for after, sort in (
        (by_time, "-took"),
        (by_place, "created_at"),
        (by_place, "took"),
        (by_place, "-user"),
        ("x", "took"),
        (str(uuid4()), "-took"),
    ):
        with pytest.raises(Invalid, match="after is not a cursor"):
            page(session, JobFilter(), after=after, sort=sort)


@pytest.mark.slow
@pytest.mark.parametrize("text", ["", "status:failed", "kind:demo.1", "took:>30s", "kind:demo.* -user:ana", "late"])
@pytest.mark.parametrize("sort", ["-took", "-waited", "-attempt"])
def test_an_order_of_many_jobs_reads_few_of_them(many: Callable[[], Session], text: str, sort: Sort) -> None:
    with many() as session, statements(session.get_bind()) as executed:
        try:
            page(session, JobFilter.from_text(text), sort=sort)
        except Invalid:
            assert sort == "-attempt"
        for statement, parameters in list(executed):
            if "SAVEPOINT" in statement:
                continue
            explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
            (answer,) = session.connection().exec_driver_sql(explain, parameters).one()
            for node in nodes(answer[0]["Plan"]):
                assert rows_read(node) <= 4 * orders.MOST_SORTED + 3_000, (statement, node)
