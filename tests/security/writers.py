"""Finds code that writes to the database: straight, or by calling a function of core that does.

A checker of syntax: it knows what the house writes with (sessions, statements, SQL in text, events), and follows
names through imports. It need not see through disguise; it has to catch a shortcut taken without thinking.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ON_SESSION = {"add", "add_all", "delete", "merge", "commit", "bulk_save_objects", "bulk_insert_mappings"}
ON_ENGINE = {"begin", "raw_connection"}
STATEMENTS = {"insert", "update", "delete", "truncate"}
DML = re.compile(
    r"\b(INSERT\s+INTO|UPDATE\s+\S+\s+SET|DELETE\s+FROM|TRUNCATE\s+\S+|"
    r"(DROP|ALTER)\s+(TABLE|TYPE|INDEX)|COPY\s+\S+\s+FROM)\b",
    re.IGNORECASE,
)
LIBRARIES = ("sqlalchemy", "sqlmodel")


@dataclass
class Module:
    """One file: the meanings of its names, and its functions."""

    name: str
    tree: ast.Module
    #: Local name -> what it stands for, such as core.people.auth.sign_in.
    names: dict[str, str] = field(default_factory=dict)
    #: Constants that hold SQL which writes.
    dml: set[str] = field(default_factory=set)

    @classmethod
    def parse(cls, name: str, source: str) -> "Module":
        module = cls(name, ast.parse(source))
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                module.names |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
            elif isinstance(node, ast.Import):
                module.names |= {a.asname or a.name.split(".")[0]: a.name for a in node.names if a.asname}
        for node in module.tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                module.names[node.name] = f"{name}.{node.name}"
            elif isinstance(node, ast.Assign) and _has_dml(node):
                module.dml |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        return module

    def meaning(self, node: ast.AST) -> str | None:
        """Return the meaning of a name or attribute, as a dotted path, if it was imported or declared here."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id)
        if isinstance(node, ast.Attribute):
            base = self.meaning(node.value)
            return f"{base}.{node.attr}" if base else None
        return None


def _has_dml(node: ast.AST) -> bool:
    return any(
        isinstance(part, ast.Constant) and isinstance(part.value, str) and DML.search(part.value)
        for part in ast.walk(node)
    )


def _root(node: ast.AST) -> str:
    """Return the words of a receiver, such as `work.session` of `work.session.add`."""
    return ast.unparse(node).lower()


def straight(module: Module, within: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and reason of everything inside a node that writes by itself."""
    docs = {id(body[0].value) for node in ast.walk(within) if (body := _documented(node))}
    for node in ast.walk(within):
        if isinstance(node, ast.Call):
            yield from _call(module, node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            if DML.search(node.value):
                yield node.lineno, "SQL that writes"
        elif isinstance(node, ast.Name) and node.id in module.dml:
            yield node.lineno, f"{node.id} is SQL that writes"


def _documented(node: ast.AST) -> list[ast.Expr] | None:
    body = getattr(node, "body", None)
    is_text = isinstance(body, list) and body and isinstance(body[0], ast.Expr)
    return body if is_text else None


def _call(module: Module, node: ast.Call) -> Iterator[tuple[int, str]]:
    meaning = module.meaning(node.func) or ""
    if meaning == "core.audit.record.record":
        yield node.lineno, "records an event"
    if meaning.startswith(LIBRARIES) and meaning.rpartition(".")[2] in STATEMENTS:
        yield node.lineno, f"{meaning} makes a statement that writes"
    if isinstance(node.func, ast.Attribute):
        receiver = _root(node.func.value)
        if node.func.attr in ON_SESSION and "session" in receiver.split(".")[-1]:
            yield node.lineno, f"{receiver}.{node.func.attr}"
        if node.func.attr in ON_ENGINE and "engine" in receiver:
            yield node.lineno, f"{receiver}.{node.func.attr}"


def functions(module: Module) -> Iterator[tuple[str, ast.AST]]:
    """Yield every function and method of a module by its dotted path; methods by their class as well."""
    for node in module.tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield f"{module.name}.{node.name}", node


def uses(module: Module, within: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield every declared or imported object that a node refers to: called, or passed on to be called."""
    for node in ast.walk(within):
        if isinstance(node, ast.Name | ast.Attribute) and (meaning := module.meaning(node)):
            yield node.lineno, meaning


@cache
def modules(*folders: str) -> Mapping[str, Module]:
    """Parse all modules of packages, or single files."""
    parsed = {}
    for folder in folders:
        where = ROOT / folder
        for path in sorted(where.rglob("*.py")) if where.is_dir() else [where]:
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            parsed[name] = Module.parse(name, path.read_text())
    return parsed


@cache
def writers() -> frozenset[str]:
    """Return the dotted paths of all functions of core that write, by themselves or through another of core."""
    core = modules("core")
    bodies = {path: (module, node) for module in core.values() for path, node in functions(module)}
    writing = {path for path, (module, node) in bodies.items() if any(straight(module, node))}
    called = {path: {_home(core, use) for _, use in uses(module, node)} for path, (module, node) in bodies.items()}
    while more := {path for path in bodies if path not in writing and called[path] & writing}:
        writing |= more
    return frozenset(writing)


def _home(core: Mapping[str, Module], path: str) -> str:
    """Follow a name that a module only passes on, such as core.jobs.request.request_task, to where it is declared."""
    owner, _, name = path.rpartition(".")
    passed_on = core[owner].names.get(name, path) if owner in core else path
    return path if passed_on == path else _home(core, passed_on)


def _in_session(node: ast.AST) -> bool:
    """Return whether a function has a session."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        takes_session = "session" in {argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)}
        return takes_session or any(
            isinstance(part, ast.With) and "session_scope" in ast.unparse(part) for part in node.body
        )
    return False


def violations(module: Module, allowed: frozenset[str]) -> list[str]:
    """Return every place of a module that writes around the gateway, with its line and reason."""
    core = modules("core")
    writes = list(straight(module, module.tree))
    for line, use in uses(module, module.tree):
        home = _home(core, use)
        if home in writers() and home not in allowed:
            writes.append((line, f"{home} writes, and is no command"))
    for node in ast.walk(module.tree):
        if _in_session(node):
            writes += [(line, f"sets {target} in a transaction") for line, target in _assigned(node)]
        if isinstance(node, ast.Attribute) and node.attr == "act" and "command" in _root(node.value):
            writes.append((node.lineno, "calls a command's function itself"))
    return [f"{module.name}:{line} {reason}" for line, reason in sorted(set(writes))]


def _assigned(function: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(function):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            if isinstance(target, ast.Attribute) and not ast.unparse(target).startswith("self."):
                yield target.lineno, ast.unparse(target)
