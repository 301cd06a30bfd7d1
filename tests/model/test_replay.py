"""The real engine does what the model does, transition by transition; and an engine that does not is caught."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from tests.model.engine_mutants import ENGINE_MUTANTS, EngineMutant
from tests.model.replay import Disagreement, replay
from tests.model.settings import PARTS, REPLAYED, REPLAYED_AT_LENGTH
from tests.model.stage import Stage
from tests.model.state import Setting
from tests.repeats import mostly_slow


@pytest.fixture
def stage(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(engine.pool, "_pre_ping", False)  # a third of all round trips, and this server does not go away
    stage = Stage(engine)
    yield stage
    stage.close()


@pytest.mark.parametrize("setting", mostly_slow(REPLAYED, fast=3), ids=lambda setting: setting.name)
def test_the_engine_does_what_the_model_does(stage: Stage, setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.declare(monkeypatch, setting.attempts)
    print(replay(stage, setting))  # noqa: T201 - `pytest -s` shows how much was replayed


@pytest.mark.slow
@pytest.mark.parametrize("setting", REPLAYED_AT_LENGTH, ids=lambda setting: setting.name)
def test_the_engine_does_what_the_model_does_in_a_bigger_world(
    stage: Stage, setting: Setting, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if "slow" not in request.config.option.markexpr:
        pytest.skip("takes minutes; run it with -m slow")
    stage.declare(monkeypatch, setting.attempts)
    print(replay(stage, setting))  # noqa: T201


@pytest.mark.parametrize(("part", "whole"), PARTS.items(), ids=lambda setting: setting.name)
def test_a_world_that_is_not_replayed_is_a_part_of_one_that_is(part: Setting, whole: Setting) -> None:
    assert whole in REPLAYED_AT_LENGTH
    assert part.without > whole.without
    assert part._replace(name=whole.name, without=whole.without) == whole


@pytest.mark.parametrize("mutant", ENGINE_MUTANTS, ids=lambda mutant: mutant.name)
def test_every_mutant_finds_what_it_takes_away(mutant: EngineMutant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that only `make faults` replays would else be noticed there alone when the engine has moved on."""
    mutant.patch(monkeypatch)


@pytest.mark.parametrize("mutant", mostly_slow(ENGINE_MUTANTS, fast=11), ids=lambda mutant: mutant.name)
def test_an_engine_without_a_protection_is_found_out(
    stage: Stage, mutant: EngineMutant, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.declare(monkeypatch, mutant.setting.attempts)
    mutant.patch(monkeypatch)
    with pytest.raises(Disagreement) as disagreement:
        replay(stage, mutant.setting)
    print(f"{mutant.name}: {disagreement.value}")  # noqa: T201
    assert str(disagreement.value).startswith(f"{mutant.setting.name}: "), (
        "names the world and the moves that lead there"
    )
    for error in ("ProgrammingError", "ObjectNotExecutableError"):
        assert error not in str(disagreement.value), "the mutant is not even SQL"
