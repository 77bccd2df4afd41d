"""The container files name commands and variables that exist; where no engine is at hand, this is what can be known."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from everspark.cli import app
from infra.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
VARIABLES = {PREFIX + name.upper() for name in Settings.model_fields}
COMMANDS = set(getattr(typer.main.get_command(app), "commands", {}))
OURS = {"migrate", "web", "worker", "scheduler"}
OBSERVERS = {"prometheus", "grafana"}
# What the containers are to each other; everything else is the operator's.
FIXED = {"EVERSPARK_DATABASE_URL", "EVERSPARK_REDIS_URL", "EVERSPARK_BEHIND_TLS", "EVERSPARK_METRICS_PORT"}


@pytest.fixture
def compose() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return parsed


@pytest.fixture
def dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text().replace("\\\n", " ")


def test_all_parts_are_there(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {"postgres", "redis", "mailpit", *OURS, *OBSERVERS}


@pytest.mark.parametrize("name", sorted(OURS))
def test_commands_and_variables_exist(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]

    assert service["command"] == [name]
    assert name in COMMANDS
    assert set(service["environment"]) <= VARIABLES
    assert {"EVERSPARK_DATABASE_URL", "EVERSPARK_REDIS_URL", "EVERSPARK_SECRET_KEY"} <= set(service["environment"])


def test_everything_that_runs_on_is_looked_at(compose: dict[str, Any], dockerfile: str) -> None:
    for name, service in compose["services"].items():
        assert "healthcheck" in service or (name == "web" and "HEALTHCHECK" in dockerfile), name


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_setting_reaches_the_containers_from_one_file(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]
    # Compose puts the values of the same file into `${…}`: what stands there does not hide it.
    hidden = {variable for variable, value in service["environment"].items() if f"${{{variable}" not in str(value)}

    assert service["env_file"] == [{"path": ".env", "required": False}]
    assert hidden <= FIXED


def test_what_the_containers_fix_is_said(compose: dict[str, Any]) -> None:
    said = (ROOT / "docs" / "operations.md").read_text().partition("\n## Containers\n")[2].partition("\n## ")[0]

    assert all(f"`{variable}`" in said for variable in FIXED - {"EVERSPARK_DATABASE_URL", "EVERSPARK_REDIS_URL"})
    assert "the database, Redis, " in said


def test_what_is_secret_beside_the_containers_is_neither_kept_in_git_nor_in_the_image() -> None:
    for name in (".gitignore", ".dockerignore"):
        assert {".env", "metrics-token"} <= set((ROOT / name).read_text().splitlines())


def test_the_image_has_what_traces_need(dockerfile: str) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    pinned = set(re.findall(r"^([\w-]+)==", (ROOT / "requirements.txt").read_text(), re.MULTILINE))

    assert "-r requirements.txt" in dockerfile
    assert {re.split("[<>=]", requirement)[0] for requirement in extras["tracing"]} <= pinned


def test_prometheus_finds_the_token_where_the_volume_puts_it() -> None:
    config = (ROOT / "ops" / "prometheus" / "prometheus.yml").read_text()
    volume = re.search(r"^ +# - \./metrics-token:(\S+):ro$", (ROOT / "docker-compose.yml").read_text(), re.MULTILINE)
    web = yaml.safe_load(config.replace("# authorization:", "authorization:"))["scrape_configs"][0]

    assert volume is not None
    assert web["authorization"] == {"credentials_file": volume[1]}


def test_who_only_observes_is_started_on_demand_with_files_that_are_there(compose: dict[str, Any]) -> None:
    profiles = {name: service["profiles"] for name, service in compose["services"].items() if "profiles" in service}
    files = [volume.partition(":")[0] for name in OBSERVERS for volume in compose["services"][name]["volumes"]]

    assert profiles == {name: ["observe"] for name in OBSERVERS}
    assert all((ROOT / path).exists() for path in files if path.startswith("./"))


def test_prometheus_reads_ports_that_processes_answer_on(compose: dict[str, Any]) -> None:
    config = yaml.safe_load((ROOT / "ops" / "prometheus" / "prometheus.yml").read_text())
    targets = {
        target for job in config["scrape_configs"] for group in job["static_configs"] for target in group["targets"]
    }
    apart = {
        name: compose["services"][name]["environment"]["EVERSPARK_METRICS_PORT"] for name in ("worker", "scheduler")
    }

    assert targets == {"web:8080", *(f"{name}:{port}" for name, port in apart.items())}
    assert all(job["honor_labels"] for job in config["scrape_configs"])  # sweeps have a label `job` of their own


def test_what_is_waited_for_exists(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert set(service.get("depends_on", {})) <= set(compose["services"])


def test_doctor_is_asked_for_findings_it_has(compose: dict[str, Any]) -> None:
    written = (ROOT / "everspark" / "doctor.py").read_text()
    for name in ("worker", "scheduler"):
        test = compose["services"][name]["healthcheck"]["test"]

        assert test[:3] == ["CMD", "everspark", "doctor"]
        for word in test[3:]:
            assert word == "--only" or f'name="{word}"' in written


def test_nothing_is_open_to_the_network(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


def test_who_listens_beyond_the_container_states_what_ends_tls(compose: dict[str, Any], dockerfile: str) -> None:
    assert "EVERSPARK_HOST=0.0.0.0" in dockerfile
    assert compose["services"]["web"]["environment"]["EVERSPARK_BEHIND_TLS"] == "true"


def test_the_image_runs_a_command_that_exists_as_nobody_special(dockerfile: str) -> None:
    last = dockerfile.rpartition("FROM ")[2]
    command = re.search(r"^CMD (\[.*\])$", last, re.MULTILINE)

    assert command is not None
    assert json.loads(command[1])[0] in COMMANDS
    assert re.search(r"^USER everspark$", last, re.MULTILINE)
    assert "--require-hashes" in dockerfile


def test_every_variable_of_the_image_exists(dockerfile: str) -> None:
    compose_text = (ROOT / "docker-compose.yml").read_text()

    assert set(re.findall(rf"{PREFIX}[A-Z_]+", dockerfile + compose_text)) <= VARIABLES
