"""Host names and the file .env are understood as people write them, or refused without showing a value."""

import subprocess
import sys
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from core.errors import Unusable
from core.settings import settings, unknown_names
from ui import headers
from ui.server import address_of

ROOT = Path(__file__).parents[2]
SECRET = "hunter2-hunter2-hunter2"


@pytest.mark.parametrize(
    ("hosts", "host"),
    [
        ("a.example, b.example", "b.example"),
        ("Console.Example", "console.example"),
        ("console.example:8443", "console.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("2001:DB8::1", "[2001:db8::1]:8080"),
        ("[2001:db8::1]:443", "[2001:db8::1]"),
    ],
)
def test_a_host_is_served_however_the_setting_is_written(
    monkeypatch: pytest.MonkeyPatch, hosts: str, host: str
) -> None:
    monkeypatch.setenv("UNSTUCK_HOSTS", hosts)
    settings.cache_clear()
    application = FastAPI()
    headers.install(application)
    answer = TestClient(application).get("/", headers={"Host": host})
    other = TestClient(application).get("/", headers={"Host": "evil.example"})
    settings.cache_clear()
    assert (answer.status_code, other.status_code) == (404, 400)


@pytest.mark.parametrize(
    ("name", "value"),
    [("HOSTS", "a.example,ä..ö"), ("PUBLIC_URL", "http://[::1"), ("PUBLIC_URL", "console.example")],
)
def test_a_setting_that_names_no_host_is_refused_before_anything_is_served(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"UNSTUCK_{name}", value)
    settings.cache_clear()
    with pytest.raises(Unusable, match=f"UNSTUCK_{name}"):
        headers.install(FastAPI())
    settings.cache_clear()


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
        ("::1", "http://[::1]:80"),
        ("console.example", "http://console.example:80"),
    ],
)
def test_a_printed_address_can_be_opened(host: str, url: str) -> None:
    assert address_of(host, 80) == url


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f"# Zürich\nUNSTUCK_SECRET_KEY={SECRET}é".encode("latin-1"), "Line 1 of .env is not UTF-8."),
        (f"A=b\nUNSTUCK_SECRET_KEY={SECRET}é".encode("latin-1"), "Line 2 of .env is not UTF-8."),
        (f"UNSTUCK_SECRET_KEY={SECRET}".encode("utf-16"), ".env is saved as UTF-16."),
    ],
)
def test_an_unreadable_env_file_is_refused_with_its_line_and_without_its_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".env").write_bytes(content)
    settings.cache_clear()
    with pytest.raises(Unusable, match=message) as refusal:
        settings()
    settings.cache_clear()
    assert SECRET not in str(refusal.value)


def test_an_unknown_name_in_env_is_reported_and_a_byte_order_mark_is_not_part_of_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text("\ufeffUNSTUCK_ENVIRONMENT=here\nUNSTUCK_SECRET_KAY=x\n", encoding="utf-8")
    settings.cache_clear()
    environment = settings().environment
    settings.cache_clear()
    assert environment == "here"
    assert list(unknown_names()) == ["UNSTUCK_SECRET_KAY is not a setting; did you mean UNSTUCK_SECRET_KEY?"]


def test_a_terminal_in_ascii_shows_help() -> None:
    done = subprocess.run(
        [sys.executable, "main.py", "--help"],
        cwd=ROOT,
        env={"PYTHONIOENCODING": "ascii", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
