"""Walks that together make every transition of an explored world: what is replayed on the real engine."""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from tests.model.explore import Edges
from tests.model.state import World
from tests.model.transition import Transition

Left = dict[World, list[Transition]]


class Tour(NamedTuple):
    """A walk from the first state: a known way, and then transitions that no tour has made yet."""

    way: list[Transition]
    new: list[Transition]


def tours(edges: Edges, first: World) -> Iterator[Tour]:
    """Yield walks from the first state, nearest transitions first, until every one was made at least once."""
    left = {world: list(transitions) for world, transitions in edges.items()}
    for world, way in _ways(edges, first):
        while left[world]:
            yield Tour(way, list(_stroll(left, world)))


def _stroll(left: Left, world: World) -> Iterator[Transition]:
    """Go on over transitions that no tour has made yet: dead ends first, then the next one."""
    while left[world]:
        step = min(left[world], key=lambda each: each.world != world)
        left[world].remove(step)
        yield step
        world = step.world


def _ways(edges: Edges, start: World) -> Iterator[tuple[World, list[Transition]]]:
    """Yield every state that can be reached, with a shortest way to it, nearest first."""
    ways: dict[World, list[Transition]] = {start: []}
    queue = deque([start])
    while queue:
        world = queue.popleft()
        yield world, ways[world]
        for transition in edges[world]:
            if transition.world not in ways:
                ways[transition.world] = [*ways[world], transition]
                queue.append(transition.world)
