"""Replaying: every transition of an explored world made by the real engine, and both compared after each move."""

import time
from typing import NamedTuple

from sqlmodel import Session

from core.diagnosis.invariants import violations
from tests.model.acts import act
from tests.model.explore import explore
from tests.model.stage import Stage
from tests.model.state import WORKING, Job, Setting, World
from tests.model.tours import Tour, tours

#: Tours from one visit of the doctor to the next: its queries cost as much as a tour.
DOCTOR_EVERY = 10


class Disagreement(AssertionError):
    """Model and engine differ; the text names the tour, its last move, and what differs."""


class Replayed(NamedTuple):
    """How much was replayed, with no disagreement."""

    setting: Setting
    tours: int
    transitions: int
    moves: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.setting.name}: {self.transitions:,} transitions in {self.tours:,} tours of {self.moves:,} moves, "
            f"{self.seconds:.1f} s"
        )


def replay(stage: Stage, setting: Setting) -> Replayed:
    """Make every transition of this world on the real engine; raises Disagreement at the first difference."""
    started = time.perf_counter()
    edges = explore(setting).edges
    made = moved = 0
    for tour in tours(edges, setting.first()):
        _play(stage, setting, tour)
        made += 1
        moved += len(tour.way) + len(tour.new)
        if made % DOCTOR_EVERY == 0 and not setting.breakable:
            _ask_the_doctor(stage, tour)
    return Replayed(setting, made, sum(map(len, edges.values())), moved, time.perf_counter() - started)


def _play(stage: Stage, setting: Setting, tour: Tour) -> None:
    """Go the known way, where an earlier tour has compared everything, and compare after each new move."""
    stage.set_up(setting)
    for number, transition in enumerate([*tour.way, *tour.new]):
        try:
            answer = act(stage, transition.move)
            is_new = number >= len(tour.way)
            differing = _differences(stage, transition.world, transition.refusal, answer) if is_new else ""
        except Exception as error:  # noqa: BLE001 - whatever the engine says here, the model did not expect it
            differing = f"{type(error).__name__}: {error}"
        if differing:
            stage.clear()
            trace = [each.move for each in (*tour.way, *tour.new)][: number + 1]
            raise Disagreement(f"{setting.name}: {' > '.join(map(str, trace))}\n{differing}")


def _ask_the_doctor(stage: Stage, tour: Tour) -> None:
    """Hold the rows that a tour has left to the invariants that `doctor` knows."""
    with Session(stage.engine) as session:
        broken = [f"{violation.invariant.name}: {violation.rows}" for violation in violations(session)]
    if broken:
        raise Disagreement(f"{' > '.join(str(each.move) for each in (*tour.way, *tour.new))}\n{broken}")


def _differences(stage: Stage, expected: World, refusal: str, answer: str) -> str:
    """Return the differences between model and engine, one line each."""
    real = stage.picture()
    pairs = [
        ("answer", refusal, answer),
        ("user", expected.user, real.user),
        ("effects", expected.effects, real.effects),
        ("jobs", len(expected.jobs), len(real.jobs)),
        ("threads", _expected_places(expected), _places(stage)),
    ]
    for number, (job, there) in enumerate(zip(expected.jobs, real.jobs, strict=False)):
        pairs += [(f"job {number} {name}", getattr(job, name), getattr(there, name)) for name in Job._fields]
    return "\n".join(
        f"{part}: the model says {expected_value!r}, the engine {real_value!r}"
        for part, expected_value, real_value in pairs
        if expected_value != real_value
    )


def _expected_places(world: World) -> dict[tuple[int, int], tuple[str, int]]:
    return {(w.job, w.token): (w.phase, w.done if w.phase == WORKING else 0) for w in world.workers}


def _places(stage: Stage) -> dict[tuple[int, int], tuple[str, int]]:
    return {key: puppet.place for key, puppet in stage.puppets.items()}
