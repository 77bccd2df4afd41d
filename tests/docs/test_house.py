"""The house keeps its rules where import-linter does not look."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("domain", "infra", "worker", "scheduler", "web", "simulator", "everspark", "migrations")


def imported_by(path: Path) -> set[str]:
    """Top-level names of everything the file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import():
                names |= {alias.name.partition(".")[0] for alias in node.names}
            case ast.ImportFrom(module=str(module), level=0):
                names.add(module.partition(".")[0])
            case _:
                pass
    return names


def test_the_domain_needs_only_the_standard_library() -> None:
    for path in (ROOT / "domain").rglob("*.py"):
        assert imported_by(path) <= {*sys.stdlib_module_names, "domain"}, path.name


@pytest.mark.parametrize("package", OURS)
def test_every_module_says_what_it_is(package: str) -> None:
    for path in (ROOT / package).rglob("*.py"):
        if path.name != "__init__.py":
            assert ast.get_docstring(ast.parse(path.read_text())), f"{path} has no docstring"


def test_only_the_clock_asks_what_time_it_is() -> None:
    for package in OURS:
        for path in (ROOT / package).rglob("*.py"):
            if path != ROOT / "infra" / "clock.py":
                assert "datetime.now(" not in path.read_text(), path
                assert "utcnow(" not in path.read_text(), path


def test_no_pinned_file_names_a_registry() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text()
        assert "://" not in text
        assert "--index-url" not in text
        assert text.count("--hash=sha256:") >= len([line for line in text.splitlines() if "==" in line])
