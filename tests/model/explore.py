"""Every interleaving, breadth first: each state once, each invariant on each transition, and an end from everywhere."""

import time
from collections import deque
from typing import NamedTuple

from tests.model.invariants import STUCK, broken_by, broken_in
from tests.model.moves import moves
from tests.model.state import Setting, World
from tests.model.transition import ALL, FAULTS, PEOPLE, Move, Protections, Transition

Edges = dict[World, list[Transition]]
Parents = dict[World, tuple[World, Move] | None]


class Explored(NamedTuple):
    """The result of a search: `broken` is an invariant's name, and `trace` the shortest way to break it."""

    setting: Setting
    edges: Edges
    broken: str
    trace: list[Move]
    seconds: float

    def __str__(self) -> str:
        transitions = sum(map(len, self.edges.values()))
        counts = f"{self.setting.name}: {len(self.edges):,} states, {transitions:,} transitions, {self.seconds:.1f} s"
        return counts if not self.broken else f"{counts}\n{self.broken}: {' > '.join(map(str, self.trace))}"


def explore(setting: Setting, rules: Protections = ALL) -> Explored:
    """Search every reachable state; stop at the first broken invariant."""
    started = time.perf_counter()
    first = setting.first()
    parents: Parents = {first: None}
    edges: Edges = {}
    queue = deque([first])
    broken, trace = "", list[Move]()
    while queue and not broken:
        world = queue.popleft()
        edges[world] = list(moves(world, setting, rules))
        for transition in edges[world]:
            if broken := broken_by(world, transition):
                trace = [*trace_to(parents, world), transition.move]
                break
            if transition.world not in parents:
                parents[transition.world] = (world, transition.move)
                queue.append(transition.world)
                if broken := broken_in(transition.world):
                    trace = trace_to(parents, transition.world)
                    break
    if not broken and (stuck := _first_stuck(edges)):
        broken, trace = STUCK, trace_to(parents, stuck)
    return Explored(setting, edges, broken, trace, time.perf_counter() - started)


def trace_to(parents: Parents, world: World) -> list[Move]:
    """Return the shortest way from the first state to this one."""
    trace = []
    step = parents[world]
    while step:
        trace.append(step[1])
        step = parents[step[0]]
    return trace[::-1]


def _first_stuck(edges: Edges) -> World | None:
    """Return a state from which no job ends by what the engine and time do alone; without luck, people and faults."""
    before: dict[World, list[World]] = {}
    for world, transitions in edges.items():
        for each in transitions:
            if each.move.name not in FAULTS | PEOPLE:
                before.setdefault(each.world, []).append(world)
    good = {world for world in edges if world.is_at_rest()}
    reached = list(good)
    while reached:
        for world in before.get(reached.pop(), ()):
            if world not in good:
                good.add(world)
                reached.append(world)
    return next((world for world in edges if world not in good), None)
