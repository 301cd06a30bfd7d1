"""Unstuck beside a team's own Dramatiq actors, in one process."""

from collections.abc import Iterator

import dramatiq
import pytest
from dramatiq.brokers.stub import StubBroker

from tasks.broker import make_broker


@pytest.fixture
def team_broker() -> Iterator[StubBroker]:
    before = dramatiq.broker.global_broker
    broker = StubBroker()
    dramatiq.set_broker(broker)
    yield broker
    dramatiq.broker.global_broker = before


def test_our_broker_leaves_the_actors_of_a_team_on_theirs(team_broker: StubBroker) -> None:
    make_broker("redis://127.0.0.1:1")
    actor = dramatiq.actor(lambda: None, actor_name="send_invoice", queue_name="invoices")
    actor.send()
    assert actor.broker is team_broker
    assert team_broker.queues["invoices"].qsize() == 1
