"""The counts above the list of jobs are read once for all viewers, and again after each change."""

import asyncio
from collections.abc import Coroutine
from types import SimpleNamespace

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from core.bus import Changes
from core.job_list.counts import Facets, facets
from core.job_list.filters import JobFilter
from core.models import BackgroundJob
from tests.ui.test_first_answer import in_a_loop
from ui import access, live, query_cache

ALL = JobFilter()


@pytest.fixture
def counted(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[JobFilter]:
    """Return the filters that are counted in the database, from now on."""
    filters: list[JobFilter] = []

    def noted(session: Session, job_filter: JobFilter) -> Facets:
        filters.append(job_filter)
        return facets(session, job_filter)

    monkeypatch.setattr(access, "_engines", [engine])
    monkeypatch.setattr(query_cache, "facets", noted)
    monkeypatch.setattr(live, "hub", live.Hub())
    return filters


def queued(counts: object) -> int:
    assert isinstance(counts, dict)
    return int(counts["status"]["queued"].value)


def test_viewers_who_look_at_once_share_one_count(counted: list[JobFilter]) -> None:
    counts = query_cache.UntilChanged(query_cache.facets, query_cache.COUNTED)

    async def look() -> None:
        await asyncio.gather(*(counts.now(ALL) for _ in range(20)), counts.now(ALL.but(q="ana")))

    in_a_loop(look())
    assert sorted(counted, key=str) == sorted([ALL, ALL.but(q="ana")], key=str)


def test_counts_contain_each_change_that_was_known(counted: list[JobFilter], session: Session) -> None:
    counts = query_cache.UntilChanged(query_cache.facets, query_cache.COUNTED)
    assert queued(in_a_loop(counts.now(ALL))) == 0
    session.add(BackgroundJob(kind="test", queue="default"))
    session.commit()
    live.hub._note(Changes(everything=True))
    assert queued(in_a_loop(counts.now(ALL))) == 1


@pytest.mark.parametrize("own", ["anew", "late"])
def test_counts_are_read_again(
    own: str, counted: list[JobFilter], session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    if own == "late":
        monkeypatch.setattr(query_cache, "COUNTED", 0.0)
    counts = query_cache.UntilChanged(query_cache.facets, query_cache.COUNTED)
    in_a_loop(counts.now(ALL))
    session.add(BackgroundJob(kind="test", queue="default"))
    session.commit()
    again: Coroutine[object, object, object] = counts.anew(ALL) if own == "anew" else counts.now(ALL)
    assert queued(in_a_loop(again)) == 1, "a person's own change may not be known here yet"


def test_only_so_many_filters_are_kept(counted: list[JobFilter], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_cache, "MOST_KEPT", 2)
    counts = query_cache.UntilChanged(query_cache.facets, query_cache.COUNTED)

    async def look() -> None:
        for word in ("a", "b", "c"):
            await counts.now(ALL.but(q=word))

    in_a_loop(look())
    assert [each.q for each in counts._last] == ["b", "c"]


@pytest.mark.parametrize(
    ("changes", "moments", "reads"),
    [
        # The second count takes a second, and holds no longer than fifteen.
        (1, (0.0, 0.1, 4.9, 5.2, 10.0, 11.0, 25.9, 26.1, 26.2, 26.3), [1, 1, 2, 2, 3]),
        (0, (0.0, 0.1, 4.9, 5.2, 59.9, 60.2, 60.3, 60.4), [1, 1, 1, 1, 2]),
    ],
)
def test_bars_hold_for_seconds_whatever_changes_and_longer_if_they_are_dear_or_nothing_does(
    changes: int,
    moments: tuple[float, ...],
    reads: list[int],
    counted: list[JobFilter],
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bars, passing = query_cache.HeldFor(query_cache.facets, query_cache.DRAWN), iter(moments)
    monkeypatch.setattr(query_cache, "time", SimpleNamespace(monotonic=lambda: next(passing)))

    async def look() -> list[int]:
        seen = []
        for _ in reads:
            await bars.now(ALL)
            seen.append(len(counted))
            live.hub.noted += changes
        return seen

    assert in_a_loop(look()) == reads
