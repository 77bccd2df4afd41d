"""docs/access.md names every act that the audit log can hold."""

from __future__ import annotations

import re
from pathlib import Path

from domain.acts import Act
from infra.outbox_acts import Deed
from infra.reports.audited import ACTS

ROOT = Path(__file__).parents[2]
PACKAGES = ("infra", "web", "worker", "everspark")
NOTED = re.compile(r'act="([a-z]+\.[a-z_]+)"|"((?:endpoint|producer|creator|renewal)\.[a-z_]+)"')
DOCUMENTED = re.compile(r"`([a-z]+\.[a-z_]+)`")


def test_every_act_is_documented() -> None:
    table = (ROOT / "docs" / "access.md").read_text().partition("## The audit log")[2]
    noted = {f"act.{act}" for act in Act} | {f"outbox.{deed}" for deed in Deed}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            if "audit" in (text := path.read_text()):
                noted |= {first or second for first, second in NOTED.findall(text)}

    assert noted - set(DOCUMENTED.findall(table)) == set()
    assert noted - set(ACTS) == set(), "name it in infra/reports/audited.py too, so that it can be looked for"


def test_those_that_can_be_looked_for_are_those_that_are_documented() -> None:
    table = (ROOT / "docs" / "access.md").read_text().partition("## The audit log")[2]
    names = "".join(re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE))

    assert set(ACTS) == set(DOCUMENTED.findall(names))
