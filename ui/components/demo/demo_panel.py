"""The operators' panel for one user's demo mode: its job with live progress, and every operation on it."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from nicegui import ui

from core.diagnosis.cancelling import cancel_offer
from core.diagnosis.context import JobContext
from core.jobs.labels import AT_WORK, Label
from core.models import Role
from core.operation import NoForm, Operation
from core.operations import operations_of
from core.people.users import UserPage
from core.wording import counted
from ui import access
from ui.components.base.box import box, link, text
from ui.components.base.button import PLAIN, button, forbid, say
from ui.components.base.confirm import Question, confirm
from ui.components.base.form import ModelForm
from ui.components.base.kind_words import kind_label
from ui.components.base.markup import lines, words
from ui.components.base.outcome import cancel_outcome
from ui.components.base.progress_bar import ProgressBar
from ui.components.base.state_chip import demo_words, state_chip
from ui.components.base.times import MomentField, time_text
from ui.components.demo.demo_words import preset_name
from ui.components.jobs.operation_button import operation_button

_ENDED = frozenset({Label.SUCCEEDED, Label.FAILED, Label.CANCELLED})


def draw_demo_panel(page: UserPage, after: Callable[[], Awaitable[None]]) -> ProgressBar | None:
    """Draw the panel; return the active job's progress bar, which the page updates, or None without such a job."""
    user = page.user
    at_work = page.context if page.context and page.context.label not in _ENDED else None
    heading = [words("Demo mode", tag="h2"), demo_words(user.demo_mode_status)]
    if user.demo_preset:
        # While a job changes it, the number is in its progress.
        number = "" if at_work else f" · {counted(page.demo_interactions, 'interaction')}"
        heading.append(words(preset_name(user.demo_preset) + number, "muted"))
    lines(heading, "title")
    with box("body vbox").style("gap: 14px"):
        progress = _draw_job(at_work, after) if at_work else None
        _draw_operations(page, at_work is not None, after)
    return progress


def shown_of_job(context: JobContext) -> tuple[object, ...]:
    """Return what the panel shows of a job besides its progress: while that is the same, nothing is drawn anew."""
    job = context.job
    return job.id, context.label, job.attempt, job.run_at, job.cancel_requested_at, cancel_offer(job)


def _draw_job(context: JobContext, after: Callable[[], Awaitable[None]]) -> ProgressBar:
    job = context.job
    offer = cancel_offer(job)

    async def cancel() -> None:
        question = Question(
            f"{offer.label}?",
            [offer.effect],
            "Cancel the job" if offer.label == "Cancel" else offer.label,
            asks_reason=True,
            takes_away=True,
        )
        if yes := await confirm(question):
            answer = await access.perform("job.cancel", job.id, reason=yes.reason)
            say(cancel_outcome(answer), job.id)
            await after()

    with box("vbox"):
        with box("hbox wrap"):
            state_chip(context.label.value)
            link(f"/jobs/{job.id}", label=kind_label(job.kind)).tooltip(job.kind)
            text(f"attempt {job.attempt} of {job.max_attempts}" if job.attempt else "", "muted")
            if context.label is Label.SCHEDULED:
                time_text(job.run_at, "clock", "muted")
            box("grow")
            if job.cancel_requested_at is None:
                _only_support(button(offer.label, cancel, look=PLAIN))
        progress = ProgressBar(kind_label(job.kind))
        at_work = context.label in AT_WORK
        progress.show(job.progress_done, job.progress_total, job.progress_message, at_work=at_work)
    return progress


def _draw_operations(page: UserPage, at_work: bool, after: Callable[[], Awaitable[None]]) -> None:  # noqa: FBT001 - a fact
    forms: dict[str, ModelForm] = {}
    user, given = page.user, {"preset": page.preset} if page.preset else {}
    operations = operations_of(user)
    startable = [each for each in operations if each.allowed_from(user) and not at_work]
    when = None
    if startable:
        with box("pair"):
            forms = dict(_drawn_forms([each for each in startable if each.form is not NoForm], given))
            when = MomentField("Start at")
    with box("hbox wrap"):
        for operation in operations:
            filled = _filled(forms.get(operation.name), when)
            is_main = not page.diagnosis.has_remedy and operation in startable[:1]
            operation_button(operation, user, filled=filled, at_work=at_work, after=after, is_main=is_main)


def _drawn_forms(
    operations: Sequence[Operation[Any, Any]], given: Mapping[str, Any]
) -> Iterator[tuple[str, ModelForm]]:
    """Draw the form of each operation, with its name where there are several."""
    for operation in operations:
        with box():
            if len(operations) > 1:
                text(f"For “{operation.label}”", "muted", tag="p")
            yield operation.name, _form_of(operation, given)


def _form_of(operation: Operation[Any, Any], given: Mapping[str, Any]) -> ModelForm:
    """Return an operation's form with what was last asked for."""
    return ModelForm(operation.form, given={name: given[name] for name in given if name in operation.form.model_fields})


def _filled(form: ModelForm | None, when: MomentField | None) -> Callable[[], tuple[dict[str, Any], datetime | None]]:
    return lambda: (form.values() if form else {}, when.instant if when else None)


def _only_support(cancel_button: ui.button) -> None:
    actor = access.me()
    if not actor.may(Role.SUPPORT):
        forbid(cancel_button, f"{cancel_button.text} needs the role support; you are {actor.role}.")
