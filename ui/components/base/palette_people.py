"""Users in the palette: those that match, the retry of each failed one, and what can be done for each by its name."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final
from uuid import UUID

from nicegui import ui
from sqlmodel import Session, col, select

from core.diagnosis.answer import Diagnosis
from core.diagnosis.service_check import after_check
from core.diagnosis.user import diagnose_user
from core.models import BackgroundJob, JobStatus, Role, User
from core.operation import NoForm, Operation
from core.operations import operations_of
from core.people.users import HELD_UP, SAY_MORE, UserLine, find_users
from ui import access
from ui.components.base.button import say
from ui.components.base.command_button import CommandAction, perform_action
from ui.components.base.confirm import Question, confirm
from ui.components.base.form import ModelForm
from ui.components.base.open_form import Act, Then, open_form
from ui.components.base.palette_entry import Entry
from ui.components.base.remedy import is_retry
from ui.service_checks import service_checks

#: Users that one search of the palette shows; the page Users shows more.
MOST_USERS: Final = 6
#: Users among them whose diagnosis is shown.
MOST_EXPLAINED: Final = 3
#: Letters from which on the palette searches for users.
FEWEST_LETTERS: Final = 2
#: Words between a verb and a user: enable demo mode for ana.
_BETWEEN: Final = frozenset({"for", "of", "job"})

#: A user, the operations that can start now, and the job that can be cancelled.
Verbs = tuple[UserLine, list[Operation[Any, Any]], UUID | None]


async def people_entries(query: str) -> list[Entry]:
    """Return the users that match, and the retry of each whose demo mode failed."""
    is_retry = query.lower().startswith("retry")
    user_query = query.split()[-1] if is_retry and len(query.split()) > 1 else query
    if len(user_query) < FEWEST_LETTERS:
        return []
    lines = await access.load(_people_explained, user_query)
    people = [
        Entry("person", line.email, hint, partial(ui.navigate.to, f"/users/{line.id}")) for line, hint, _ in lines
    ]
    retries = [
        Entry("replay", f"Retry failed of {line.email}…", "do", partial(_retry, line))
        for line, _, is_retried in lines
        if is_retried and access.me().may(Role.SUPPORT)
    ]
    # Enter runs the first one: a user is seen before anything is done to them, unless a retry was asked for.
    return retries if is_retry else [*people, *retries]


def _people_explained(session: Session, query: str) -> list[tuple[UserLine, str, bool]]:
    """Return the first users that match, each with their state, and whether Retry is what helps them.

    Of the first who need help, the state has the sentence, too.
    """
    lines = find_users(session, query)[:MOST_USERS]
    in_need = [line.id for line in lines if line.situation in HELD_UP]
    diagnoses = {each: diagnosis for each in in_need if (diagnosis := _diagnosis(session, each))}
    sentences = {each: diagnoses[each].sentence for each in in_need[:MOST_EXPLAINED] if each in diagnoses}
    return [
        (line, _hint(line, sentences.get(line.id, "")), line.id in diagnoses and _is_retried(diagnoses[line.id]))
        for line in lines
    ]


def _hint(line: UserLine, sentence: str) -> str:
    status = line.situation if line.situation in SAY_MORE else f"demo mode {line.status}"
    return f"{status} · {sentence}" if sentence else status


def _is_retried(diagnosis: Diagnosis) -> bool:
    return diagnosis.remedy is not None and is_retry(diagnosis.remedy)


async def _retry(line: UserLine) -> None:
    """Ask for a reason and retry the failed job; where something else has come since, show the user instead."""
    diagnosis = await access.load(_diagnosis, line.id)
    check = await service_checks.now(diagnosis.service) if diagnosis and diagnosis.service else None
    now = after_check(diagnosis, check) if diagnosis else None
    # While its service fails, it is among the others, and its effect says so.
    remedy = next(filter(is_retry, (now.remedy, *now.others)), None) if now else None
    if remedy is None:
        ui.navigate.to(f"/users/{line.id}")
        return
    question = Question(f"Retry the failed job of {line.email}?", [remedy.effect], "Retry", asks_reason=True)
    if yes := await confirm(question):
        answer = await access.perform(remedy.command, remedy.target, reason=yes.reason)
        say(f"Retrying for {line.email}.", answer.get("job_id"))


def _diagnosis(session: Session, user_id: UUID) -> Diagnosis | None:
    user = session.get(User, user_id)
    return diagnose_user(session, user) if user else None


async def verb_entries(query: str) -> list[Entry]:
    """Return what a verb means for the users that the last word finds: enable demo mode for ana, cancel ana."""
    words = query.lower().split()
    verb, who = [word for word in words[:-1] if word not in _BETWEEN], words[-1] if words else ""
    if not verb or len(who) < FEWEST_LETTERS or not access.me().may(Role.SUPPORT):
        return []
    return [entry for found in await access.load(_verbs, verb, who) for entry in _entries_of(*found)]


def _verbs(session: Session, verb: Sequence[str], who: str) -> list[Verbs]:
    """Return users, with the operations of this name that can start now, and the job that can be cancelled."""
    return [_verbs_of(session, line, verb) for line in find_users(session, who)[:MOST_USERS]]


def _verbs_of(session: Session, line: UserLine, verb: Sequence[str]) -> Verbs:
    user = session.get_one(User, line.id)
    named = [each for each in operations_of(user) if _is_named(each.label, verb) and each.allowed_from(user)]
    return line, named, _active_job(session, line.id) if _is_named("cancel", verb) else None


async def user_entries(user_id: UUID) -> list[Entry]:
    """Return everything that can be done for one user now; nothing for one that is not there."""
    if not access.me().may(Role.SUPPORT):
        return []
    explained = await access.load(_people_explained, str(user_id))
    retries = [
        Entry("replay", "Retry the failed job of this user…", "do", partial(_retry, line))
        for line, _, is_retried in explained
        if is_retried
    ]
    found = await access.load(_every_verb, user_id)
    return [*retries, *(entry for each in found for entry in _entries_of(*each, "this user"))]


def _every_verb(session: Session, user_id: UUID) -> list[Verbs]:
    return [_verbs_of(session, line, ()) for line in find_users(session, str(user_id))]


def _is_named(label: str, verb: Sequence[str]) -> bool:
    names = label.lower().split()
    return all(any(name.startswith(word) for name in names) for word in verb)


def _active_job(session: Session, user_id: UUID) -> UUID | None:
    active = col(BackgroundJob.status).in_((JobStatus.QUEUED, JobStatus.RUNNING))
    newest = select(BackgroundJob.id).where(col(BackgroundJob.user_id) == user_id, active)
    return session.exec(newest.order_by(col(BackgroundJob.created_at).desc()).limit(1)).first()


def _entries_of(
    line: UserLine, operations: Sequence[Operation[Any, Any]], job: UUID | None, name: str = ""
) -> list[Entry]:
    name = name or line.email
    entries = [Entry("bolt", f"{each.label} for {name}…", "do", partial(_start, each, line)) for each in operations]
    if job:
        question = Question(f"Cancel the job of {line.email}?", [], "Cancel the job", asks_reason=True, takes_away=True)
        action = CommandAction(command="job.cancel", label="Cancel", done="Cancelled.", target=job, question=question)
        entries.append(Entry("block", f"Cancel the job of {name}…", "do", partial(perform_action, action, do_nothing)))
    return entries


async def _start(operation: Operation[Any, Any], line: UserLine) -> None:
    """Ask for the form of an operation where it has one, or its question, and start it."""
    if operation.form is not NoForm:
        open_form(f"{operation.label} for {line.email}", operation.label, partial(_draw_form, operation, line))
        return
    done = f"{operation.doing.rstrip('…')} for {line.email}."
    action = CommandAction(command=operation.name, label=operation.label, done=done, target=line.id)
    await perform_action(action, do_nothing)


def _draw_form(operation: Operation[Any, Any], line: UserLine) -> Act:
    form = ModelForm(operation.form)

    async def act() -> Then | None:
        answer: Mapping[str, Any] = await access.perform(operation.name, line.id, form.values())
        say(f"{operation.doing.rstrip('…')} for {line.email}.", answer.get("job_id"))
        return None

    return act


async def do_nothing() -> None:
    """Leave it to the pages: they follow each change."""
