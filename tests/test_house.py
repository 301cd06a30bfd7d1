"""The house rules that a machine can check: `make test` is red where `make check` is."""

import ast
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from core.settings import PREFIX, Settings

ROOT = Path(__file__).resolve().parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = ("core", "tasks", "ui", "migrations")
#: Where a host may be asked for the time of day. What others read, or what is compared with the database, comes from
#: `core.clock`; waits go by the monotonic clock.
WALL_CLOCKS = {
    "core/clock.py": "before the first connection",
    "core/local/sandbox/ledger.py": "a provider has a clock of its own, as those elsewhere have",
    "tasks/shared_limiter.py": "the library that counts requests says until when by this process's clock",
    "ui/public_limits.py": "the library that counts requests says until when by this process's clock",
}
_OF_A_CLOCK = {
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
    "time": {"time", "time_ns", "localtime", "gmtime", "ctime", "strftime"},
}
#: The style asks for 250 and 25; beyond these, it is no longer a matter of taste.
FILE_LINES = 260
FUNCTION_LINES = 32


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in (ROOT / folder).rglob("*.py") if "versions" not in path.parts)


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), path)


def at(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "ruff", "check", "."],
        ["-m", "ruff", "format", "--check", "."],
        pytest.param(["-m", "mypy"], marks=pytest.mark.slow),
        pytest.param(["-m", "mypy", "main.py", ".ci/setup.py"], marks=pytest.mark.slow),
        ["-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
    ],
    ids=["lint", "format", "types", "types-of-main", "layers"],
)
def test_check_is_clean(command: list[str]) -> None:
    result = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.xdist_group("check")
