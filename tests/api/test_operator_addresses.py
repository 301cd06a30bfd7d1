"""Which e-mail addresses an operator may have: addresses of a company's own network too, and only real addresses."""

import pytest
from pydantic import ValidationError

from core.people.addresses import known_form
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
        ("ada@example.com, bob@example.com", "Enter one e-mail address"),
        ("Ada <ada@example.com>, Bob <bob@example.com>", "Enter one e-mail address"),
        ("ada@example.com;bob@example.com", "Enter one e-mail address"),
        ("mailto:ada@example.com bob@example.com", "Enter one e-mail address"),
        ("ada@example.com <bob@example.com>", "Enter one e-mail address"),
    ],
)
def test_a_text_that_is_no_address_is_refused_with_the_reason(address: str, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        NewOperator(email=address)


@pytest.mark.parametrize(
    ("pasted", "address"),
    [
        ("who?me@example.com", "who?me@example.com"),
        ("mailto:who?me@example.com?subject=hi", "who?me@example.com"),
        ("ada@example.com?cc=bob@example.com", "ada@example.com"),
        ('"ada@example.com" <ada@example.com>', "ada@example.com"),
        ("Lee, Ada <mailto:ada@example.com>", "ada@example.com"),
    ],
)
def test_one_address_is_read_as_mail_programs_copy_it(pasted: str, address: str) -> None:
    assert NewOperator(email=pasted).email == address
    assert known_form(pasted) == address


def test_several_addresses_find_none_of_their_people() -> None:
    both = "Ada <ada@example.com>, Bob <bob@example.com>"
    assert known_form(both) == both


def test_an_address_is_judged_without_asking_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        pytest.fail("a name was looked up")

    monkeypatch.setattr("socket.getaddrinfo", refuse)
    monkeypatch.setattr("socket.socket", refuse)
    assert NewOperator(email="ada@nowhere.example").email == "ada@nowhere.example"
