"""The rules, one value each: what operators are told of."""

from datetime import timedelta
from typing import Final

from sqlalchemy import text

from core.alerts.errors import new_errors
from core.alerts.rule import Facts, Finding, Rule
from core.diagnosis.situation import Situation
from core.job_list.addresses import jobs_with
from core.lateness import failed_schedules, late_schedules
from core.messages.listing import ways_out
from core.overview import TARGET, endings_since
from core.queues.controls import QueueState, kind_lines
from core.settings import settings
from core.slowdown import UNSEALED, delays
from core.wording import counted, spoken

#: The rate of success is of this period, and of no fewer ends.
PERIOD, FEWEST = timedelta(hours=1), 20
#: A pause of so long was probably forgotten.
LONG_PAUSE = timedelta(hours=4)
#: A way out that refuses for so long is told; other errors of one message are its own.
REFUSING = timedelta(minutes=5)
_GIVEN_UP = text("""
    SELECT count(*) FROM notifications
    WHERE status = 'failed' AND channel = 'email' AND created_at > statement_timestamp() - interval '3 days'
      AND finished_at BETWEEN statement_timestamp() - CAST(:period AS interval) AND statement_timestamp()
""")


def _users(facts: Facts) -> list[Finding]:
    users = facts.health.users[Situation.STUCK]
    if not users:
        return []
    sentence = f"{counted(users, 'user is', 'users are')} stuck: nothing moves them any more"
    return [Finding(sentence=sentence, href=f"/users?situation={Situation.STUCK.value}")]


def _success(facts: Facts) -> list[Finding]:
    succeeded, failed = endings_since(facts.session, facts.now - PERIOD)
    ended = succeeded + failed
    fewest = 1 if facts.is_open("success_rate") else FEWEST
    if ended < fewest or succeeded >= TARGET * ended:
        return []
    rate = f"{100 * succeeded // ended} % of the jobs that ended within an hour succeeded"
    sentence = f"{rate} ({failed:,} of {ended:,} failed); the target is {100 * TARGET:.0f} %"
    return [Finding(sentence=sentence, href=jobs_with({"status": "failed"}))]


def _waits(facts: Facts) -> list[Finding]:
    longest = settings().alert_wait_minutes * 60
    return [
        Finding(
            subject=line.name,
            sentence=f"The oldest of {counted(line.waiting, 'job')} in the queue {line.name} has waited "
            f"{spoken(timedelta(seconds=line.oldest_seconds))}",
            href=jobs_with({"queue": line.name}),
            since=facts.now - timedelta(seconds=line.oldest_seconds),
        )
        for line in facts.queues
        if line.oldest_seconds
        and line.oldest_seconds > longest
        and (line.state is QueueState.ACTIVE or facts.is_open("long_wait", line.name))
    ]


def _unserved(facts: Facts) -> list[Finding]:
    is_alive = bool(facts.health.workers_alive + facts.health.workers_silent)
    of_queues = [
        Finding(
            subject=line.name,
            sentence=f"No worker serves the queue {line.name}: {_waiting(line.waiting)}",
            href=jobs_with({"queue": line.name}),
        )
        for line in facts.queues
        if line.waiting
        and not line.workers + line.silent + line.quiet
        and (is_alive or facts.is_open("no_worker", line.name))
    ]
    if is_alive:
        return of_queues
    sentence = f"No worker is alive: {_waiting(facts.health.queue_depth)}, and none starts"
    return [Finding(sentence=sentence, href="/workers"), *of_queues]


def _pauses(facts: Facts) -> list[Finding]:
    paused = [("queue", line.name, line, line.waiting) for line in facts.queues]
    paused += [("kind", line.kind, line, None) for line in kind_lines(facts.session)]  # type: ignore[misc]
    return [
        Finding(
            subject=f"{what} {name}",
            sentence=f"The {what} {name} has been paused by {line.paused_by} for {spoken(facts.now - line.paused_at)}"
            + (f": {line.paused_reason.rstrip('.')}" if line.paused_reason else ", without a reason")
            + ("" if waiting is None else f" · {_waiting(waiting)}"),
            href="/queues",
            since=line.paused_at,
        )
        for what, name, line, waiting in paused
        if line.paused_at and facts.now - line.paused_at > LONG_PAUSE
    ]


def _schedules(facts: Facts) -> list[Finding]:
    late = [
        Finding(
            subject=each.name,
            sentence=f"The schedule {each.name} cannot start its job: {each.problem.rstrip('.')}"
            if each.problem
            else f"The schedule {each.name} is late by {spoken(timedelta(seconds=each.seconds))}",
            href="/schedules",
        )
        for each in late_schedules(facts.session)
    ]
    failed = [
        Finding(
            subject=f"{each.name} failed",
            sentence=f"The last run of the schedule {each.name} failed: {each.reason}",
            href=f"/jobs/{each.job_id}",
        )
        for each in failed_schedules(facts.session)
    ]
    return late + failed


def _outbox(facts: Facts) -> list[Finding]:
    refusing = [
        Finding(
            subject=f"{out.channel} {out.way}",
            sentence=f"Messages do not leave: {out.refusal.rstrip('.')}",
            href="/outbox",
            since=out.refused_at,
        )
        for out in ways_out(facts.session)
        if out.way and out.refused_at and facts.now - out.refused_at > REFUSING
    ]
    given_up = facts.session.connection().execute(_GIVEN_UP, {"period": PERIOD}).scalar_one()
    if not given_up:
        return refusing
    sentence = f"{counted(given_up, 'e-mail')} could not be sent within the last hour"
    return [*refusing, Finding(subject="failed", sentence=sentence, href="/outbox?status=failed")]


def _seal(facts: Facts) -> list[Finding]:
    unsealed = delays(facts.session).unsealed
    if unsealed < UNSEALED:
        return []
    sentence = f"Entries of the audit log have waited {spoken(unsealed)} for their seal"
    return [Finding(sentence=sentence, href="/audit", since=facts.now - unsealed)]


def _errors(facts: Facts) -> list[Finding]:
    return [
        Finding(
            subject=each.fingerprint,
            sentence=f"{each.news} of {each.kind}: {each.message.rstrip('.')} · {counted(each.jobs, 'job')}, "
            f"{counted(each.users, 'user')}",
            href=jobs_with({"situation": "failed", "error": each.fingerprint}),
            since=each.began_at,
        )
        for each in new_errors(facts.session, facts.open_subjects("new_error"))
    ]


def _waiting(jobs: int) -> str:
    return f"{jobs:,} jobs wait" if jobs != 1 else "1 job waits"


#: A new rule is its value here; the page, the messages and the tests of all rules follow.
RULES: Final = (
    Rule(name="users_stuck", label="Users stuck", find=_users, after=timedelta(minutes=5)),
    Rule(name="success_rate", label="Low success rate", find=_success),
    Rule(name="long_wait", label="Long wait", find=_waits),
    Rule(name="no_worker", label="No worker", find=_unserved, after=timedelta(minutes=2)),
    Rule(name="long_pause", label="Long pause", find=_pauses),
    Rule(name="schedule_missed", label="Schedule missed", find=_schedules, after=timedelta(minutes=1)),
    Rule(name="new_error", label="New error", find=_errors),
    Rule(name="outbox_failing", label="Messages do not leave", find=_outbox),
    Rule(name="audit_unsealed", label="Audit log not sealed", find=_seal),
)
BY_NAME: Final = {rule.name: rule for rule in RULES}
