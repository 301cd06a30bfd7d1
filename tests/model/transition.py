"""Moves by name, what they lead to, and the protections that a mutant of the model goes without."""

from typing import NamedTuple

from tests.model.state import World


class Move(NamedTuple):
    """A move and its actor: a worker is named by its token, for no two hold the same one."""

    name: str
    job: int = -1
    token: int = -1
    #: The kind of job that a person asks for.
    kind: str = ""

    def __str__(self) -> str:
        job = "" if self.job < 0 else f" job {self.job}"
        token = "" if self.token < 0 else f" token {self.token}"
        return f"{self.name}{self.kind and ' ' + self.kind}{job}{token}"


class Transition(NamedTuple):
    """A move and the state after it; a refused one changes nothing, and `refusal` names the error."""

    move: Move
    world: World
    refusal: str = ""


#: Moves that no one can rely on: a liveness that needed one of these would be luck.
FAULTS = frozenset({
    "kill", "pause", "overrun", "raise error", "give up", "lose answer", "step and hear stop", "finish unheard",
    "lose wakeups", "double wakeup", "break undo", "torn step",
})  # fmt: skip
PEOPLE = frozenset({"cancel", "retry", "ask"})
#: Moves of a worker's thread; each is guarded by its token.
WORKERS = frozenset({"begin", "step", "step and hear stop", "torn step", "finish", "finish unheard", "end"})


class Protections(NamedTuple):
    """The engine's protections; a mutant of the model goes without one."""

    checkpoint_checks_token: bool = True
    checkpoint_checks_status: bool = True
    finish_checks_token: bool = True
    endings_check_token: bool = True
    rescue_checks_token: bool = True
    give_back_checks_token: bool = True
    claim_takes_a_new_token: bool = True
    claim_takes_queued_jobs_only: bool = True
    step_and_progress_commit_together: bool = True
    finish_heeds_cancel: bool = True
    endings_heed_cancel: bool = True
    stop_heeds_cancel: bool = True
    sweeper_rescues: bool = True
    sweeper_wakes_for_due_jobs: bool = True
    heartbeat_gives_back: bool = True
    lost_attempts_count: bool = True
    moving_on_spends_nothing: bool = True
    endings_undo: bool = True
    failed_undo_is_reported: bool = True
    user_moves_with_job: bool = True
    never_started_goes_back: bool = True
    ended_is_final: bool = True
    running_job_is_only_requested_to_stop: bool = True
    one_active_job: bool = True
    stop_refunds: bool = True
    retry_is_a_new_job: bool = True
    commands_write_events: bool = True
    begin_checks_status: bool = True
    begin_heeds_cancel: bool = True
    untouched_is_left_alone: bool = True


ALL = Protections()
