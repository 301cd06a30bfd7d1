"""What is at work now, for Overview: queues as lanes, workers as squares of their threads, and how long kinds take."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from markupsafe import Markup

from core import clock
from core.analytics.figures import JobFigures, Times
from core.job_list.addresses import jobs_with
from core.job_list.rows import Row
from core.queues.controls import QueueLine, QueueState
from core.queues.last_day import JobTimes
from core.queues.summary import QueueSummary
from core.queues.workers import WorkerLine, WorkerListing, WorkerState
from core.wording import counted
from ui import query_cache
from ui.components.analytics.figures_tiles import duration
from ui.components.base.box import Part, box
from ui.components.base.kind_words import kind_label
from ui.components.base.markup import anchor, lines, linked, moment, tagged, title, words
from ui.components.base.state_chip import state_words

#: Kinds that are named: those with the most jobs.
KINDS_SHOWN: Final = 6
#: Squares that are drawn for one worker.
SQUARES_SHOWN: Final = 64


@dataclass(frozen=True, slots=True)
class _Lane:
    """A queue, the threads that serve it, and when its oldest due job was due."""

    queue: QueueLine
    threads: int
    due_since: datetime | None

    @property
    def visible(self) -> tuple[object, ...]:
        line = self.queue
        paused = line.paused_by, line.paused_reason
        return line.name, line.waiting, line.running, line.state, *paused, self.threads, self.due_since


class AtWork:
    """Three panels that are the last of their page: what comes after its first paint pushes nothing down."""

    def __init__(self) -> None:
        with box("columns") as self._box:
            with box():
                self._queues: Part[list[_Lane]] = Part(_draw_queues, "panel")
                self._workers: Part[WorkerListing] = Part(_draw_workers, "panel")
            with box():
                self._kinds: Part[JobTimes] = Part(_draw_kinds, "panel")
        self._read: QueueSummary | None = None
        self._due: dict[str, datetime | None] = {}

    async def refresh(self) -> None:
        """Load all three, which all viewers share, and show what changed."""
        queues, listing = await query_cache.queues.now(), await query_cache.workers.now()
        times = await query_cache.times.now()
        if self._box.is_deleted:
            return
        if queues is not self._read:  # later, the same age would mean another time
            self._read, self._due = queues, {each.line.name: _due_since(each.line) for each in queues.queues}
        threads = _threads(listing)
        named = [(each.line, each.line.name) for each in queues.queues]
        lanes = [_Lane(line, threads.get(name, 0), self._due[name]) for line, name in named]
        self._queues.show(lanes, key=[lane.visible for lane in lanes])
        jobs = [(each.worker.id, each.presence, [job["id"] for job in each.jobs]) for each in listing.alive]
        self._workers.show(listing, key=jobs)
        self._kinds.show(times, key=(times.by_kind, times.day.until))


def _threads(listing: WorkerListing) -> dict[str, int]:
    """Return how many threads serve each queue; one that serves several counts for each."""
    threads: dict[str, int] = {}
    for line in listing.alive:
        for queue in line.worker.queues:
            threads[queue] = threads.get(queue, 0) + line.worker.threads
    return threads


def _draw_queues(lanes: list[_Lane]) -> None:
    title("Queues", "jobs running, of the threads that may run them")
    lines([_lane(lane) for lane in lanes], "rows lanes")


def _lane(lane: _Lane) -> Markup:
    queue, threads, where = lane.queue, lane.threads, {"queue": lane.queue.name}
    share = min(100, 100 * queue.running // threads) if threads else 0
    meter = tagged("span", tagged("i", style=f"width: {share}%"), classes="meter", aria_hidden="true")
    running = _jobs(queue.running, f"{queue.running:,} of {threads:,}", {**where, "status": "running"})
    oldest = [words(" · oldest "), moment(lane.due_since, "elapsed")] if lane.due_since else []
    waiting = _jobs(queue.waiting, f"{queue.waiting:,} waiting", {**where, "due": "yes", "sort": "created_at"}, *oldest)
    name = anchor("/queues", words(queue.name, "strong"), classes="clip")
    return tagged("div", name, meter, running, waiting, _state(queue), classes="row-line")


def _due_since(queue: QueueLine) -> datetime | None:
    """Return when its oldest due job was due, in even seconds: about the same each time, while the browser counts."""
    if queue.oldest_seconds is None:
        return None
    at = clock.now() - timedelta(seconds=queue.oldest_seconds)
    return at.replace(second=at.second // 2 * 2, microsecond=0)


def _state(queue: QueueLine) -> Markup:
    """Return its state in words, with who paused it and why; nothing of one that works."""
    if queue.state is QueueState.ACTIVE:
        return tagged("span")
    why = f" by {queue.paused_by}: {queue.paused_reason or 'no reason given'}" if queue.paused_at else ""
    return tagged("span", state_words(queue.state), words(why), classes="clip", title=f"{queue.state}{why}")


def _jobs(number: int, shown: str, where: Mapping[str, str], *more: Markup) -> Markup:
    return linked(jobs_with(where), number, words(shown), *more, classes="num", tag="span")


def _draw_workers(listing: WorkerListing) -> None:
    threads = sum(line.worker.threads for line in listing.alive)
    busy = sum(len(line.jobs) for line in listing.alive)
    title("Workers", f"{busy:,} of {counted(threads, 'thread')} busy" if listing.alive else "")
    none = tagged("div", state_words("lost", "No worker is alive: no job starts."), classes="row-line")
    lines([_worker(line) for line in listing.alive] or [none], "rows threads")


def _worker(line: WorkerLine) -> Markup:
    worker = line.worker
    state = [] if line.presence is WorkerState.ALIVE else [state_words(line.presence.value)]
    name = anchor("/workers", words(f"{worker.host}:{worker.pid}", "clip"))
    idle = max(0, min(worker.threads, SQUARES_SHOWN) - len(line.jobs))
    squares = [*map(_square, line.jobs[:SQUARES_SHOWN]), *[tagged("i", classes="square", aria_hidden="true")] * idle]
    busy = words(f"{len(line.jobs)} of {counted(worker.threads, 'thread')} busy", "hidden-visually")
    return tagged("div", name, tagged("span", *squares, busy, classes="squares"), *state, classes="row-line")


def _square(job: Row) -> Markup:
    name = " for ".join(filter(None, (kind_label(job["kind"]), job["user_email"])))
    return anchor(f"/jobs/{job['id']}", classes="square busy", title=name, aria_label=name)


def _draw_kinds(times: JobTimes) -> None:
    until = [words("half / 95 % of jobs in 24 h up to "), moment(times.day.until, "clock")] if times.day.until else []
    lines([words("Wait and run", tag="h2"), tagged("span", *until, classes="muted")], "title")
    head = tagged("div", *(words(each, "muted") for each in ("Kind", "Wait", "Run")), classes="row-line")
    rows = [_kind(*each) for each in _most(times.by_kind.items())]
    # After the first start, and where jobs were added that had finished before.
    said = (
        "No job has finished in this time."
        if times.day.until
        else "Not added up yet; jobs are added up every 15 minutes."
    )
    none = tagged("div", words(said, "muted"), classes="row-line")
    lines([head, *rows] if rows else [none], "rows kind-times")


def _most(kinds: Iterable[tuple[str, JobFigures]]) -> list[tuple[str, JobFigures]]:
    return sorted(kinds, key=lambda each: -each[1].finished)[:KINDS_SHOWN]


def _kind(kind: str, figures: JobFigures) -> Markup:
    name = words(kind_label(kind), "clip", title=kind)
    return anchor(f"/analytics?{urlencode({'kind': kind})}", name, *map(_times, (figures.wait, figures.run)))


def _times(times: Times) -> Markup:
    return words(f"{duration(times.p50)} / {duration(times.p95)}", "num")
