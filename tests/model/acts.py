"""Each move of the model as what the real engine does: one function of core/jobs, in one transaction."""

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import text
from sqlmodel import Session

from core.database.engine import session_scope
from core.errors import GiveUp, Refused, TryAgain
from core.jobs import sweep, workers
from core.jobs.cancel import cancel
from core.jobs.claim import claim
from core.jobs.request import request
from core.jobs.retry import retry
from core.operations import BY_NAME
from tests.driving import STEP
from tests.factories import SUPPORT
from tests.model.puppet import GONE, Puppet, database_away
from tests.model.stage import QUEUE, Stage
from tests.model.state import CLAIMED, SWEEPER, Seen
from tests.model.transition import Move

#: Long against a test, so that no worker is silent by accident; a test sets its silent workers back by more.
LEASE = timedelta(hours=1)
_SILENCE = text("UPDATE workers SET heartbeat_at = heartbeat_at - interval '2 hours' WHERE id = :id")
_OVERRUN = text("UPDATE background_jobs SET deadline_at = statement_timestamp() - interval '1 s' WHERE id = :id")
_WAIT = text("UPDATE background_jobs SET run_at = statement_timestamp() WHERE id = :id")


def act(stage: Stage, move: Move) -> str:
    """Make one move on the real engine; return the name of the error that refuses a person, or nothing."""
    try:
        _ACTS[move.name](stage, move)
    except Refused as refusal:
        return type(refusal).__name__
    return ""


def _claim(stage: Stage, move: Move) -> None:
    worker = stage.identity()
    with Session(stage.engine, expire_on_commit=False) as session:
        held = claim(session, worker, QUEUE, BY_NAME, STEP)
        session.commit()
    if move.name == "claim in vain":
        stage.give_back_identity(worker)
        assert held is None, f"something was claimed: {held}"
        return
    assert held is not None, "nothing was claimed"
    assert held.token == move.token, f"claimed under token {held.token}"
    stage.puppets[move.job, move.token] = Puppet(stage.engine, held)
    stage.holders[move.job, move.token] = worker


def _go_on(stage: Stage, move: Move) -> None:
    _order(stage, move, None)


def _raise_error(stage: Stage, move: Move) -> None:
    _order(stage, move, TryAgain("the paper is jammed"))


def _give_up(stage: Stage, move: Move) -> None:
    _order(stage, move, GiveUp("there is no paper"))


def _hear_stop(stage: Stage, move: Move) -> None:
    puppet = stage.puppets[move.job, move.token]
    puppet.stopping = True
    _order(stage, move, None)
    puppet.stopping = False


def _finish_unheard(stage: Stage, move: Move) -> None:
    puppet = stage.puppets[move.job, move.token]
    puppet.deaf = True
    _order(stage, move, None)
    puppet.deaf = False


def _lose_answer(stage: Stage, move: Move) -> None:
    """Let the thread give up on the database; a thread that has only just claimed does not know its job yet."""
    if stage.puppets[move.job, move.token].place[0] == CLAIMED:
        del stage.puppets[move.job, move.token]
    else:
        _order(stage, move, database_away())


def _order(stage: Stage, move: Move, order: BaseException | None) -> None:
    key = move.job, move.token
    stage.puppets[key].go(order)
    if stage.puppets[key].place[0] == GONE:
        del stage.puppets[key]


def _kill(stage: Stage, move: Move) -> None:
    stage.puppets.pop((move.job, move.token)).kill()
    _fall_silent(stage, move)


def _fall_silent(stage: Stage, move: Move) -> None:
    """Let the lease of a job's process run out; if the process lives, its next heartbeat reports the loss."""
    worker = stage.holders[move.job, move.token]
    with session_scope(stage.engine) as session:
        session.connection().execute(_SILENCE, {"id": worker})
        silent = [each for each in sweep.last_heartbeats(session, LEASE) if each.is_expired]
        sweep.mark_lost_workers(session, silent)
        assert not workers.beat(session, worker, None), "a lost worker came back under its old name"


def _look_for_orphans(stage: Stage, move: Move) -> None:
    with session_scope(stage.engine) as session:
        orphans = {(orphan.id, orphan.token): orphan for orphan in sweep.orphans(session)}
    if move.name == "look in vain":
        assert not orphans, "a healthy job was taken for an orphan"
        return
    orphan = orphans.get((stage.jobs[move.job], move.token))
    assert orphan is not None, "the orphan was not seen"
    stage.seen[Seen(SWEEPER, move.job, move.token)] = orphan


def _rescue(stage: Stage, move: Move) -> None:
    with session_scope(stage.engine) as session:
        sweep.rescue(session, stage.seen.pop(Seen(SWEEPER, move.job, move.token)))


def _look_for_forgotten(stage: Stage, move: Move) -> None:
    worker = stage.holders[move.job, move.token]
    held = [(stage.jobs[job], token) for job, token in stage.puppets]
    with session_scope(stage.engine) as session:
        assert workers.beat(session, worker, None)
        forgotten = workers.forgotten(session, worker, held)
    assert forgotten == [(stage.jobs[move.job], move.token)], "the forgotten job was not seen"


def _give_back(stage: Stage, move: Move) -> None:
    with session_scope(stage.engine) as session:
        workers.release(session, stage.jobs[move.job], move.token)


def _cancel(stage: Stage, move: Move) -> None:
    with session_scope(stage.engine) as session:
        cancel(session, stage.jobs[move.job], SUPPORT)


def _retry(stage: Stage, move: Move) -> None:
    with session_scope(stage.engine) as session:
        job = retry(session, stage.jobs[move.job], SUPPORT).id
    stage.jobs.append(job)


def _ask(stage: Stage, move: Move) -> None:
    operation = BY_NAME[move.kind]
    with session_scope(stage.engine) as session:
        job = request(session, operation, stage.user, operation.form(), SUPPORT).id  # type: ignore[arg-type]
    stage.jobs.append(job)


def _overrun(stage: Stage, move: Move) -> None:
    with session_scope(stage.engine) as session:
        session.connection().execute(_OVERRUN, {"id": stage.jobs[move.job]})


def _wait(stage: Stage, move: Move) -> None:
    with session_scope(stage.engine) as session:
        session.connection().execute(_WAIT, {"id": stage.jobs[move.job]})


def _break_undo(stage: Stage, move: Move) -> None:
    stage.undo_broken = move.name == "break undo"


_ACTS: dict[str, Callable[[Stage, Move], None]] = {
    "claim": _claim,
    "claim in vain": _claim,
    "begin": _go_on,
    "step": _go_on,
    "step and hear stop": _hear_stop,
    "finish": _go_on,
    "finish unheard": _finish_unheard,
    "look again": _go_on,
    "end": _go_on,
    "raise error": _raise_error,
    "give up": _give_up,
    "lose answer": _lose_answer,
    "kill": _kill,
    "pause": _fall_silent,
    "overrun": _overrun,
    "wait": _wait,
    "look for orphans": _look_for_orphans,
    "look in vain": _look_for_orphans,
    "rescue": _rescue,
    "look for forgotten": _look_for_forgotten,
    "give back": _give_back,
    "cancel": _cancel,
    "retry": _retry,
    "ask": _ask,
    "break undo": _break_undo,
    "mend undo": _break_undo,
}
