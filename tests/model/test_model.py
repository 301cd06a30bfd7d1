"""The model keeps its promises in every state it can reach, and every protection in it is needed."""

import pytest

from tests.model.explore import explore
from tests.model.mutants import MUTANTS, Mutant
from tests.model.settings import EXPLORED, FEW
from tests.model.state import Setting
from tests.model.transition import Protections
from tests.repeats import mostly_slow


@pytest.mark.parametrize("setting", mostly_slow(EXPLORED, fast=FEW), ids=lambda setting: setting.name)
def test_every_invariant_holds_in_every_reachable_state(setting: Setting) -> None:
    explored = explore(setting)
    print(explored)  # noqa: T201 - `pytest -s` shows how much was explored
    assert not explored.broken, str(explored)
    assert len(explored.edges) > 50


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.without)
def test_without_any_one_protection_an_invariant_breaks(mutant: Mutant) -> None:
    explored = mutant.explore()
    assert explored.broken == mutant.caught_by, str(explored)


def test_every_protection_has_its_mutant() -> None:
    assert {mutant.without for mutant in MUTANTS} == set(Protections._fields)
