"""The worlds that are explored and replayed: each is small, and has its own subject."""

from tests.model.state import ALL_EFFECTS, ENABLED, USER_FAILED, Setting


def _but(*names: str) -> frozenset[str]:
    return frozenset(names)


#: One job, two workers, and everything that can go wrong with them.
ENABLE = Setting("enable")
#: Undo that breaks: of a job that cleans up after an earlier broken undo.
DISMISS = Setting("dismiss", "demo.dismiss", USER_FAILED, (0,), workers=1, attempts=1, breakable=True)
#: Wakeups that are lost and doubled: two threads that answer to one job.
WAKEUPS = Setting("wakeups", wakeups=2, refunds=0, hasty=True, without=_but("overrun", "give up"))
#: Two people who ask, retry, dismiss and cancel, each on a screen as old as it may be.
PEOPLE = Setting("people", jobs=2, attempts=1, workers=1, refunds=0, without=_but("overrun", "pause"))
#: Three zombies (threads that work on after their job was taken away), each with its own token.
THREE = Setting("three workers", workers=3, attempts=3, refunds=0, hasty=True, without=_but("give up", "overrun"))

#: Those that take as long as all others come last.
EXPLORED = (
    Setting("disable", "demo.disable", ENABLED, ALL_EFFECTS, refunds=0),
    DISMISS,
    WAKEUPS,
    PEOPLE,
    Setting("planned", "demo.disable", ENABLED, ALL_EFFECTS, refunds=0, planned=True, without=_but("give up")),
    Setting("two lookers", lookers=2, hasty=True, without=_but("give up", "kill", "finish unheard", "raise error")),
    THREE,
    ENABLE,
)
#: How many of them every run explores.
FEW = len(EXPLORED) - 3

#: Two workers that die or sleep at any moment, sweepers that come late, and people who cancel.
ZOMBIES = Setting("zombies", refunds=0, hasty=True, without=_but("overrun", "give up", "finish unheard", "raise error"))
#: Workers that wake up to an error of their own, when their job may be another's.
ERRING_ZOMBIES = Setting(
    "erring zombies", refunds=0, hasty=True, without=_but("overrun", "give up", "finish unheard", "kill", "cancel")
)
#: Stops, lost answers and errors, of a job that deletes.
STOPPING = Setting(
    "stopping", "demo.disable", ENABLED, ALL_EFFECTS, workers=1, attempts=1, without=_but("overrun", "kill", "pause")
)
#: Automatic retries, with their pause.
RETRYING = Setting("retrying", workers=1, refunds=0, without=_but("overrun", "pause", "give up", "finish unheard"))
#: The same of a worker that errs and does not die.
ERRING = RETRYING._replace(name="erring", without=RETRYING.without | _but("kill"))
#: A heartbeat that releases a job that a sweeper has already taken, and the other way round.
LOOKERS = Setting(
    "two lookers",
    workers=1,
    lookers=2,
    hasty=True,
    without=_but("kill", "pause", "raise error", "give up", "cancel", "finish unheard", "step and hear stop"),
)
#: Steps that take too long.
LATE = Setting(
    "late steps", workers=1, attempts=1, refunds=0, hasty=True, without=_but("kill", "pause", "raise error", "give up")
)
#: A planned job that deletes, which moves its user when it begins.
PLANNED = Setting(
    "planned",
    "demo.disable",
    ENABLED,
    ALL_EFFECTS,
    workers=1,
    refunds=0,
    hasty=True,
    planned=True,
    without=_but("overrun", "give up", "finish unheard", "raise error", "kill"),
)
#: The same people, of a job that fails because it says so.
ASKING = PEOPLE._replace(
    name="asking",
    without=PEOPLE.without | _but("kill", "raise error", "finish unheard", "look in vain", "claim in vain"),
)
#: An undo that breaks, with less around it.
BROOM = DISMISS._replace(name="broken undo", refunds=0, without=_but("overrun", "pause", "raise error"))
#: The same of a worker that does not die.
ALIVE_BROOM = BROOM._replace(name="broken undo, no kill", without=BROOM.without | _but("kill"))

#: Two workers and everything that can go wrong with them, without attempts that are given back.
HASTY = ENABLE._replace(hasty=True, refunds=0)

#: A second attempt makes a world ten times as long, so some are replayed with one here and with two at length.
LOOKING_ONCE = LOOKERS._replace(attempts=1)
REPLAYED = (STOPPING, ERRING, LOOKING_ONCE, LATE, ALIVE_BROOM, PLANNED._replace(attempts=1))
#: A hundred thousand moves: for `make faults`.
REPLAYED_AT_LENGTH = (
    HASTY,
    ENABLE._replace(workers=1),
    THREE._replace(attempts=2),
    PEOPLE,
    LOOKERS,
    PLANNED,
    RETRYING,
    BROOM,
)
#: Worlds that are a part of one replayed at length, and take longer than `make test` has; mutants are tried in them.
PARTS = {ZOMBIES: HASTY, ERRING_ZOMBIES: HASTY, ASKING: PEOPLE}
