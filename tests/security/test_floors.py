"""No library is older than its first safe version, and no module deserialises objects from bytes."""

import ast
import re
from pathlib import Path

import dramatiq
import pytest
from packaging.requirements import Requirement

from tests.security.conftest import ROOT
from tests.security.writers import modules

FLOORS = [
    Requirement(line.partition("#")[0].strip().replace(" ", ""))
    for line in Path(__file__).with_name("floors.txt").read_text().splitlines()
    if line.partition("#")[0].strip()
]
#: Modules that turn bytes into any object: none of them belongs here.
UNSAFE = {"pickle", "marshal", "shelve", "dill", "jsonpickle", "yaml"}


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
@pytest.mark.parametrize("floor", FLOORS, ids=str)
def test_the_locks_stand_above_the_floors(floor: Requirement, lock: str) -> None:
    pinned = re.search(rf"^{re.escape(floor.name)}==([\w.]+)", (ROOT / lock).read_text(), re.MULTILINE)
    assert pinned, f"{floor.name} is no longer in {lock}; take it out of floors.txt if it is not needed any more"
    assert pinned[1] in floor.specifier, f"{lock} has {floor.name} {pinned[1]}: see tests/security/floors.txt"


def test_messages_are_json() -> None:
    assert type(dramatiq.get_encoder()) is dramatiq.JSONEncoder


@pytest.mark.parametrize("folder", ["core", "tasks", "ui", "migrations", "main.py"])
def test_nothing_of_ours_reads_objects_out_of_bytes_or_runs_text(folder: str) -> None:
    unsafe_uses = []
    for module in modules(folder).values():
        for node in ast.walk(module.tree):
            names = [name.name for name in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            unsafe_uses += [f"{module.name}:{node.lineno} {name}" for name in names if name.split(".")[0] in UNSAFE]
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("eval", "exec", "compile", "os.system"):
                unsafe_uses.append(f"{module.name}:{node.lineno} {ast.unparse(node.func)}")
    assert unsafe_uses == []
