"""Writes docs/settings.md from the settings themselves: `python -m everspark.settings_page > docs/settings.md`."""

from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from infra.settings import PREFIX, Settings

HEAD = """\
# Settings

Everspark is configured by environment variables. Each has a default; with none set, `everspark up` runs everything on
this machine. A value that cannot be used stops the start with a sentence that names the variable, and exit code 2;
a variable that begins with `EVERSPARK_` and is none of these is named in a warning (`setting_unknown`).

`everspark web`, `worker` and `scheduler` as processes of their own need `EVERSPARK_DATABASE_URL`, `EVERSPARK_REDIS_URL`
and `EVERSPARK_SECRET_KEY`, the same in all of them. The containers of docker-compose.yml read settings from a file
([operations.md](operations.md#containers)).

| Variable | Default | Meaning |
|---|---|---|
"""


def page() -> str:
    """The whole page. It is generated: change the description in infra/settings.py instead."""
    return HEAD + "".join(_row(name, field) for name, field in Settings.model_fields.items())


def _row(name: str, field: FieldInfo) -> str:
    meaning = (field.description or "").replace("|", "\\|")
    return f"| `{PREFIX}{name.upper()}` | {_default(field.default)} | {meaning} |\n"


def _default(value: Any) -> str:
    plain = value.get_secret_value() if isinstance(value, SecretStr) else value
    if plain == "":
        return "empty"
    return f"`{str(plain).lower() if isinstance(plain, bool) else plain}`"


if __name__ == "__main__":
    print(page(), end="")
