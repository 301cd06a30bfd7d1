"""Addresses of database and broker: understood, or refused with the setting's name, and no password printed in part."""

import getpass
import os
import pwd
import re

import pytest

from core.address import as_text, broker_address, database_address, masked, with_schema
from core.errors import Unusable
from core.settings import Settings
from tasks.broker import make_broker
from ui.cli import terminal

UNDERSTOOD = {
    "postgres://u:p@h/db": "postgresql://u:p@h/db",
    "postgresql+psycopg://u:p@h:5433/db": "postgresql://u:p@h:5433/db",
    " 'postgresql://u:p%40ss@h/db' ": "postgresql://u:p%40ss@h/db",
    '"postgresql://h/db"': "postgresql://h/db",
    "postgresql://u:p@h1:5432,h2:5433/db?target_session_attrs=read-write": (
        "postgresql://u:p@/db?host=h1%2Ch2&port=5432%2C5433&target_session_attrs=read-write"
    ),
    "postgresql://u@%2Fvar%2Frun%2Fpostgresql/db": "postgresql://u@/db?host=/var/run/postgresql",
    "postgresql:///db?host=/tmp&port=1": "postgresql:///db?host=/tmp&port=1",
    "host=/tmp dbname='my db' user=u password='p w'": "postgresql://u:p%20w@/my%20db?host=/tmp",
    "postgresql://[::1]:5433/db": "postgresql://[::1]:5433/db",
    "postgresql://u:a%20b%2B%25@h/db?sslmode=require": "postgresql://u:a%20b%2B%25@h/db?sslmode=require",
}


@pytest.mark.parametrize("text", UNDERSTOOD)
def test_a_database_s_address_is_understood_in_every_usual_form(text: str) -> None:
    assert as_text(database_address(text)) == UNDERSTOOD[text]
    assert as_text(database_address(UNDERSTOOD[text])) == UNDERSTOOD[text]


SECRET = "geheim"
REFUSED = {
    "DATABASE_URL": {
        f"postgresql://u:{SECRET}@h/db?schema=public": "has the parameter schema",
        f"postgresql://u:{SECRET}@h/db?connection_limit=5": "has the parameter connection_limit",
        f"postgresql://u:{SECRET}@ss@h/db": "is ambiguous: in a user name or password, write @ as %40",
        f"postgresql://u:{SECRET}#w@h/db": "is ambiguous",
        f"postgresql://u:{SECRET}/w@h/db": "is ambiguous",
        f"postgresql://u:{SECRET}%zz@h/db": "cannot be read",
        f"postgresql://u@h:{SECRET}/db": "cannot be read",
        f"mysql://u:{SECRET}@h/db": "begins with mysql:",
        f"jdbc:postgresql://h/db?user=u&password={SECRET}": "begins with jdbc:",
        f"u:{SECRET}@h/db": "is no address",
        f"host=h passwort={SECRET}": "has the parameter passwort",
        f"host=h password='{SECRET}": "cannot be read",
        "db.example.com": "is no address",
    },
    "REDIS_URL": {
        f"redis://:{SECRET}@ss#w/rd@h": "is ambiguous",
        f"redis://:{SECRET}#w@h": "is ambiguous",
        f"valkey://:{SECRET}@h": "begins with valkey:",
        f"redis://:{SECRET}@h/name": "cannot be read",
        f"redis://:{SECRET}@h:port": "cannot be read",
        f"redis://:{SECRET}@h:0": "cannot be read",
        "h:6379": "is no address",
        "unix://": "cannot be read",
    },
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in REFUSED.items() for text in texts])
def test_any_other_is_refused_in_one_sentence_with_the_setting_s_name_and_without_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(Unusable) as refused:
        Settings()
    message = str(refused.value)
    assert message.startswith(f"{name} {REFUSED[name][text]}")
    assert message.count("\n") == 0
    assert SECRET not in message
    assert SECRET not in masked(text)


PASSWORDS = ["geheim", "geheim%40wort", "geheim@wort", "geheim#wort", "geheim/wort", "geheim?wort", "gehei?m@wort"]


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize(
    "address",
    [
        "postgresql://u:{}@h/db",
        "postgresql://h/db?user=u&password={}",
        "host=h user=u password={}",
        "redis://:{}@h/0",
        "redis://{}@h/0",
        "redis://h/0?password={}",
        "rediss://u:{}@h/0",
        "mysql://u:{}@h/db",
        "u:{}@h",
        "unix:///run/x.sock?password={}",
    ],
)
def test_no_part_of_a_password_is_shown(address: str, password: str) -> None:
    shown = masked(address.format(password))
    assert not re.search("geh|wort", shown), shown


def test_an_address_is_shown_with_what_helps_to_find_the_server() -> None:
    assert masked("postgresql://u:p@h:5433/db") == "postgresql://u:***@h:5433/db"
    assert masked("redis://:p@h:6380/2") == "redis://:***@h:6380/2"
    assert masked("postgresql://u@%2Frun/db") == "postgresql://u@/db?host=/run"


@pytest.mark.parametrize("text", ["redis://h:6379/0", "rediss://u:p@h", "unix:///run/x.sock?db=1", "redis://[::1]/1"])
def test_a_broker_s_address_stays_as_it_is(text: str) -> None:
    assert broker_address(f" '{text}'") == text


@pytest.mark.parametrize("query", ["db=one", "socket_timeout=soon", "geheim=1"])
def test_a_broker_s_parameter_that_the_client_does_not_know_is_refused(query: str) -> None:
    with pytest.raises(Unusable, match="REDIS_URL has a parameter"):
        make_broker(f"redis://h/?{query}")


def test_a_schema_joins_the_address_s_own_options() -> None:
    text = with_schema("postgresql://h/db?options=-c%20geqo%3Doff", 'my "x"')
    assert database_address(text).query["options"] == r'-c geqo=off -c search_path="my\ ""x"""'


def test_a_number_without_an_account_has_a_name_in_the_audit_log(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(uid: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with pytest.raises((KeyError, OSError)):
        getpass.getuser()
    assert terminal.me().name == f"uid {os.getuid()} (command line)"
