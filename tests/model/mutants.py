"""Mutants of the model: each goes without one protection, and an invariant catches it."""

from typing import NamedTuple

from tests.model import settings
from tests.model.explore import Explored, explore
from tests.model.invariants import STUCK
from tests.model.state import ALL_EFFECTS, ENABLED, USER_FAILED, Setting
from tests.model.transition import ALL

_WAITING_DISABLE = Setting("waiting disable", "demo.disable", ENABLED, ALL_EFFECTS, workers=1)
#: A dismiss leaves its user in a state from which others may start: the state alone keeps no second job out.
_DISMISS_TWICE = Setting("dismiss twice", "demo.dismiss", USER_FAILED, workers=1, jobs=2)
_BELLS = settings.WAKEUPS._replace(workers=1)


class Mutant(NamedTuple):
    """A protection's name, the world without it, and the invariant that catches it there."""

    without: str
    caught_by: str
    setting: Setting = settings.ENABLE

    def explore(self) -> Explored:
        """Search the world without the protection."""
        return explore(self.setting, ALL._replace(**{self.without: False}))


MUTANTS = (
    Mutant("checkpoint_checks_token", "only the holder changes a job"),
    Mutant("checkpoint_checks_status", "only the holder changes a job"),
    Mutant("finish_checks_token", "only the holder changes a job"),
    Mutant("endings_check_token", "only the holder changes a job"),
    Mutant("rescue_checks_token", "a healthy job is left alone"),
    Mutant("give_back_checks_token", "a healthy job is left alone", settings.LOOKERS),
    Mutant("claim_takes_a_new_token", "one holder per token"),
    Mutant("claim_takes_queued_jobs_only", "only the holder changes a job"),
    Mutant("step_and_progress_commit_together", "no effect twice", settings.RETRYING),
    Mutant("finish_heeds_cancel", "accepted cancel is kept"),
    Mutant("endings_heed_cancel", "accepted cancel is kept"),
    Mutant("stop_heeds_cancel", "accepted cancel is kept"),
    Mutant("sweeper_rescues", STUCK, settings.RETRYING),
    Mutant("sweeper_wakes_for_due_jobs", STUCK, _BELLS),
    Mutant("heartbeat_gives_back", STUCK, settings.STOPPING),
    Mutant("lost_attempts_count", "attempt <= max_attempts"),
    Mutant("moving_on_spends_nothing", "moving on spends no attempt"),
    Mutant("endings_undo", "failed or cancelled means nothing left"),
    Mutant("failed_undo_is_reported", "failed or cancelled means nothing left", settings.DISMISS),
    Mutant("user_moves_with_job", "user state = f(last job)"),
    Mutant("never_started_goes_back", "user state = f(last job)", _WAITING_DISABLE),
    Mutant("ended_is_final", "terminal is final"),
    Mutant("running_job_is_only_requested_to_stop", "failed or cancelled means nothing left"),
    Mutant("one_active_job", "at most one active job per row", _DISMISS_TWICE),
    Mutant("stop_refunds", "stopping spends no attempt"),
    Mutant("retry_is_a_new_job", "terminal is final", settings.PEOPLE),
    Mutant("commands_write_events", "one event per change by a person"),
    Mutant("begin_checks_status", "only the holder changes a job", settings.PLANNED),
    Mutant("begin_heeds_cancel", "what was asked to stop does not begin", settings.PLANNED),
    Mutant("untouched_is_left_alone", "what has not begun is left alone", settings.PLANNED),
)
