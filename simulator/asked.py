"""What a call asks for: its parameters, read as strictly as TikTok reads them, every mistake a 40002 that names it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from simulator.accounts import Token
from simulator.catalogue import parameter

Row = TypeVar("Row")
MOST_ROWS = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """The parameters of one call. In a GET all of them are text, lists and objects as JSON; in a POST JSON values.

    `token` is None on paths that need none.
    """

    path: str
    method: str
    values: Mapping[str, Any]
    token: Token | None = None

    def has(self, name: str) -> bool:
        return self.values.get(name) not in (None, "")

    def optional(self, name: str) -> str | None:
        """A text, None when it is missing or empty."""
        return self.text(name) if self.has(name) else None

    def text(self, name: str) -> str:
        """A text that must be there. A number is refused: ids are strings."""
        if not self.has(name):
            raise parameter(f"{name}: Missing data for required field.")
        value = self.values[name]
        if not isinstance(value, str):
            raise parameter(f"{name}: Not a valid string.")
        return value

    def choice(self, name: str, allowed: Sequence[str], default: str | None = None) -> str:
        """One of the words."""
        value = default if default is not None and not self.has(name) else self.text(name)
        if value not in allowed:
            raise parameter(f"{name}: Must be one of: {', '.join(allowed)}.")
        return value

    def whole(self, name: str, *, default: int | None = None, least: int = 1, most: int = MOST_ROWS) -> int:
        """A whole number between `least` and `most`."""
        if not self.has(name) and default is not None:
            return default
        value = self._whole(name)
        if not least <= value <= most:
            raise parameter(f"{name}: Must be greater than or equal to {least} and less than or equal to {most}.")
        return value

    def clamped(self, name: str, *, default: int, most: int) -> int:
        """A whole number; more than `most` is taken as `most`, silently."""
        return min(self._whole(name), most) if self.has(name) else default

    def flag(self, name: str, *, default: bool | None = None) -> bool:
        """A boolean; `true` or `false` as text in a GET."""
        if not self.has(name) and default is not None:
            return default
        value = self.values.get(name)
        if self.method == "GET" and isinstance(value, str):
            value = {"true": True, "false": False}.get(value.lower(), value)
        if not isinstance(value, bool):
            raise parameter(
                f"{name}: {'Not a valid boolean' if self.has(name) else 'Missing data for required field'}."
            )
        return value

    def words(
        self, name: str, *, default: Sequence[str] = (), allowed: Sequence[str] = (), most: int = 1000
    ) -> list[str]:
        """A list of texts."""
        if not self.has(name):
            return list(default)
        value = self._document(name, "[]string")
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise parameter(f"{name}: cannot unmarshal {_kind(value)} into field of type []string")
        if len(value) > most:
            raise parameter(f"{name}: Longer than maximum length {most}.")
        if allowed and (wrong := [each for each in value if each not in allowed]):
            raise parameter(f"{name}: {wrong[0]} is not one of: {', '.join(allowed)}.")
        return value

    def document(self, name: str) -> dict[str, Any]:
        """An object; empty when missing."""
        if not self.has(name):
            return {}
        value = self._document(name, "object")
        if not isinstance(value, dict):
            raise parameter(f"{name}: cannot unmarshal {_kind(value)} into field of type object")
        return value

    def documents(self, name: str) -> list[dict[str, Any]]:
        """A list of objects; empty when missing."""
        if not self.has(name):
            return []
        value = self._document(name, "[]object")
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            raise parameter(f"{name}: cannot unmarshal {_kind(value)} into field of type []object")
        return value

    def page(self, rows: Sequence[Row], *, default: int, most: int) -> tuple[Sequence[Row], dict[str, int]]:
        """The rows of the page that is asked for, and `page_info`."""
        page, size = self.whole("page", default=1), self.whole("page_size", default=default, most=most)
        total = len(rows)
        info = {"page": page, "page_size": size, "total_number": total, "total_page": -(-total // size)}
        return rows[(page - 1) * size : page * size], info

    def _whole(self, name: str) -> int:
        value = self.values.get(name)
        if self.method == "GET" and isinstance(value, str) and value.lstrip("-").isdecimal():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise parameter(
                f"{name}: {'Not a valid integer' if self.has(name) else 'Missing data for required field'}."
            )
        return value

    def _document(self, name: str, kind: str) -> Any:
        value = self.values[name]
        if self.method != "GET" or not isinstance(value, str):
            return value
        try:
            return msgspec.json.decode(value)
        except (msgspec.DecodeError, UnicodeEncodeError):
            raise parameter(f"{name}: json: cannot unmarshal string into field of type {kind}") from None


def query(text: str) -> dict[str, str]:
    """The parameters of a GET. A key that comes twice is an array to TikTok, and no field takes one."""
    values: dict[str, str] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        if name in values:
            raise parameter(f"{name}: json: cannot unmarshal array into field of type string")
        values[name] = value
    return values


def body(content: bytes, content_type: str) -> dict[str, Any]:
    """The parameters of a POST."""
    if "application/json" not in content_type:
        raise parameter("Content-Type must be application/json")
    try:
        value = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise parameter("The body is not valid JSON") from None
    if not isinstance(value, dict):
        raise parameter(f"json: cannot unmarshal {_kind(value)} into object")
    return value


def _kind(value: object) -> str:
    match value:
        case bool():
            return "bool"
        case str():
            return "string"
        case int() | float():
            return "number"
        case list():
            return "array"
        case _:
            return "object"
