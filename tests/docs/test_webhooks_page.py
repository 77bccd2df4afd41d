"""docs/webhooks-out.md and the code name the same types, and every line of the history that is told has one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from domain.lifecycle import GRID
from domain.reasons import Reason
from infra.endpoints import DISABLED_AFTER
from infra.hook_bodies import PING, TYPES, UPDATED, type_of
from infra.hooks import RETRIES, TOLD

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks-out.md").read_text()
ROW = re.compile(r"^\| `(?P<type>[a-z]+\.[a-z_]+)` \| (?P<reasons>[a-z_`, ]*) \|", re.MULTILINE)


def test_the_page_has_every_type_with_its_reasons() -> None:
    documented = {row["type"]: set(re.findall(r"`([a-z_]+)`", row["reasons"])) for row in ROW.finditer(PAGE)}

    in_code: dict[str, set[str]] = {PING: set()}
    for reason, name in TYPES.items():
        in_code.setdefault(name, set()).add(str(reason))
    assert documented == in_code


def test_every_rule_that_moves_or_teaches_has_a_type_of_its_own() -> None:
    told = {rule.reason for row in GRID.values() for cell in row for rule in cell if rule.outcome in TOLD}

    assert told | {Reason.REQUESTED, Reason.ADOPTED, Reason.ASKED, Reason.UNBINDING} <= set(TYPES)


@pytest.mark.parametrize("reason", ["of_a_newer_version", ""])
def test_a_reason_that_is_not_known_is_an_update(reason: str) -> None:
    assert type_of(reason) == UPDATED


def test_the_page_tells_the_schedule() -> None:
    units = {"s": 1, "min": 60, "h": 3600}
    [line] = re.findall(r"^\*\*Tries\*\*: at once, then after (.+?)\. ", PAGE, re.MULTILINE)
    told = [int(number) * units[unit] for number, unit in re.findall(r"([0-9]+) (s|min|h)\b", line)]

    assert told == [int(each.total_seconds()) for each in RETRIES]
    assert f"**{DISABLED_AFTER.days} days**" in PAGE
