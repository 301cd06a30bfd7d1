"""Lists of jobs: labels, filters, complete pages at any depth, honest totals, and plans that stay quick."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine
from sqlmodel import Session

from core import sample
from core.database.engine import session_scope
from core.diagnosis.situation import Situation
from core.errors import Invalid, NotFound
from core.job_list import counts, queries
from core.job_list.branches import branches
from core.job_list.counts import Total, all_jobs, facets, total_of_branches
from core.job_list.filters import JobFilter
from core.job_list.queries import jobs_of_user, page
from core.job_list.rows import detail, rows_by_id
from core.job_list.sources import kinds_and_queues
from core.jobs.labels import Label, label_of
from core.models import BackgroundJob, JobStatus, User, Worker

NOW = datetime.now(UTC)


def job(session: Session, **values: object) -> BackgroundJob:
    made = BackgroundJob(**{"kind": "demo.enable", "queue": "demo", "status": "succeeded", "created_at": NOW, **values})
    session.add(made)
    session.flush()
    return made


def user(session: Session, email: str) -> User:
    made = User(email=email)
    session.add(made)
    session.flush()
    return made


def worker(session: Session, **values: object) -> Worker:
    made = Worker(**{"host": "web", "pid": 7, "threads": 8, **values})
    session.add(made)
    session.flush()
    return made


def ids_of(session: Session, **params: str) -> set[str]:
    return {row["id"] for row in page(session, JobFilter.from_params(params)).items}


def every_label(session: Session) -> dict[Label, BackgroundJob]:
    alive, silent = worker(session), worker(session, heartbeat_at=NOW - timedelta(hours=1))
    later = NOW + timedelta(hours=1)
    return {
        Label.QUEUED: job(session, status="queued"),
        Label.SCHEDULED: job(session, status="queued", run_at=later),
        Label.RETRYING: job(session, status="queued", run_at=later, attempt=1),
        Label.RUNNING: job(session, status="running", worker_id=alive.id, attempt=1),
        Label.STOPPING: job(session, status="running", worker_id=alive.id, cancel_requested_at=NOW),
        Label.ORPHANED: job(session, status="running", worker_id=silent.id),
        Label.SUCCEEDED: job(session),
        Label.FAILED: job(session, status="failed"),
        Label.CANCELLED: job(session, status="cancelled"),
    }


def test_each_label_is_the_same_in_sql_in_a_filter_and_for_a_row(session: Session) -> None:
    for label, labelled in every_label(session).items():
        its_worker = session.get(Worker, labelled.worker_id) if labelled.worker_id else None
        assert rows_by_id(session, [labelled.id])[0]["label"] == label
        assert label_of(labelled, its_worker, datetime.now(UTC)) == label
        assert ids_of(session, label=label) == {str(labelled.id)}


@pytest.mark.parametrize("gone", [{"lost_at": NOW}, {"stopped_at": NOW}])
def test_a_job_whose_worker_has_gone_is_orphaned(session: Session, gone: dict[str, datetime]) -> None:
    first = job(session, status="running", worker_id=worker(session, **gone).id)
    second = job(session, status="running", worker_id=uuid4())
    assert ids_of(session, label="orphaned") == {str(first.id), str(second.id)}


def test_a_job_with_an_accepted_cancel_is_stopping_also_when_its_worker_is_lost(session: Session) -> None:
    lost = worker(session, lost_at=NOW)
    stopping = job(session, status="running", worker_id=lost.id, cancel_requested_at=NOW)
    assert ids_of(session, label="stopping") == {str(stopping.id)}
    assert label_of(stopping, lost, datetime.now(UTC)) is Label.STOPPING


def test_a_filter_survives_the_url() -> None:
    params = {
        "status": "failed,cancelled", "label": "failed", "kind": "demo.enable", "queue": "demo", "user": "Ana@",
        "connection": str(uuid4()), "error": "answered 503", "q": "x", "created_after": "2026-11-20T14:02:00+00:00",
    }  # fmt: skip
    job_filter = JobFilter.from_params(params)
    assert JobFilter.from_params(job_filter.to_params()) == job_filter
    assert JobFilter.from_params({"status": ["failed", "cancelled"]}).to_params() == {"status": "cancelled,failed"}


def test_a_filter_without_one_of_its_fields_is_as_if_that_had_never_been_set() -> None:
    params = {
        "status": "failed", "label": "failed", "situation": "failed", "kind": "demo.enable", "queue": "demo",
        "user": "ana@", "connection": str(uuid4()), "error": "503", "q": "x",
        "created_after": "2026-11-20T14:02:00Z", "created_before": "2026-11-21T14:02:00Z",
        "finished_after": "2026-11-20T14:02:00Z", "finished_before": "2026-11-21T14:02:00Z",
        "due": "no", "other_than": str(uuid4()), "bulk": str(uuid4()), "from_bulk": str(uuid4()),
    }  # fmt: skip
    for name in JobFilter.model_fields:
        others = {other: value for other, value in params.items() if other != name}
        assert JobFilter.from_params(params).without(name) == JobFilter.from_params(others), name


@pytest.mark.parametrize(
    "params",
    [{"status": "fail"}, {"label": "late"}, {"created_after": "2026-11-20T14:02:00"}, {"created_before": "soon"},
     {"due": "soon"},
     {"bulk": "7"}, {"from_bulk": "12"}, {"connection": "7"}, {"other_than": "ana"}, {"q": "a\0b"}, {"colour": "red"}],
)  # fmt: skip
def test_a_filter_that_does_not_fit_names_its_field(params: dict[str, str]) -> None:
    with pytest.raises(Invalid) as refusal:
        JobFilter.from_params(params)
    assert set(refusal.value.fields) == set(params)


def test_every_filter_finds_what_it_says_and_nothing_else(session: Session) -> None:
    ana, ben = user(session, "Ana.Lopez@Example.com"), user(session, "ben@example.com")
    first_job = job(session, user_id=ana.id, status="failed", error_type="ProviderUnavailable",
              error_message="HTTP 503 from demo.example.com/api", error_fingerprint="f00", finished_at=NOW)  # fmt: skip
    second_job = job(session, user_id=ben.id, kind="mail.send", queue="mail", created_at=NOW - timedelta(days=2))
    first, second = {str(first_job.id)}, {str(second_job.id)}
    expected = [
        ({"user": "ana"}, first), ({"user": "ANA.LOPEZ@example.com"}, first), ({"user": str(ben.id)}, second),
        ({"other_than": str(ana.id)}, second), ({"other_than": str(ben.id), "status": "failed"}, first),
        ({"user": "an_"}, set()), ({"kind": "mail.send"}, second), ({"queue": "mail"}, second),
        ({"kind": "mail.send", "queue": "demo"}, set()), ({"error": "f00"}, first), ({"error": "unavail"}, first),
        ({"error": "503 provider"}, first), ({"error": "example.com"}, first), ({"error": "504"}, set()),
        ({"error": "&!"}, set()), ({"q": str(first_job.id)}, first), ({"id": str(first_job.id)}, first),
        ({"id": str(first_job.id), "q": str(second_job.id)}, set()), ({"id": f"{second_job.id}"[:30]}, second),
        ({"q": "ben@"}, second), ({"q": "MAIL"}, second),
        ({"q": "503"}, first), ({"q": "nothing"}, set()), ({"created_before": NOW.isoformat()}, second),
        ({"created_after": NOW.isoformat(), "status": "failed"}, first), ({"finished_after": NOW.isoformat()}, first),
        ({"finished_before": NOW.isoformat()}, set()), ({"finished_after": NOW.isoformat(), "status": "failed"}, first),
        ({"status": "failed,succeeded"}, first | second),
        ({"status": "failed", "label": "succeeded"}, set()), ({"status": "failed", "queue": "demo"}, first),
    ]  # fmt: skip
    for params, ids in expected:
        assert ids_of(session, **params) == ids, params
        branches_of_it = branches(session, JobFilter.from_params(params))
        assert total_of_branches(session, branches_of_it) == Total(len(ids), exact=True), params


@pytest.mark.parametrize("sort", ["-created_at", "created_at"])
def test_pages_by_cursor_hold_every_row_once_even_when_times_are_equal(session: Session, sort: str) -> None:
    ids = {str(job(session, created_at=NOW - timedelta(seconds=number // 5)).id) for number in range(57)}
    for params in ({}, {"kind": "demo.enable"}, {"status": "succeeded,failed"}):
        job_filter, rows, after = JobFilter.from_params(params), [], None
        while True:
            part = page(session, job_filter, limit=10, after=after, sort=sort)
            rows += part.items
            after = part.next
            if after is None:
                break
        assert [row["id"] for row in rows] == [row["id"] for row in sorted(
            rows, key=lambda row: (row["created_at"], row["id"]), reverse=sort == "-created_at")]  # fmt: skip
        assert {row["id"] for row in rows} == ids
        assert len(rows) == len(ids)


def test_an_offset_from_the_end_gives_the_rows_that_counting_from_the_start_gives(session: Session) -> None:
    for number in range(40):
        job(session, created_at=NOW - timedelta(seconds=number))
    for offset in range(41):
        near = page(session, JobFilter(), limit=10, offset=offset)
        far = page(session, JobFilter(), limit=10, offset=offset, of=40)
        assert [row["id"] for row in near.items] == [row["id"] for row in far.items]
        assert (near.next is None) == (far.next is None)
        assert near.next == far.next


@pytest.mark.parametrize("sort", ["-created_at", "created_at"])
def test_a_deep_offset_gives_the_rows_that_sorting_gives_wherever_running_jobs_are(
    session: Session, monkeypatch: pytest.MonkeyPatch, sort: queries.Sort
) -> None:
    monkeypatch.setattr(queries, "FEW", 2)
    for number in range(30):
        job(session, created_at=NOW - timedelta(seconds=number), status="running" if number % 9 < 2 else "succeeded")
    every = [row["created_at"] for row in page(session, JobFilter(), sort=sort).items]
    assert every == sorted(every, reverse=sort == "-created_at")
    for offset in range(31):
        shown = page(session, JobFilter(), limit=10, offset=offset, sort=sort).items
        assert [row["created_at"] for row in shown] == every[offset : offset + 10]


def test_kinds_are_known_from_jobs_that_wait_run_or_have_ended(session: Session) -> None:
    for status in JobStatus:
        for queue in ("one", "two"):
            job(session, kind=f"demo.{status}", queue=queue, status=status)
    every = sorted((f"demo.{status}", queue) for status in JobStatus for queue in ("one", "two"))
    assert list(kinds_and_queues(session)) == every
    for kind, queue in every:
        assert len(ids_of(session, kind=kind, queue=queue)) == 1


@pytest.mark.parametrize("cursor", ["x", "e30=", "WzEsMl0=", "é", "bnVsbA==", "W1tb" * 10_000])
def test_a_malformed_cursor_is_refused(session: Session, cursor: str) -> None:
    with pytest.raises(Invalid):
        page(session, JobFilter(), after=cursor)


@pytest.mark.parametrize("bad", [{"limit": 0}, {"limit": 201}, {"offset": -1}, {"sort": "kind"}])
def test_a_page_outside_its_bounds_is_refused(session: Session, bad: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        page(session, JobFilter(), **bad)


def test_totals_are_exact_up_to_the_cap_and_say_so_beyond(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "CAP", 5)
    for _ in range(5):
        job(session, status="failed")
    assert all_jobs(session) == Total(5, exact=True)
    job(session, status="failed")
    assert not all_jobs(session).exact
    assert page(session, JobFilter(), offset=100).total == Total(6, exact=True), "at the end it has to be right"


def test_facets_say_what_each_choice_would_show(session: Session) -> None:
    every_label(session)
    job(session, kind="mail.send")
    numbers = facets(session, JobFilter(status=frozenset({JobStatus.FAILED})))
    assert {word: total.value for word, total in numbers["status"].items()} == {
        "queued": 3, "running": 3, "succeeded": 2, "failed": 1, "cancelled": 1,
    }  # fmt: skip
    assert set(numbers["label"]) == {"queued", "scheduled", "retrying", "running", "stopping", "orphaned"}
    assert all(total == Total(1, exact=True) for total in numbers["label"].values())
    assert numbers["kind"] == {"demo.enable": Total(1, exact=True)}


@pytest.mark.parametrize("few", [counts.FEW, 1])
def test_facets_of_a_filter_count_what_is_listed_by_it(
    session: Session, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    every_label(session)
    retried = job(session, status="failed")
    job(session, retry_of=retried.id)
    monkeypatch.setattr(counts, "FEW", few)
    for name, value in [("situation", each.value) for each in Situation] + [*product(("due", "redone"), ("yes", "no"))]:
        job_filter = JobFilter.from_params({name: value})
        numbers = facets(session, job_filter)
        listed = page(session, job_filter).items
        for facet in ("status", "kind"):
            counted = {word: total.value for word, total in numbers[facet].items() if total.value}
            assert counted == Counter(row[facet] for row in listed), (name, value, facet)


def test_many_rows_have_the_same_facets_as_few(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    every_label(session)
    for params in ({}, {"kind": "demo.enable"}, {"created_after": "2020-01-01T00:00:00Z"}):
        job_filter = JobFilter.from_params(params)
        few = facets(session, job_filter)
        with monkeypatch.context() as patch:
            patch.setattr(counts, "FEW", 1)
            assert facets(session, job_filter) == few


def test_facets_of_a_thousand_kinds_count_fifty_and_say_how_many_more_there_are(
    session: Session, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.add_all(BackgroundJob(kind=f"another.{number:04}") for number in range(1_000))
    job(session)
    job(session)
    for few in (counts.FEW, 1):
        monkeypatch.setattr(counts, "FEW", few)
        with statements(engine) as executed:
            numbers = facets(session, JobFilter(kind=frozenset({"another.0999"})))
        assert len(executed) < 4 * counts.MOST_KINDS
        assert len(numbers["kind"]) == counts.MOST_KINDS
        assert numbers["more"] == {"kind": Total(1_001 - counts.MOST_KINDS, exact=True)}
    shown = {kind: numbers["kind"][kind].value for kind in ("demo.enable", "another.0000", "another.0999")}
    assert shown == {"demo.enable": 2, "another.0000": 1, "another.0999": 1}, "the console's own, the chosen, others"


def test_a_jobs_page_holds_its_whole_chain_of_retries(session: Session) -> None:
    first = job(session, status="failed", created_at=NOW - timedelta(hours=2))
    second = job(session, status="failed", retry_of=first.id, created_at=NOW - timedelta(hours=1))
    third = job(session, retry_of=second.id)
    for attempt in (first, second, third):
        assert [row["id"] for row in detail(session, attempt.id).chain] == [
            str(first.id),
            str(second.id),
            str(third.id),
        ]
    with pytest.raises(NotFound):
        detail(session, uuid4())


def test_a_row_is_flat_and_says_the_first_line_of_its_error(session: Session) -> None:
    ana = user(session, "ana@example.com")
    failed = job(
        session, user_id=ana.id, status="failed", error_type="Boom", error_message="first\nsecond " + "x" * 500
    )
    (row,) = jobs_of_user(session, ana.id)
    assert (row["id"], row["user_email"], row["error"]) == (str(failed.id), "ana@example.com", "Boom: first")
    assert json.loads(json.dumps(row)) == row


@contextmanager
def statements(engine: Engine) -> Iterator[list[tuple[str, object]]]:
    executed: list[tuple[str, object]] = []

    def note(_c: object, _k: object, statement: str, parameters: object, *_: object) -> None:
        if "background_jobs" in statement and not statement.startswith("EXPLAIN"):
            executed.append((statement, parameters))

    sa.event.listen(engine, "before_cursor_execute", note)
    yield executed
    sa.event.remove(engine, "before_cursor_execute", note)


def nodes(plan: dict[str, object]) -> Iterator[dict[str, object]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


PLANNED = [
    {}, {"status": "succeeded"}, {"status": "failed"}, {"status": "failed,cancelled"}, {"label": "orphaned"},
    {"label": "scheduled"}, {"kind": "demo.enable"}, {"kind": "nothing.here"}, {"queue": "nothing"},
    {"kind": "demo.dismiss", "status": "failed"}, {"kind": "demo.dismiss", "status": "failed", "queue": "demo"},
    {"kind": "demo.enable", "status": "queued"}, {"user": "ana"}, {"user": "nobody@"}, {"user": "ana.becker"},
    {"user": "ana", "status": "running"}, {"error": "nosuchword"}, {"error": "duplicate key"},
    {"error": "answered", "status": "cancelled"}, {"q": "nosuchthing"}, {"q": "ana.b"}, {"q": "dismiss"},
    {"created_before": "2020-01-01T00:00:00Z"}, {"user": "nobody@", "error": "answered", "kind": "demo.enable"},
    {"created_before": "2020-01-01T00:00:00Z", "status": "succeeded", "user": "ana"}, {"connection": str(UUID(int=1))},
]  # fmt: skip


@pytest.mark.slow
def test_no_list_reads_more_than_twice_what_it_counts_whatever_is_filtered_for(engine: Engine) -> None:
    """Twice: half of these jobs are of one kind, and then reading all in turn is cheaper than by the kind's index."""
    sample.fill(engine, users=800, jobs=40_000, now=NOW)
    for params in PLANNED:
        job_filter = JobFilter.from_params(params)
        with session_scope(engine) as session, statements(engine) as executed:
            page(session, job_filter)
            for statement, parameters in list(executed):
                explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
                (answer,) = session.connection().exec_driver_sql(explain, parameters).one()
                for node in nodes(answer[0]["Plan"]):
                    assert rows_read(node) <= 2 * counts.CAP + 3_000, (params, statement, node)


def rows_read(node: dict[str, object]) -> float:
    """Return how many jobs, or rows of sets, a step of a plan looked at."""
    if node.get("Relation Name") not in ("background_jobs", "bulk_rows"):
        return 0
    return (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
