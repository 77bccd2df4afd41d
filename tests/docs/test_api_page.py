"""docs/api.md names every operation of the API, and for everything that can be done on a page the operation that does it."""

from __future__ import annotations

import re
from pathlib import Path

from web.api.operations import OPERATIONS
from web.api.problems import REASONS
from web.room.routes import PAGES

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
TABLE, WITHOUT = PAGE.partition("## Operations")[2].split("What has a page and no operation")
ROW = re.compile(
    r"^\| `(?P<operation>[A-Z]+ /[^`]*)` \| `(?P<scope>[a-z]+)` \|[^|]+\| (?:`(?P<page>[^`]+)`)? ?\|$", re.MULTILINE
)


def plain(path: str) -> str:
    """Without what the router wants to know of the parts."""
    return re.sub(r"{([a-z]+):[a-z]+}", r"{\1}", path)


def test_every_operation_stands_in_the_table_with_its_scope() -> None:
    written = {row["operation"]: row["scope"] for row in ROW.finditer(TABLE)}

    assert written == {each.name: each.scope for each in OPERATIONS}


def test_whatever_is_done_on_a_page_is_done_by_an_operation_or_it_is_said_why_not() -> None:
    pages = {f"POST {plain(page.path)}" for page in PAGES if "POST" in page.methods}
    done = {row["page"] for row in ROW.finditer(TABLE) if row["page"] and row["page"].startswith("POST")}
    reasoned = set(re.findall(r"`(POST [^`]+)`", WITHOUT))

    assert done | reasoned == pages
    assert not done & reasoned


def test_whatever_is_read_on_a_page_is_read_by_an_operation_or_it_is_said_why_not() -> None:
    pages = {plain(page.path) for page in PAGES if "GET" in page.methods}
    told = {row["page"].removeprefix("POST ") for row in ROW.finditer(TABLE) if row["page"]}
    reasoned = set(re.findall(r"`(/[^`]*)`", WITHOUT))

    assert pages <= told | reasoned
    assert not reasoned & told


def test_the_operation_of_a_page_is_let_in_to_as_the_page_is() -> None:
    needed = {"viewer": {"read"}, "operator": {"act", "import"}, "admin": {"admin"}}
    roles = {f"{method} {plain(page.path)}": page.role for page in PAGES for method in page.methods}

    for row in ROW.finditer(TABLE):
        if row["page"] and row["page"].startswith("POST"):
            assert row["scope"] in needed[roles[row["page"]]], row["operation"]


def test_every_kind_of_problem_is_told() -> None:
    for status, word in REASONS.items():
        assert re.search(rf"^\| [0-9, ]*{status}[0-9, ]* \|[^|]*`{word}`", PAGE, re.MULTILINE), status
