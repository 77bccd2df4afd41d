"""The settings as people may see them: where each value comes from, and never a secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from infra.settings import PREFIX, Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """One setting. `origin`: `environment`, `start` (the command line, or made from other settings) or `default`."""

    variable: str
    value: str
    origin: str
    meaning: str


def all_of(settings: Settings, environment: Mapping[str, str]) -> list[Shown]:
    """Every setting, in the order in which docs/settings.md has them. Addresses that may hold a password count as secrets."""
    given = {name.upper() for name, value in environment.items() if value}
    rows = []
    for name, field in Settings.model_fields.items():
        value, variable = getattr(settings, name), PREFIX + name.upper()
        is_secret = isinstance(value, SecretStr) or not field.repr
        origin = "environment" if variable in given else "default" if value == field.default else "start"
        shown = _hidden(value) if is_secret else _plain(value)
        rows.append(Shown(variable=variable, value=shown, origin=origin, meaning=field.description or ""))
    return rows


def _hidden(value: Any) -> str:
    plain = value.get_secret_value() if isinstance(value, SecretStr) else value
    return "set, not shown" if plain else "empty"


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) or "empty"
