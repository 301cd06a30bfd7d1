"""Changing the secret: an interruption loses no token, and nothing is encrypted twice."""

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, col, select

from core.audit.chain.keys import ChainKeys
from core.audit.chain.verify import verify
from core.database.engine import session_scope
from core.encryption import rotation
from core.encryption.cipher import TokenCipher
from core.encryption.rotation import rotate
from core.errors import Unusable
from core.models import Event, PlatformConnection, SecondFactor
from tests.audit.test_chain import seal_all, write
from tests.conftest import SECRET
from tests.factories import ADMIN, make_user

OLD, NEW = TokenCipher(SECRET), TokenCipher("a new secret, for tests", [SECRET])
COUNT = 7


@pytest.fixture
def connections(session: Session) -> Session:
    """Return a session on seven connections with tokens of the old key, and one without any."""
    user = make_user(session)
    for number in range(COUNT):
        refresh = OLD.encrypt(f"refresh {number}") if number % 2 else None
        values = {"user_id": user.id, "platform": "instagram", "handle": f"@{number}", "refresh_token": refresh}
        session.add(PlatformConnection(**values, access_token=OLD.encrypt(f"access {number}")))
    session.commit()
    return session


def tokens(session: Session) -> list[tuple[str | None, str | None]]:
    session.expire_all()
    rows = session.exec(select(PlatformConnection).order_by(col(PlatformConnection.handle)))
    return [(row.access_token, row.refresh_token) for row in rows if row.access_token or row.refresh_token]


def opened(session: Session, cipher: TokenCipher) -> list[tuple[str | None, str | None]]:
    return [tuple(t and cipher.decrypt(t) for t in pair) for pair in tokens(session)]  # type: ignore[misc]


EXPECTED = [(f"access {n}", f"refresh {n}" if n % 2 else None) for n in range(COUNT)]


def test_every_token_is_encrypted_anew_and_opens_with_the_new_secret_alone(
    connections: Session, engine: Engine
) -> None:
    done = rotate(engine, NEW, ADMIN, batch=3)
    assert (done.connections, done.unreadable, done.key) == (COUNT, {}, NEW.current)
    assert opened(connections, TokenCipher("a new secret, for tests")) == EXPECTED
    event = connections.exec(select(Event)).one()
    assert (event.name, event.data) == ("keys.rotated", {"connections": COUNT, "second_factors": 0, "now": NEW.current})


def test_a_second_rotation_changes_nothing_and_records_nothing(connections: Session, engine: Engine) -> None:
    rotate(engine, NEW, ADMIN)
    before = tokens(connections)
    assert rotate(engine, NEW, ADMIN).connections == 0
    assert tokens(connections) == before
    assert len(connections.exec(select(Event)).all()) == 1


def test_an_interrupted_rotation_is_finished_by_the_next(
    connections: Session, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = iter(range(4))
    rotate_row = rotation._rotated

    def breaking(*arguments: object) -> object:
        if next(turns, None) is None:
            raise KeyboardInterrupt
        return rotate_row(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(rotation, "_rotated", breaking)
    with pytest.raises(KeyboardInterrupt):
        rotate(engine, NEW, ADMIN, batch=2)
    monkeypatch.undo()
    assert opened(connections, NEW) == EXPECTED, "in between, both keys open what they have encrypted"
    assert rotate(engine, NEW, ADMIN, batch=2).connections == COUNT - 4
    assert opened(connections, TokenCipher("a new secret, for tests")) == EXPECTED


def test_a_token_that_no_known_key_opens_is_reported_and_left_as_it_is(connections: Session, engine: Engine) -> None:
    stranger = TokenCipher("a secret that was lost").encrypt("x")
    with session_scope(engine) as session:
        lost = text("UPDATE platform_connections SET access_token = :token WHERE handle = '@3'")
        session.connection().execute(lost, {"token": stranger})
    done = rotate(engine, NEW, ADMIN, batch=2)
    assert done.connections == COUNT - 1
    [why] = done.unreadable.values()
    assert "UNSTUCK_PREVIOUS_SECRET_KEYS" in why
    assert tokens(connections)[3][0] == stranger


def test_without_the_former_secret_nothing_is_touched(connections: Session, engine: Engine) -> None:
    before = tokens(connections)
    done = rotate(engine, TokenCipher("a new secret, for tests"), ADMIN)
    assert (done.connections, len(done.unreadable)) == (0, COUNT)
    assert tokens(connections) == before


def test_the_audit_chain_goes_on_over_a_rotation(connections: Session, engine: Engine) -> None:
    write(engine, 0)
    seal_all(engine)
    rotate(engine, NEW, ADMIN)
    after = ChainKeys("a new secret, for tests", [SECRET])
    seal_all(engine, after)
    verdict = verify(engine, after)
    assert (verdict.links, verdict.fault) == (2, None)


def test_without_any_secret_nothing_is_encrypted_or_sealed() -> None:
    with pytest.raises(Unusable, match="UNSTUCK_SECRET_KEY"):
        TokenCipher("")
    with pytest.raises(Unusable, match="UNSTUCK_SECRET_KEY"):
        ChainKeys("")


def test_second_factors_are_encrypted_anew_too(session: Session, engine: Engine) -> None:
    user = make_user(session)
    session.add(SecondFactor(user_id=user.id, secret=OLD.encrypt("the phone's secret")))
    session.commit()
    assert rotate(engine, NEW, ADMIN).second_factors == 1
    session.expire_all()
    new_alone = TokenCipher("a new secret, for tests")
    assert new_alone.decrypt(session.get_one(SecondFactor, user.id).secret) == "the phone's secret"
    assert rotate(engine, NEW, ADMIN).second_factors == 0
