"""Alert rules, the runbook, the rules' own tests and the dashboard speak of what the program measures, and of all of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra import tracing
from infra.ledger import JOBS
from infra.metrics import GAUGES, REFUSALS, Metrics
from web.problems import REASONS

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "ops" / "prometheus"
RULES = [rule for group in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
DASHBOARD: dict[str, Any] = json.loads((ROOT / "ops" / "grafana" / "dashboards" / "everspark.json").read_text())
RUNBOOK = (ROOT / "docs" / "operations.md").read_text()
ROW = re.compile(r"^\| `(?P<name>everspark_\w+)` \| (?P<labels>[^|]*)\|", re.MULTILINE)
# Prometheus' own words, in an expression without its texts.
OWN = {"up", "le"}
SUFFIXES = ("_bucket", "_sum", "_count")


def expressions() -> list[str]:
    panels = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]
    return [*(rule["expr"] for rule in RULES), *panels]


def metrics() -> set[str]:
    """What a process can show: its own counts, and what it reads from the database."""
    families = {family.name + ("_total" if family.type == "counter" else "") for family in Metrics().registry.collect()}
    return families | {name for name, *_ in GAUGES} | {"everspark_database_up"}


def documented() -> dict[str, set[str]]:
    """Each metric of docs/metrics.md with its labels."""
    page = (ROOT / "docs" / "metrics.md").read_text()
    return {row["name"]: set(re.findall(r"`(\w+)`", row["labels"])) for row in ROW.finditer(page)}


def named(expression: str) -> set[str]:
    words = set(re.findall(r"\beverspark_\w+", re.sub(r'"[^"]*"', "", expression)))
    return {next((word.removesuffix(end) for end in SUFFIXES if word.endswith(end)), word) for word in words}


def labels_of(expression: str) -> Iterator[tuple[str, str]]:
    """Each metric with a label that it is chosen, or summed up, by."""
    for name, chosen in re.findall(r"\b(everspark_\w+)\{([^}]*)\}", expression):
        yield from ((name, label) for label in re.findall(r"(\w+)\s*[=!]", re.sub(r'"[^"]*"', "", chosen)))
    for label, name in re.findall(r"by \((\w+)\) \(\w+\((everspark_\w+)", expression):
        if label not in OWN:
            yield name, label


def test_the_page_of_metrics_and_the_program_name_the_same() -> None:
    assert set(documented()) == metrics()


@pytest.mark.parametrize("expression", expressions())
def test_rules_and_panels_read_what_is_documented(expression: str) -> None:
    assert named(expression) <= set(documented())
    assert named(expression) or re.match(r"up\b", expression)
    assert [(name, label) for name, label in labels_of(expression) if label not in documented()[name]] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_each_alert_says_how_grave_it_is_and_leads_to_its_paragraph(rule: dict[str, Any]) -> None:
    name = rule["alert"]
    paragraph = RUNBOOK.partition(f"\n### {name}\n")[2].partition("\n#")[0]

    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["runbook"] == f"docs/operations.md#{name.lower()}"
    assert re.findall(r"^- \*\*(\w+)\*\*: ", paragraph, re.MULTILINE) == ["Symptom", "Meaning", "Do"]


def test_the_runbook_has_no_paragraph_of_an_alert_that_is_gone() -> None:
    assert re.findall(r"^### (Everspark\w+)$", RUNBOOK, re.MULTILINE) == [rule["alert"] for rule in RULES]


def test_each_rule_is_seen_to_be_quiet_and_to_fire() -> None:
    cases = yaml.safe_load((PROMETHEUS / "alerts_test.yml").read_text())["tests"]
    seen = {(case["alertname"], bool(case["exp_alerts"])) for test in cases for case in test["alert_rule_test"]}

    assert seen == {(rule["alert"], fires) for rule in RULES for fires in (True, False)}


def test_a_count_begins_in_the_rules_tests_with_what_a_fresh_process_shows() -> None:
    page = Metrics().page().decode()
    cases = yaml.safe_load((PROMETHEUS / "alerts_test.yml").read_text())["tests"]
    counts = {each["series"] for case in cases for each in case["input_series"] if "_total" in each["series"]}

    assert counts
    for series in counts:
        assert f"\n{series} 0.0\n" in page


def test_every_answer_that_refuses_a_delivery_is_counted_from_the_start_and_told() -> None:
    written = "".join((ROOT / "web" / name).read_text() for name in ("ingress.py", "problems.py"))
    uncounted = {405}  # nobody's delivery
    (row,) = re.findall(
        r"^\| `everspark_deliveries_refused_total` .*$", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE
    )

    assert {int(status) for status in re.findall(r"Refusal\(\s*(\d+)", written)} | set(REASONS) == {
        *REFUSALS
    } | uncounted
    assert {int(status) for status in re.findall(r"\b[45]\d\d\b", row)} == set(REFUSALS)


def test_no_sweep_can_be_missing_in_silence() -> None:
    (rule,) = (rule for rule in RULES if rule["alert"] == "EversparkSweepMissing")

    assert tuple(re.findall(r'absent\(everspark_sweep_age_seconds\{job="(\w+)"\}\)', rule["expr"])) == JOBS


def test_attributes_of_spans_are_documented_by_the_names_under_which_they_are_found() -> None:
    table = RUNBOOK.partition("\n| Span |")[2].partition("\n\n")[0]
    written = [word for row in table.splitlines()[2:] for word in re.findall(r"`([^`]+)`", row.rsplit("|", 2)[1])]

    assert written
    assert [word for word in written if word not in tracing._named({word: 1})] == []  # noqa: SLF001


def test_the_dashboard_is_explained_laid_out_and_bound_to_its_source() -> None:
    source = yaml.safe_load((ROOT / "ops/grafana/provisioning/datasources/prometheus.yml").read_text())["datasources"][
        0
    ]
    panels = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
    places = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]

    assert {panel["datasource"]["uid"] for panel in panels} == {source["uid"]}
    assert all(panel["title"] and panel["description"] for panel in panels)
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert len(places) == len(set(places))
    assert max(x for x, _ in places) < 24
