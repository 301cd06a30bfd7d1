"""The roles that may run each command. `python -m tests.security.rights` writes docs/security-table.md."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from core.commands.registry import COMMANDS
from core.operation import Operation
from core.operations import operations_on
from core.operations.demo import demo_mode

PAGE = Path(__file__).resolve().parents[2] / "docs" / "security-table.md"

#: The people who ask. A member acts on their own data, or on another's; all others act on a member's.
ASKERS = ("anonymous", "member, own", "member, other's", "viewer", "support", "admin")
ADMIN = frozenset({"admin"})
SUPPORT = frozenset({"support", "admin"})
#: Support, and members on their own data.
OWN = SUPPORT | {"member, own"}
#: Every signed-in person, on themselves only: there is no way to name another.
SELF = frozenset(ASKERS) - {"anonymous"}


@dataclass(frozen=True)
class Row:
    """One command: its roles, its target and its ways in."""

    may: frozenset[str]
    #: The prepared target; see tests/security/stage.py.
    on: str = "nothing"
    args: Mapping[str, Any] = field(default_factory=dict)
    #: The API's route, and how its body names the target.
    route: str = ""
    #: The command line's words; {email}, {id} and {name} stand for the target.
    cli: str = ""


def _on_demo_mode(operation: Operation[Any, Any]) -> Row:
    preset = {"preset": "nano"} if "preset" in operation.form.model_fields else {}
    flags = "".join(f" --{name} {value}" for name, value in preset.items())
    route = f"/api/users/{{id}}/operations/{operation.name}"
    return Row(OWN, f"user {min(operation.source)}", preset, route, f"do {operation.name} --user {{email}}{flags}")


def _on_connection(verb: str) -> Row:
    name = f"connection.{verb}"
    return Row(OWN, "connection", {}, f"/api/connections/{{id}}/operations/{name}", f"connections {verb} {{id}}")


def _on_error(verb: str, on: str = "error", args: Mapping[str, Any] | None = None, cli: str = "") -> Row:
    given = {"fingerprint": "{name}", **(args or {})}
    return Row(SUPPORT, on, given, f"/api/failures/{{name}}/{verb}", cli or f"failures {verb} {{name}}")


NOBODY = UUID(int=0)
PASSWORD = "seven purple otters dance"
SCHEDULE = {"name": "{name}", "kind": "maintenance.expire_sessions", "cron": "0 3 * * *"}

RIGHTS: dict[str, Row] = {
    # People may run on their own demo mode every command that support may.
    **{operation.name: _on_demo_mode(operation) for operation in operations_on(demo_mode)},
    "job.retry": Row(OWN, "job failed", {}, "/api/jobs/{id}/retry", "jobs retry {id}"),
    "job.cancel": Row(OWN, "job queued", {}, "/api/jobs/{id}/cancel", "jobs cancel {id}"),
    "job.start_now": Row(OWN, "job planned", {}, "/api/jobs/{id}/start-now", "jobs start-now {id}"),
    "job.reschedule": Row(
        SUPPORT,
        "job planned",
        {"at": "{time}"},
        "/api/jobs/{id}/reschedule",
        "jobs reschedule {id} --at {time}",
    ),
    "job.edit_and_retry": Row(
        SUPPORT,
        "job failed",
        {"args": {"preset": "nano"}},
        "/api/jobs/{id}/edit-and-retry",
        "jobs edit-and-retry {id} --set preset=nano",
    ),
    "job.reveal": Row(ADMIN, "job failed", {}, "/api/jobs/{id}/reveal"),
    "view.save": Row(
        frozenset({"viewer"}) | SUPPORT,
        args={"name": "failed lately", "filter": "status:failed"},
        route="/api/views",
        cli="views save 'failed lately' --where status:failed",
    ),
    "columns.keep": Row(
        frozenset({"viewer"}) | SUPPORT,
        args={"columns": [{"name": "kind", "width": 140}]},
        route="/api/me/columns",
    ),
    "view.remove": Row(ADMIN, "view shared", route="/api/views/{id}/remove", cli="views remove {id}"),
    "worker.quiet": Row(ADMIN, "worker alive", route="/api/workers/{id}/quiet", cli="workers quiet {id} --reason test"),
    "worker.resume": Row(ADMIN, "worker quiet", route="/api/workers/{id}/resume", cli="workers resume {id}"),
    "worker.stop": Row(ADMIN, "worker alive", route="/api/workers/{id}/stop", cli="workers stop {id} --reason test"),
    "user.view_as": Row(SUPPORT, "user enabled"),
    "event.undo": Row(
        SUPPORT, "entry of a rescheduled job", {"event": "{name}"}, "/api/audit/{name}/undo", "audit undo {name}"
    ),
    "user.repair": Row(SUPPORT, "user adrift", {}, "/api/users/{id}/repair", "users repair {email}"),
    "maintenance.delete_old_jobs": Row(
        ADMIN,
        args={"days": 3650},
        route="/api/jobs/start/maintenance.delete_old_jobs",
        cli="do maintenance.delete_old_jobs --days 3650 --reason test",
    ),
    "maintenance.expire_sessions": Row(
        ADMIN, route="/api/jobs/start/maintenance.expire_sessions", cli="do maintenance.expire_sessions"
    ),
    "maintenance.archive_audit_log": Row(
        ADMIN, route="/api/jobs/start/maintenance.archive_audit_log", cli="do maintenance.archive_audit_log"
    ),
    "connections.refresh_due": Row(
        ADMIN, route="/api/jobs/start/connections.refresh_due", cli="do connections.refresh_due"
    ),
    "connections.revoke_owed": Row(
        ADMIN, route="/api/jobs/start/connections.revoke_owed", cli="do connections.revoke_owed"
    ),
    # The one at the browser goes to the platform, for themselves.
    "connection.begin": Row(SELF, args={"provider": "sandbox"}, route="/api/connections"),
    "connection.refresh": _on_connection("refresh"),
    "connection.disconnect": _on_connection("disconnect"),
    "connection.repair": Row(
        SUPPORT, "connection adrift", {}, "/api/connections/{id}/repair", "connections repair {id}"
    ),
    "queue.pause": Row(
        ADMIN, "queue open", {"name": "demo"}, "/api/queues/demo/pause", "queues pause demo --reason test"
    ),
    "queue.resume": Row(ADMIN, "queue paused", {"name": "demo"}, "/api/queues/demo/resume", "queues resume demo"),
    "kind.pause": Row(
        ADMIN,
        "kind open",
        {"name": "demo.enable"},
        "/api/kinds/demo.enable/pause",
        "kinds pause demo.enable --reason test",
    ),
    "kind.resume": Row(
        ADMIN, "kind paused", {"name": "demo.enable"}, "/api/kinds/demo.enable/resume", "kinds resume demo.enable"
    ),
    "kind.limit": Row(
        ADMIN,
        args={"name": "demo.enable", "max_running": 9},
        route="/api/kinds/limits",
        cli="kinds limit demo.enable --max-running 9",
    ),
    "schedule.add": Row(
        ADMIN,
        "new name",
        SCHEDULE,
        "/api/schedules",
        "schedules add {name} maintenance.expire_sessions --cron '0 3 * * *'",
    ),
    "schedule.edit": Row(
        ADMIN,
        "schedule open",
        {"cron": "0 4 * * *"},
        "/api/schedules/{id}/edit",
        "schedules edit {name} --cron '0 4 * * *'",
    ),
    "schedule.backfill": Row(
        ADMIN,
        "schedule open",
        {"since": "{time}", "until": "{time}"},
        "/api/schedules/{id}/backfill",
        "schedules backfill {name} --since {time} --until {time} --reason test",
    ),
    "schedule.pause": Row(
        ADMIN, "schedule open", {}, "/api/schedules/{id}/pause", "schedules pause {name} --reason test"
    ),
    "schedule.resume": Row(ADMIN, "schedule paused", {}, "/api/schedules/{id}/resume", "schedules resume {name}"),
    "schedule.run": Row(ADMIN, "schedule open", {}, "/api/schedules/{id}/run", "schedules run {name}"),
    "schedule.remove": Row(
        ADMIN, "schedule open", {}, "/api/schedules/{id}/remove", "schedules remove {name} --reason test"
    ),
    "analytics.roll_up": Row(ADMIN, route="/api/jobs/start/analytics.roll_up", cli="analytics rebuild"),
    "messages.send": Row(ADMIN, route="/api/jobs/start/messages.send", cli="do messages.send"),
    "bulk.run": Row(
        ADMIN,
        args={"bulk": str(NOBODY)},
        route="/api/jobs/start/bulk.run",
        cli=f"do bulk.run --bulk {NOBODY}",
    ),
    "bulk.prepare": Row(
        SUPPORT,
        "job failed",
        {"action": "job.retry", "filter": {"status": "failed"}},
        "/api/bulk",
        "bulk preview job.retry --where status=failed",
    ),
    "bulk.start": Row(SUPPORT, "bulk ready", {}, "/api/bulk/{id}/start", "bulk start {id}"),
    "bulk.abort": Row(SUPPORT, "bulk ready", {}, "/api/bulk/{id}/abort", "bulk abort {id}"),
    "bulk.undo": Row(SUPPORT, "bulk whose jobs wait", {}, "/api/bulk/{id}/undo", "bulk undo {id}"),
    "bulk.repeat": Row(SUPPORT, "bulk over", {}, "/api/bulk/{id}/repeat", "bulk repeat {id}"),
    "failure.ignore": Row(
        SUPPORT,
        "error",
        {"fingerprint": "{name}", "hours": 2},
        "/api/failures/{name}/ignore",
        "failures ignore {name} --hours 2 --reason test",
    ),
    "failure.resolve": _on_error("resolve"),
    "failure.reopen": _on_error("reopen", "error ignored"),
    "failure.assign": _on_error("assign"),
    "failure.tell": _on_error(
        "tell",
        args={"title": "Hello", "text": "We are on it."},
        cli="failures tell {name} --title Hello --text 'We are on it.'",
    ),
    "failure.note": _on_error("note", args={"text": "Seen."}, cli="failures note {name} Seen."),
    "alert.snooze": Row(
        SUPPORT, "alert", {"hours": 2}, "/api/alerts/{id}/snooze", "alerts snooze {id} --hours 2 --reason test"
    ),
    "alert.wake": Row(SUPPORT, "alert snoozed", {}, "/api/alerts/{id}/wake", "alerts wake {id}"),
    "message.resend": Row(SUPPORT, "message", {}, "/api/outbox/{id}/resend", "messages resend {id}"),
    "message.drop": Row(SUPPORT, "message", {}, "/api/outbox/{id}/drop", "messages drop {id}"),
    "message.tell": Row(
        SUPPORT,
        "user disabled",
        {"title": "Hello", "text": "All is well."},
        "/api/users/{id}/messages",
        "messages write {email} --title Hello --text 'All is well.'",
    ),
    "message.preferences": Row(OWN, "user disabled", {"email_when_done": True}, cli="messages choose {email} --on"),
    "operator.add": Row(
        ADMIN,
        "new name",
        {"email": "{name}@example.com", "role": "viewer"},
        "/api/operators",
        "operators add {name}@example.com --role viewer",
    ),
    "operator.role": Row(
        ADMIN,
        "user disabled",
        {"role": "viewer"},
        "/api/operators/{id}/role",
        "operators role {email} viewer --reason test",
    ),
    "operator.disable": Row(
        ADMIN,
        "user disabled",
        {},
        "/api/operators/{id}/disable",
        "operators disable {email} --reason test",
    ),
    "operator.link": Row(ADMIN, "user disabled", {}, "/api/operators/{id}/link", "operators link {email}"),
    "operator.enable": Row(ADMIN, "person shut out", {}, "/api/operators/{id}/enable", "operators enable {email}"),
    "session.revoke": Row(ADMIN | {"member, own"}, "session"),
    "session.revoke_others": Row(ADMIN | {"member, own"}, "person with a session"),
    # A token never speaks for another person, not even one of an admin.
    "token.create": Row(frozenset({"member, own"}), "user disabled", {"name": "nightly"}),
    "token.revoke": Row(ADMIN | {"member, own"}, "token", cli="tokens remove {id}"),
    "factor.reset": Row(ADMIN, "factor"),
    "password.change": Row(SELF, args={"password": PASSWORD}, route="/api/me/password"),
}

#: Commands that need a code from the asker's phone; tests/api/test_second_factor.py has one.
WITH_A_PHONE = {"factor.set_up", "factor.confirm", "factor.off"}
#: Commands that need a visit to a platform's page; tests/oauth/test_callback.py makes some.
WITH_CONSENT = {"connection.connect", "connection.answer"}

HEAD = """# Permissions

Made from the table in `tests/security/rights.py`, which tests run through the gateway, the API and the command line:
each command, as each role, on the person's own data and on others'. `python -m tests.security.rights` updates it.

Members can run some commands on their own data. The command line does not ask for a sign-in: a person who can run the
program on its machine, with its settings, is an admin there.

"""


def page() -> str:
    """Return the table as Markdown."""
    lines = ["| Command | What it does | " + " | ".join(ASKERS) + " | API | Command line |"]
    lines.append("|---|---|" + ":-:|" * len(ASKERS) + "---|---|")
    for name, row in sorted(RIGHTS.items()):
        marks = " | ".join("yes" if asker in row.may else "–" for asker in ASKERS)
        route, cli = (f"`{text}`" if text else "" for text in (row.route and f"POST {row.route}", row.cli))
        lines.append(f"| `{name}` | {COMMANDS[name].label} | {marks} | {route} | {cli} |")
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
