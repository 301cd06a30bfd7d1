"""The gateway is the only way to the database: no page, route or verb writes around core/commands/gateway.py."""

import re

import pytest

from tests.security.writers import Module, modules, violations, writers

#: Functions that sign people in and out run before the gateway, which needs to know the person.
SIGN_IN = frozenset(
    {
        "core.people.auth.authenticate",  # notes a session's last use
        "core.people.auth.sign_in",
        "core.people.auth.sign_in_by_link",
        "core.people.auth.sign_in_by_code",
        "core.people.auth.sign_in_by_provider",
        "core.people.auth.pend",  # notes a sign-in that still needs its code
        "core.people.oidc_people.opened",  # spends a sign-in's state
        "core.people.oidc_people.person_of",  # adds or changes the person whom the provider vouches for
        "core.people.auth.sign_out",
    }
)
GATEWAY = frozenset({"core.commands.gateway.perform", "core.commands.gateway.perform_undoable"})
#: The table of commands holds functions that write; pages read labels and roles of it. Calling them is found by `.act`.
NAMED = frozenset({"core.commands.registry.COMMANDS"})
#: Functions that the program runs before its first request: servers, sample, the first admin's link.
FIRST_START = frozenset(
    {
        "core.local.first_run.fill_history",
        "core.local.first_run.load_legacy",
        "core.local.first_run.local_admin_link",
        "core.sample.fill",
    }
)
#: Verifying the log seals events that are not sealed yet; it changes no data of a person.
SEALING = frozenset({"core.audit.chain.verify.verify"})
#: `keys rotate` is for the holder of the keys, at the machine; no page or route offers it.
KEYS = frozenset({"core.encryption.rotation.rotate"})
#: An update of no row asks whether the server accepts writes.
ASKING = frozenset({"core.database.failover.check_writable"})
#: What is wrong, and the messages about it, are nobody's data.
TOLD = ("core.alerts.", "core.messages.")
UI = SIGN_IN | GATEWAY | NAMED | SEALING | KEYS | ASKING


@pytest.mark.parametrize("module", modules("ui").values(), ids=lambda module: module.name)
def test_no_page_route_or_verb_writes_around_the_gateway(module: Module) -> None:
    assert violations(module, UI) == [], (
        "declare a command in core/commands/registry.py and call it through the gateway"
    )


def test_the_program_itself_writes_only_what_a_first_start_needs() -> None:
    writes = [line for module in modules("main.py").values() for line in violations(module, FIRST_START)]
    assert writes == []


def test_workers_write_through_the_engine_and_never_by_a_statement_of_their_own() -> None:
    engine = frozenset(
        path
        for path in writers()
        if path.startswith(("core.jobs.", "core.schedules.scheduling.", "core.audit.chain.", *TOLD))
    )
    writes = [line for module in modules("tasks").values() for line in violations(module, engine)]
    # What a bulk action does, each row a command; one for a group of endings and claims, that of core's
    # `finish_and_claim`; two that read; a commit per message.
    allowed = (
        r"tasks\.(carrier|solitude):\d+ core\.database\.statement\.for_one_statement writes, and is no command"
        r"|tasks\.lookout:\d+ .*session\.commit.*"
        r"|tasks\.worker:\d+ core\.commands\.bulk_run\.lend_work writes, and is no command"
    )
    assert [line for line in writes if not re.fullmatch(allowed, line)] == []


PLANTED = {
    "adds a row": "def save(session, row):\n    session.add(row)",
    "commits": "def save(work):\n    work.session.commit()",
    "deletes a row": "def drop(session, row):\n    session.delete(row)",
    "an update": "from sqlmodel import update\nSTATEMENT = update(User)",
    "an insert": "from sqlalchemy.dialects.postgresql import insert\ndef f(s):\n    s.exec(insert(User))",
    "by the long name": "import sqlalchemy as sa\ndef f(s):\n    s.exec(sa.delete(User))",
    "SQL in text": "def f(c):\n    c.execute(text('UPDATE users SET role = 1'))",
    "SQL in a constant": "_X = text('DELETE FROM users')\ndef f(c):\n    c.execute(_X)",
    "sets a column": "def f(session):\n    user = session.get(User, 1)\n    user.role = 'admin'",
    "sets one in a scope": "def f(engine):\n    with session_scope(engine) as s:\n        s.get(U, 1).role = 2",
    "an engine's own transaction": "def f():\n    with access.engine().begin() as c:\n        c.execute(x)",
    "core's own function": "from core.people import operators\ndef f(s):\n    operators.disable(s, 1, me, None)",
    "handed on": "from core.people.operators import disable\ndef f(s):\n    read(who, disable, 1)",
    "by another name": "from core.jobs.request import request_task as ask\ndef f(s):\n    ask(s)",
    "through others": "from core.jobs.retry import retry\ndef f(s):\n    retry(s, 1, me)",
    "an event": "from core.audit.record import record\ndef f(s):\n    record(s, me, 'x')",
    "past the checks": "from core.commands.registry import COMMANDS\ndef f(s):\n    COMMANDS['job.retry'].act(s, call)",
}


@pytest.mark.parametrize("source", PLANTED.values(), ids=PLANTED.keys())
def test_the_check_finds_what_is_planted(source: str) -> None:
    assert violations(Module.parse("ui.planted", source), UI) != []


@pytest.mark.parametrize(
    "source",
    [
        "def f(session):\n    return session.exec(select(User)).all()",
        "def f(session):\n    return session.execute(text('SELECT count(*) FROM users'))",
        "from core.people import auth\ndef out(who):\n    read(who, auth.sign_out)",
        "def f():\n    '''Delete from users what is gone; update users set.'''",
        "def f(dialog):\n    dialog.delete()\n    shown.add(1)",
    ],
)
def test_the_check_lets_reading_pass(source: str) -> None:
    assert violations(Module.parse("ui.planted", source), UI) == []


def test_the_functions_of_core_that_write_are_known() -> None:
    known = {
        "core.jobs.cancel.cancel",
        "core.jobs.retry.retry",
        "core.schedules.scheduling.add",
        "core.people.operators.link",
    }
    assert known <= writers()
    assert (
        not {"core.people.users.find_users", "core.job_list.queries.page", "core.diagnosis.user.diagnose_user"}
        & writers()
    )
