"""Every way into the console, read from the real application: `python -m tests.security.route_table FILE`
writes it as JSON.

In a process of its own, since NiceGUI's pages can be declared once per process.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine

from ui.app import create


def ways(routes: list[Any], prefix: str = "") -> Iterator[tuple[str, str, list[str]]]:
    """Yield kind, path and methods of every route, through routers and mounts, however deep."""
    for route in routes:
        if router := getattr(route, "original_router", None):
            yield from ways(router.routes, prefix + getattr(route.include_context, "prefix", ""))
            continue
        path = prefix + route.path
        inner = getattr(getattr(route, "app", None), "routes", None)
        if inner is not None and not getattr(route, "methods", None):
            yield from ways(inner, path)
        else:
            yield type(route).__name__, path, sorted(getattr(route, "methods", None) or [])


def main(file: str) -> None:
    """Write the table."""
    application = create(create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none"), "test")
    table = {"ways": list(ways(application.routes)), "documented": list(application.openapi()["paths"])}
    Path(file).write_text(json.dumps(table))


if __name__ == "__main__":
    main(sys.argv[1])
