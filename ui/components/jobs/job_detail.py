"""One job in full: diagnosis, attempts, result and actions."""

from typing import Any
from uuid import UUID

from nicegui import ui
from sqlmodel import Session

from core.diagnosis.answer import Diagnosis, Remedy
from core.diagnosis.user import explain_job
from core.job_list.rows import Detail, Row, detail
from core.jobs.labels import AT_WORK, Label
from core.people.operator_list import admin_names
from core.redact import redacted
from core.wording import lasted
from ui import access, design
from ui.components.base.box import Part, box, keep_fresh, link, text
from ui.components.base.button import PRIMARY
from ui.components.base.diagnosis_box import DiagnosisBox
from ui.components.base.empty import empty
from ui.components.base.kind_words import kind_label
from ui.components.base.markup import lines
from ui.components.base.pager import Pager
from ui.components.base.progress_bar import ProgressBar
from ui.components.base.remedy import is_retry
from ui.components.base.state_chip import job_words
from ui.components.base.timeline import timeline
from ui.components.base.times import time_text
from ui.components.jobs.attempt_lines import draw_attempts
from ui.components.jobs.job_actions import draw_actions
from ui.components.jobs.job_menu import JobMenu
from ui.components.jobs.reveal import as_text, draw_arguments

#: Seconds between two refreshes while the job is unfinished: "retry in 12 s" has to count down.
REFRESH_SECONDS = 2.0
#: One of so many refreshes is made once it has ended: its age counts on.
AT_REST = 10
_ENDED = frozenset({"succeeded", "failed", "cancelled"})

Explained = tuple[Detail, Diagnosis, tuple[str, ...]]


class JobDetail:
    """The parts of a job's detail; each redraws only when it changed."""

    def __init__(self, job_id: UUID) -> None:
        self._job_id = job_id
        self._progress: ProgressBar | None = None
        self._message: ui.label | None = None
        self._moving, self._ticks = True, 0
        self._retry: ui.button | None = None
        self._recommended: Remedy | None = None
        with box("detail-body") as self._body:
            self._head: Part[Detail] = Part(self._draw_head, "vbox")
            self._diagnosis = DiagnosisBox(self.refresh, look="because", without=job_id, recommend=self._recommend)
            self._bar: Part[Detail] = Part(self._draw_progress)
            self._facts: Part[Detail] = Part(_draw_facts)
            self._attempts: Part[Detail] = Part(draw_attempts)
            self._more_attempts = Pager("attempts", self.refresh)
            self._data: Part[Detail] = Part(_draw_data, "vbox")
            self._events: Part[Detail] = Part(_draw_events)
            self._more_events = Pager("events", self.refresh)

    async def begin(self) -> None:
        """Show the job and keep it fresh."""
        await self.refresh()
        keep_fresh(self._body, self.refresh, job_id=self._job_id)
        with self._body:
            ui.timer(REFRESH_SECONDS, self._tick, immediate=False)

    async def refresh(self) -> None:
        """Load the job again and show what changed."""
        explained = await access.load(_load, self._job_id, self._more_attempts.start, self._more_events.start)
        if self._body.is_deleted:
            return
        job_detail, diagnosis, admins = explained
        row, job = job_detail.row, job_detail.job
        self._moving = row["label"] not in _ENDED
        self._head.show(job_detail, key=(row["label"], row["situation"], job.cancel_requested_at))
        self._diagnosis.show(diagnosis, admins)
        self._bar.show(job_detail, key=(row["label"], job.progress_total > 0))
        attempt = (row["attempt"], job.token, job.run_at, job.started_at)
        self._facts.show(job_detail, key=(row["label"], *attempt, row["worker"], len(job_detail.chain)))
        self._attempts.show(job_detail, key=[(each.token, each.outcome) for each in job_detail.attempts])
        self._data.show(job_detail, key=(row["label"], str(job.result)))
        self._events.show(job_detail, key=[event.id for event in job_detail.events])
        self._more_attempts.show(job_detail.attempts)
        self._more_events.show(job_detail.events)
        if self._progress:
            at_work = row["label"] in AT_WORK
            self._progress.show(job.progress_done, job.progress_total, job.progress_message, at_work=at_work)
        if self._message:
            is_ended_early = row["label"] in (Label.FAILED, Label.CANCELLED) and job.progress_message
            self._message.set_text(f"Had come to: {job.progress_message}" if is_ended_early else job.progress_message)

    async def _tick(self) -> None:
        self._ticks += 1
        if (self._moving or self._ticks % AT_REST == 0) and ui.context.client.has_socket_connection:
            await self.refresh()

    def _draw_head(self, job_detail: Detail) -> None:
        row = job_detail.row
        with box("hbox wrap"):
            lines([job_words(row["label"], row["situation"])], "")
            text(kind_label(row["kind"]), tag="h1").props["title"] = row["kind"]
            box("grow")
            with box("hbox"):
                self._retry = draw_actions([row], self.refresh).get("job.retry")
                JobMenu(job_detail.job, self.refresh)
            self._recommend(self._recommended)
        with box("hbox wrap"):
            if job_detail.connection:
                text(f"{job_detail.connection} of ")
            if job_detail.user:
                link(f"/users/{job_detail.user.id}", label=job_detail.user.email)
            else:
                text("no user", "muted")

    def _recommend(self, remedy: Remedy | None) -> None:
        """Let Retry in the head stand out while it is what the diagnosis recommends."""
        self._recommended = remedy
        if self._retry:
            self._retry.classes(toggle=PRIMARY if is_retry(remedy) is not (PRIMARY in self._retry.classes) else "")

    def _draw_progress(self, job_detail: Detail) -> None:
        row, total = job_detail.row, job_detail.job.progress_total
        self._progress = ProgressBar(kind_label(row["kind"]), design.tone_of(row["label"])) if total else None
        self._message = text("", "muted")


