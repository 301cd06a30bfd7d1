"""Assets that are built or put together: icons (a name without an outline loads a font of 128 kB), and the grid."""

import ast
import json
from pathlib import Path

from ui import design

ROOT = Path(__file__).resolve().parents[2]
#: Functions whose first argument is the name of an icon.
DRAW: frozenset[str] = frozenset({"icon", "icon_button", "empty", "Place", "Entry"})


def named_icons() -> set[str]:
    """Return the icons that calls in the console's code name."""
    names: set[str] = set()
    for path in (ROOT / "ui").rglob("*.py"):
        for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
            function = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            given = [each.value for each in call.keywords if each.arg == "icon"]
            given += call.args[:1] if function in DRAW else []
            names |= {each.value for each in given if isinstance(each, ast.Constant) and each.value}
    return names


def test_every_icon_that_the_console_names_has_an_outline() -> None:
    assert len(named_icons()) > 25
    assert named_icons() - set(design.icons()) == set()


def test_the_pages_script_contains_the_outlines() -> None:
    script = design.content_of("console.js").decode()
    assert script.startswith(f"window.icons = {json.dumps(dict(design.icons()), indent=1).rstrip('}').rstrip()}")


def test_the_grids_modules_are_one_script_without_imports_between_them() -> None:
    script = design.content_of("job-grid.js").decode()
    assert "class Source" in script
    assert "class TimeCell" in script
    assert "import " not in "\n".join(line for line in script.splitlines() if not line.startswith("//"))
