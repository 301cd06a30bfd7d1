"""The files in deploy/ name only verbs, options, settings and paths that exist."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer._click.exceptions import UsageError
from typer.core import TyperGroup

from core.settings import Settings, _names
from main import app

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
ROOT = DEPLOY.parent
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
UNITS = sorted((DEPLOY / "systemd").iterdir())


def check_command(arguments: list[str]) -> None:
    """Parse a command line as the program does, without running it."""
    name, command = None, typer.main.get_command(app)
    while isinstance(command, TyperGroup):
        name, command, arguments = command.resolve_command(command.context_class(command), list(arguments))
    assert command is not None
    command.make_context(name, list(arguments))


def settings_in(text: str) -> set[str]:
    return set(re.findall(r"\b(UNSTUCK_[A-Z_]+|DATABASE_URL|REDIS_URL|SMTP_URL|DEMO_SERVICE_URL)\b", text))


def test_a_wrong_command_is_seen() -> None:
    for arguments in (["serve", "--wiat"], ["sevre"], ["operators", "ad", "x"]):
        with pytest.raises(UsageError):
            check_command(arguments)


@pytest.mark.parametrize("path", [*FILES, ROOT / "docs" / "hosting.md"], ids=lambda path: path.name)
def test_every_setting_in_deploy_exists(path: Path) -> None:
    assert settings_in(path.read_text()) - _names() == set()


@pytest.mark.parametrize("path", [*FILES, ROOT / "docs" / "hosting.md"], ids=lambda path: path.name)
def test_every_command_in_deploy_exists(path: Path) -> None:
    text = path.read_text().replace("\\\n", " ")
    for line in re.findall(r"(?:^|bin/|exec \S+ |-u unstuck )unstuck (?!-)([a-z][^#`|\n]*)", text, re.MULTILINE):
        check_command(shlex.split(line))


def test_every_container_of_ours_runs_a_command_that_exists() -> None:
    ours = [service for service in COMPOSE["services"].values() if service["image"] == "unstuck:local"]
    assert len(ours) == 5
    for service in ours:
        check_command(service.get("command", ["serve"]))
        assert set(service["environment"]) - _names() == set()
        assert service["read_only"] is True


def test_the_image_starts_a_command_that_exists_and_copies_what_is_there() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    (command,) = re.findall(r"^CMD (\[.*\])$", text, re.MULTILINE)
    check_command(yaml.safe_load(command))
    for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        assert [name for name in sources.split() if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_each_unit_runs_with_few_rights(unit: Path) -> None:
    text = unit.read_text()
    assert "\nUser=unstuck\n" in text
    for line in ("NoNewPrivileges=yes", "ProtectSystem=strict", "PrivateTmp=yes", "CapabilityBoundingSet="):
        assert f"\n{line}\n" in text


def test_the_consoles_behind_nginx_are_those_of_compose() -> None:
    names = set(re.findall(r"server (\S+):8080", (DEPLOY / "nginx.conf").read_text()))
    assert names == {name for name in COMPOSE["services"] if name.startswith("console")}


def test_a_stopping_worker_gets_more_time_than_its_grace() -> None:
    grace = Settings.model_fields["grace_seconds"].default
    (unit,) = [unit for unit in UNITS if "worker" in unit.name]
    given = [service["stop_grace_period"] for name, service in COMPOSE["services"].items() if "worker" in name]
    given += re.findall(r"^TimeoutStopSec=(\d+)$", unit.read_text(), re.MULTILINE)
    assert len(given) == 3
    assert all(int(seconds.rstrip("s")) > grace + 10 for seconds in given)