def test_scripts_and_style_sheets_are_clean() -> None:
    result = subprocess.run([".ci/biome.sh"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_check_runs_the_same_here_and_in_ci() -> None:
    recipe = re.search(r"^check:.*\n((?:\t.+\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe
    assert recipe[1].count("\n") == 6, "a new line of `make check` belongs into the tests above as well"


def test_files_are_short() -> None:
    lengths = {path: path.read_text().count("\n") for path in sources(*PACKAGES, "benchmarks")}
    assert [f"{at(path, n)} lines" for path, n in lengths.items() if n > FILE_LINES] == []


def test_no_line_of_a_script_or_style_sheet_is_longer_than_120_characters() -> None:
    files = [path for ending in ("*.js", "*.css") for path in (ROOT / "ui").rglob(ending)]
    lines = [(path, number, line) for path in files for number, line in enumerate(path.read_text().splitlines(), 1)]
    assert [at(path, number) for path, number, line in lines if len(line) > 120] == []


def test_functions_are_short() -> None:
    long = [
        f"{at(path, node.lineno)} {node.name}: {length} lines"
        for path in sources(*PACKAGES, "benchmarks")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (length := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES
    ]
    assert long == []


def _is_wall_clock(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.module == "time" and any(name.name in _OF_A_CLOCK["time"] for name in node.names)
    if not isinstance(node, ast.Attribute):
        return False
    owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
    return node.attr in _OF_A_CLOCK.get(owner, ())


def test_no_host_s_time_of_day_is_asked_for() -> None:
    places = {
        at(path, node.lineno)  # type: ignore[attr-defined]
        for path in [*sources("core", "tasks", "ui", "migrations"), ROOT / "main.py"]
        for node in ast.walk(parsed(path))
        if _is_wall_clock(node) and path.relative_to(ROOT).as_posix() not in WALL_CLOCKS
    }
    assert places == set()


def test_no_class_name_is_declared_twice() -> None:
    places: dict[str, list[str]] = {}
    for path in sources("core", "tasks", "ui"):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(at(path, node.lineno))
    assert {name: lines for name, lines in places.items() if len(lines) > 1} == {}, "one word for one thing"


def test_no_two_test_files_have_one_name() -> None:
    # In folders that are no packages, pytest would take the second for the first.
    files = (path for path in (ROOT / "tests").rglob("test_*.py") if not (path.parent / "__init__.py").exists())
    names = Counter(path.name for path in files)
    assert [name for name, number in names.items() if number > 1] == []


#: Without it, a file is not read further.
_IMPORTS_UI = re.compile(r"\bimport\b(?:[^\n]|\\\n)*\bui\b")


def test_no_module_rebinds_nicegui_s_ui() -> None:
    """`import ui.pages` after `from nicegui import ui` makes `ui` our package, silently."""
    rebinds = [
        at(path, node.lineno)
        for path in (*sources(*PACKAGES, "tests", "benchmarks"), ROOT / "main.py")
        if _IMPORTS_UI.search(path.read_text())
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Import)
        if any(name.name.split(".")[0] == "ui" and name.asname is None for name in node.names)
    ]
    assert rebinds == [], "write `from ui.pages import x`"


def names_of_settings() -> dict[str, object]:
    return {field.alias or PREFIX + name.upper(): field.default for name, field in Settings.model_fields.items()}


def test_every_setting_is_documented_with_its_default() -> None:
    page = (ROOT / "docs" / "reference" / "settings.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", page, re.MULTILINE))
    assert rows.keys() == names_of_settings().keys()
    for name, default in names_of_settings().items():
        shown_default = "unset" if default is None else "empty" if default == "" else f"`{default}`"
        assert shown_default in rows[name], f"{name} has the default {default!r}, and the page says {rows[name]}"


PAGES = [ROOT / name for name in ("README.md", "CHANGELOG.md", "SECURITY.md")] + sorted((ROOT / "docs").rglob("*.md"))
#: Folders and files of the project as its pages name them: `core/jobs/`, `ui/frame.py`, `console.js`.
NAMED_PATH = re.compile(
    r"(?:core|tasks|ui|migrations|tests|docs|benchmarks)/[\w./-]*|[\w./-]+\.(?:py|md|js|css|html|toml|txt|lock|sql)"
)


@cache
def file_names() -> frozenset[str]:
    return frozenset(path.name for folder in (*PACKAGES, "tests", "docs") for path in (ROOT / folder).rglob("*.*"))


def is_there(name: str) -> bool:
    """Return whether a path exists below the project's root, or a bare file name anywhere in its folders."""
    return (ROOT / name).exists() or ("/" not in name and name in file_names())


def missing_paths(page: Path) -> Iterator[str]:
    """Yield the paths in backticks and the targets of links on a page that do not exist."""
    text = page.read_text()
    names = re.findall(r"`([^`\n]+)`", text)
    yield from (name for name in names if NAMED_PATH.fullmatch(name) and not is_there(name))
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[\w-]*)?\)", text)
    yield from (link for link in links if not (page.parent / link).exists())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    assert list(missing_paths(page)) == []


def test_the_readme_names_every_room() -> None:
    rooms = {f"`core/{path.parent.name}/`" for path in (ROOT / "core").glob("*/__init__.py")}
    folders = {f"`{name}/`" for name in (*PACKAGES, "tests", "benchmarks")} - {"`core/`"}
    table = "".join(re.findall(r"^\|.*$", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert {name for name in rooms | folders if name not in table} == set()


def test_every_package_is_installed_by_pip() -> None:
    named = PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {pattern.rstrip("*") for pattern in named} == set(PACKAGES)
    for folder in {path.parent for path in sources(*PACKAGES)}:
        assert (folder / "__init__.py").is_file(), f"{folder} has no __init__.py, and pip would leave it out"


@pytest.mark.parametrize("name", ["nicegui", "python-socketio", "python-engineio", "dramatiq"])
def test_a_library_whose_internals_are_replaced_stays_below_its_next_major_version(name: str) -> None:
    bounds = {
        requirement.name: requirement.specifier for requirement in map(Requirement, PROJECT["project"]["dependencies"])
    }
    assert any(bound.operator == "<" for bound in bounds[name])


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_the_locks_hold_what_the_project_asks_for(lock: str) -> None:
    text = (ROOT / lock).read_text()
    locked = dict(re.findall(r"^([\w.-]+)==([\w.]+)", text, re.MULTILINE))
    requirements = PROJECT["project"]["dependencies"]
    requirements += PROJECT["dependency-groups"]["dev"] if "dev" in lock else []
    for requirement in map(Requirement, requirements):
        version = locked.get(canonicalize_name(requirement.name))
        assert version, f"run `make lock`: {requirement} is not in {lock}"
        assert version in requirement.specifier, (
            f"run `make lock`: {lock} has {version}, and {requirement} is asked for"
        )


def test_the_locks_name_no_place_of_one_machine() -> None:
    for lock in ("requirements.lock", "requirements-dev.lock"):
        assert not re.search(r"^-|://|file:|@ ", (ROOT / lock).read_text(), re.MULTILINE)


def test_tests_run_with_the_versions_that_the_program_runs_with() -> None:
    run, dev = (
        set(re.findall(r"^\S+==\S+", (ROOT / lock).read_text(), re.MULTILINE))
        for lock in ("requirements.lock", "requirements-dev.lock")
    )
    assert run <= dev


def test_garbage_is_collected_again_once_the_program_is_loaded() -> None:
    body = parsed(ROOT / "main.py").body
    switches = {ast.unparse(each): n for n, each in enumerate(body) if ast.unparse(each).startswith("gc.")}
    assert list(switches) == ["gc.disable()", "gc.freeze()", "gc.enable()"]
    imports = [n for n, each in enumerate(body) if isinstance(each, ast.Import | ast.ImportFrom)]
    late = [n for n in imports[1:] if not switches["gc.disable()"] < n < switches["gc.freeze()"]]
    assert [at(ROOT / "main.py", body[n].lineno) for n in late] == []


@pytest.mark.parametrize(
    ("program", "left_out"),
    [
        ("main, tasks.worker", {"nicegui", "rich"}),
        ("main, ui.server, ui.app", {"aiohttp", "requests", "rich", "valkey"}),
    ],
)
def test_a_worker_and_a_console_keep_no_package_in_memory_that_they_do_not_use(
    program: str, left_out: set[str]
) -> None:
    script = f"import sys, {program}; print(*{{name.split('.')[0] for name in sys.modules}})"
    loaded = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not left_out & set(loaded.stdout.split())
