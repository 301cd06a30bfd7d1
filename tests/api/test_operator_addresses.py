"""Which e-mail addresses an operator may have: addresses of a company's own network too, and only real addresses."""

import pytest
from pydantic import ValidationError

from core.people.operators import NewOperator


@pytest.mark.parametrize(
    "address",
    [
        "ada@example.com",
        "ada@office.local",
        "ada@build.internal",
        "ada@nas.home.arpa",
        "ada@mailhost",
        "root@localhost",
        "ada@staging.test",
        "ada+console@example.com",
        "ada@b\u00fccher.example",
    ],
)
def test_an_operator_has_an_address_of_the_internet_or_of_their_own_network(address: str) -> None:
    assert NewOperator(email=address).email == address


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("ada", "@-sign"),
        ("ada@", "@-sign"),
        ("@example.com", "@-sign"),
        ("a@b@c", "invalid characters"),
        ("two words@example.com", "invalid characters"),
        ("kate@example.com\x00", "cannot be stored"),
        ("ada@example..com", "two periods"),
        ("ada@" + "x" * 300 + ".com", "too long"),
        ("ada@nowhere.invalid", "special-use"),
    ],
)
def test_a_text_that_is_no_address_is_refused_with_the_reason(address: str, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        NewOperator(email=address)


def test_an_address_is_judged_without_asking_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        pytest.fail("a name was looked up")

    monkeypatch.setattr("socket.getaddrinfo", refuse)
    monkeypatch.setattr("socket.socket", refuse)
    assert NewOperator(email="ada@nowhere.example").email == "ada@nowhere.example"
