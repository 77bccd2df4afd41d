"""docs/logs.md and the code name the same log events, at the same levels."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("domain", "infra", "worker", "scheduler", "web", "everspark")
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
ROW = re.compile(r"^\| `(?P<event>[a-z_]+)` \| (?P<levels>[a-z, ]+) \|", re.MULTILINE)


def logged() -> dict[str, set[str]]:
    """The levels of each event that the program can log."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and is_log_call(node):
                    event = node.args[0]
                    assert isinstance(event, ast.Constant), f"{path}:{node.lineno} logs a name that is not constant"
                    assert isinstance(event.value, str)
                    found[event.value].add("error" if level_of(node) == "exception" else level_of(node))
    return found


def is_log_call(node: ast.Call) -> bool:
    match node.func:
        case ast.Attribute(value=ast.Name(id="log"), attr=name):
            return name in LEVELS and bool(node.args)
        case _:
            return False


def level_of(node: ast.Call) -> str:
    assert isinstance(node.func, ast.Attribute)
    return node.func.attr


def test_every_log_event_is_documented_with_its_levels() -> None:
    documented = {
        row["event"]: set(row["levels"].replace(" ", "").split(","))
        for row in ROW.finditer((ROOT / "docs" / "logs.md").read_text())
    }

    assert documented == logged()


def test_event_names_are_in_snake_case() -> None:
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)+", name) for name in logged())
