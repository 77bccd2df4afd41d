"""Texts that have to be spelled in one way: the pattern is for programs, in the document; who is refused reads the words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema


@dataclass(frozen=True, kw_only=True, slots=True)
class Spelled:
    """Stands beside the `str` in `Annotated`. `words` go on from "Input should be". pydantic's own `pattern` would quote a
    regular expression to people.
    """

    pattern: str
    words: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """A field's own description takes the place of the words."""
        sentence = f"{self.words[:1].upper()}{self.words[1:]}."
        return handler(schema) | {"pattern": self.pattern, "description": sentence}

    def _checked(self, text: str) -> str:
        if re.fullmatch(self.pattern, text) is None:
            raise ValueError(f"Input should be {self.words}")
        return text


# The database keeps no NUL in a text.
NO_NUL = Spelled(pattern=r"^[^\x00]*$", words="a text without the character NUL")


def one_of(words: Iterable[str]) -> Spelled:
    """One of these words."""
    known = tuple(words)
    return Spelled(pattern=f"^({'|'.join(map(re.escape, known))})$", words=f"one of {', '.join(known)}")
