"""The command line, a file for each group of verbs: the same commands as the buttons; reads print JSON with --json."""

from typing import Final

import typer

from ui.cli import (
    alerts,
    analytics,
    audit,
    bulk,
    connections,
    doctor,
    failures,
    jobs,
    keys,
    kinds,
    messages,
    operation,
    operators,
    queues,
    schedules,
    terminal,
    tokens,
    users,
    views,
    workers,
)

#: Every group: its name, a second name that stays out of --help, and its verbs.
GROUPS: Final = (
    ("jobs", "job", jobs.verbs),
    ("users", "user", users.verbs),
    ("connections", "connection", connections.verbs),
    ("views", "view", views.verbs),
    ("bulk", None, bulk.verbs),
    ("failures", None, failures.verbs),
    ("analytics", None, analytics.verbs),
    ("queues", "queue", queues.verbs),
    ("kinds", "kind", kinds.verbs),
    ("schedules", "schedule", schedules.verbs),
    ("workers", None, workers.verbs),  # `worker` starts one
    ("operators", "operator", operators.verbs),
    ("alerts", "alert", alerts.verbs),
    ("messages", "message", messages.verbs),
    ("tokens", "token", tokens.verbs),
    ("keys", "key", keys.verbs),
    ("audit", None, audit.verbs),
)


def install(app: typer.Typer, connection: terminal.Connection) -> None:
    """Add all groups and verbs to the program; `connection` opens the database and the bus for one verb."""
    terminal.use(connection)
    for plural, singular, verbs in GROUPS:
        app.add_typer(verbs, name=plural)
        if singular:
            app.add_typer(verbs, name=singular, hidden=True)
    app.add_typer(operation.verbs, name="do")
    app.command()(doctor.doctor)
