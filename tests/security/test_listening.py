"""The console is not opened to others by mistake: beyond this machine it needs a secret key that a person has set."""

import os
import subprocess
import sys

import pytest

from core.errors import Unusable
from tests.security.conftest import ROOT
from ui.server import listen


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "console.example", ""])
def test_listening_beyond_this_machine_needs_a_secret_key(host: str) -> None:
    with pytest.raises(Unusable, match="UNSTUCK_SECRET_KEY"):
        listen(host, 0, own_key=False)


@pytest.mark.parametrize(("host", "own_key"), [("127.0.0.1", False), ("localhost", False), ("0.0.0.0", True)])
def test_listening_on_this_machine_needs_no_secret_key(host: str, *, own_key: bool) -> None:
    listen(host, 0, own_key=own_key).close()


def test_a_key_that_the_program_made_is_not_one_that_a_person_set(tmp_path: object) -> None:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("UNSTUCK_")}
    environment = {**inherited, "REDIS_URL": "redis://127.0.0.1:1/0"}
    environment["UNSTUCK_DATA_DIR"] = str(tmp_path)
    command = [sys.executable, "main.py", "serve", "--host", "0.0.0.0", "--port", "0"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "set UNSTUCK_SECRET_KEY first" in done.stderr
