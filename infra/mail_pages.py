"""The pages that a mail is written with: those of this package, and an operator's own in their place.

An operator's folder holds `default/` and one folder for each advertiser id, with `ask.<language>.txt` and `.html` in them.
All is read once: what was checked at the start is what is used until the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    FunctionLoader,
    PrefixLoader,
    StrictUndefined,
    select_autoescape,
)
from jinja2.sandbox import ImmutableSandboxedEnvironment

from infra.mail_words import LOCALES

DEFAULT = "default"
KINDS = ("txt", "html")
OURS = FileSystemLoader(Path(__file__).parent / "templates")


class BrokenTemplate(ValueError):  # noqa: N818 - reads as a sentence where it is caught
    """A page of an operator's folder that cannot be used; the text names file, line and remedy."""


@dataclass(frozen=True, kw_only=True)
class Overrides:
    """An operator's pages: their text by folder (an advertiser id, or `default`) and file name.

    Made by infra.mail_check.overrides_in, which has tried each of them.
    """

    folder: Path
    pages: Mapping[str, Mapping[str, str]]

    def environment(self, advertiser_id: str | None) -> Environment:
        """The pages for an advertiser's mail; None: for a mail about several."""
        return self._environments.get(advertiser_id or DEFAULT) or self._environments[DEFAULT]

    @cached_property
    def _environments(self) -> dict[str, Environment]:
        return {name: self._environment(name) for name in {DEFAULT, *self.pages}}

    def _environment(self, name: str) -> Environment:
        layers: list[BaseLoader] = [FunctionLoader(self._reader(each)) for each in dict.fromkeys((name, DEFAULT))]
        return _environment(ChoiceLoader([*layers, OURS, PrefixLoader({"builtin": OURS})]))

    def _reader(self, folder: str) -> Callable[[str], tuple[str, str, None] | None]:
        pages = self.pages.get(folder, {})
        return lambda name: (pages[name], str(self.folder / folder / name), None) if name in pages else None


@cache
def built_in() -> Environment:
    """The pages of this package alone."""
    return _environment(OURS)


def read_overrides(folder: Path) -> Overrides:
    """What the folder holds, untried. Raises BrokenTemplate for what would never be used, or cannot be read."""
    if not folder.is_dir():
        raise BrokenTemplate(f"there is no folder {folder}; make it, or leave the setting empty")
    folders = [each for each in sorted(folder.iterdir()) if each.is_dir() and not each.name.startswith(".")]
    return Overrides(folder=folder, pages={each.name: _pages_of(each) for each in folders})


def _pages_of(folder: Path) -> dict[str, str]:
    if folder.name != DEFAULT and not (folder.name.isascii() and folder.name.isdigit()):
        raise BrokenTemplate(f"the folder {folder} is neither `{DEFAULT}` nor an advertiser id; rename it")
    files = [each for each in sorted(folder.iterdir()) if each.suffix.lstrip(".") in KINDS]
    return {each.name: _text_of(each) for each in files}


def _text_of(file: Path) -> str:
    names = {f"ask.{language}.{kind}" for language in LOCALES for kind in KINDS}
    if file.name.startswith("ask.") and file.name not in names | {"ask.html"}:
        raise BrokenTemplate(f"{file} would never be used: name it ask.LANGUAGE.txt or .html ({', '.join(LOCALES)})")
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BrokenTemplate(f"{file} cannot be read ({error}); save it as UTF-8, readable for this process") from error


def _environment(loader: BaseLoader) -> Environment:
    return ImmutableSandboxedEnvironment(
        loader=loader,
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
