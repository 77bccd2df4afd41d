"""The arguments of an admin call against what it takes, so that a mistake is answered with a sentence that names it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

import msgspec

from simulator.accounts import Advertiser, Creator, Post

# Deeds that also take the fields of what they make.
MAKES: Mapping[str, type] = {"add_advertiser": Advertiser, "add_creator": Creator, "add_post": Post}
MADE_BY_ITSELF = frozenset(("created_at",))


class Mistaken(Exception):  # noqa: N818 - the caller's, answered with 400
    """The call cannot be understood; the text says why."""


def fitting(name: str, function: Callable[..., object], given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of the deed `name`, each of its type. Raises Mistaken."""
    types = {each: kind for each, kind in get_type_hints(function).items() if each not in ("return", "more")}
    if name in MAKES:
        types = {each: kind for each, kind in get_type_hints(MAKES[name]).items() if each not in MADE_BY_ITSELF} | types
    needed = [each.name for each in inspect.signature(function).parameters.values() if is_needed(each)]
    if missing := [each for each in needed if each not in given]:
        raise Mistaken(f"{name} needs {', '.join(missing)}")
    return typed(given, types, what=name)


def is_needed(parameter: inspect.Parameter) -> bool:
    """Whether it has no default."""
    return parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD


def typed(given: Mapping[str, Any], types: Mapping[str, Any], *, what: str) -> dict[str, Any]:
    """Each value as its type wants it. Raises Mistaken for a name that is not known, or a value of another type."""
    if unknown := sorted(given.keys() - types.keys()):
        raise Mistaken(f"{what} does not know {unknown[0]}: it takes {', '.join(sorted(types)) or 'nothing'}")
    return {name: converted(name, value, types[name]) for name, value in given.items()}


def converted(name: str, value: object, kind: Any) -> Any:
    """The value. Raises Mistaken."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        text = str(error)
        raise Mistaken(
            f"{name} cannot be {msgspec.json.encode(value).decode()}: {text[0].lower() + text[1:]}"
        ) from error