def _load(session: Session, job_id: UUID, attempts_from: int, events_from: int) -> Explained:
    diagnosis = explain_job(session, job_id)
    admins = admin_names(session) if diagnosis.for_admins else ()
    return detail(session, job_id, attempts_from, events_from), diagnosis, admins


def _draw_facts(job_detail: Detail) -> None:
    job, row = job_detail.job, job_detail.row
    with box("facts", "dl"):
        _fact("Requested", job.created_at)
        if job.run_at > job.created_at:
            _fact("Due", job.run_at, "clock")
        _fact("Started", job.started_at)
        _fact("Finished", job.finished_at)
        if job.started_at and job.finished_at:
            between = ", waits between attempts included" if job.token > 1 else ""
            _fact("Took", lasted(job.finished_at - job.started_at) + between)
        uncounted = job.token - job.attempt  # lost after progress, or handed back by a worker that stopped
        more = f", {uncounted:,} more not counted" if uncounted > 0 else ""
        _fact("Attempt", f"{job.attempt} of {job.max_attempts}{more}")
        _fact("Queue", f"{job.queue}, priority {job.priority}")
        _fact("Worker", row["worker"])
        _fact("Reason", job.reason)
        _fact("Id", str(job.id))
        if len(job_detail.chain) > 1:
            text("Retries", tag="dt")
            with box("vbox", "dd").style("gap: 2px"):
                for each in job_detail.chain:
                    _draw_link(each, is_this=each["id"] == str(job.id))


def _fact(name: str, value: Any, mode: Any = "ago") -> None:
    if value is None:
        return
    text(name, tag="dt")
    with box(tag="dd"):
        text(value, "mono" if name == "Id" else "") if isinstance(value, str) else time_text(value, mode)


def _draw_link(row: Row, *, is_this: bool) -> None:
    with box("hbox"):
        lines([job_words(row["label"], row["situation"])], "")
        if is_this:
            text("this job", "muted")
        else:
            link(f"/jobs/{row['id']}", "mono", row["id"][-12:])
        time_text(row["created_at"], classes="muted")


def _draw_data(job_detail: Detail) -> None:
    if result := redacted(job_detail.job.result):
        with box(tag="section"):
            text("Result", tag="h2")
            text(as_text(result), "code", tag="pre")
    if job_detail.job.args:
        draw_arguments(job_detail.job.id, job_detail.job.args)


def _draw_events(job_detail: Detail) -> None:
    with box(tag="section"):
        text("Events", tag="h2")
        if job_detail.events:
            timeline(job_detail.events)
        else:
            empty("history", "No events yet")
