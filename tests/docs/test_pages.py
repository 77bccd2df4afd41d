"""The pages and the program name the same things."""

from __future__ import annotations

import re
from pathlib import Path

import typer.main

from everspark.cli import app
from everspark.settings_page import page

ROOT = Path(__file__).parents[2]


def commands() -> dict[str, str]:
    """Every command with its help."""
    found: dict[str, str] = {}

    def walk(group: object, prefix: str) -> None:
        for name, command in getattr(group, "commands", {}).items():
            if getattr(command, "commands", None):
                walk(command, f"{prefix}{name} ")
            else:
                found[f"{prefix}{name}"] = command.help or ""

    walk(typer.main.get_command(app), "everspark ")
    return found


def test_the_settings_page_is_what_the_settings_say() -> None:
    assert (ROOT / "docs" / "settings.md").read_text() == page(), "run `make docs`"


def test_the_page_of_the_command_line_names_every_command() -> None:
    written = set(re.findall(r"^\| `(everspark [a-z -]+)` \|", (ROOT / "docs" / "cli.md").read_text(), re.MULTILINE))

    assert written == set(commands())


def test_every_command_has_an_example() -> None:
    for name, text in commands().items():
        assert f"Example: {name}" in text or f"| {name}" in text, name
