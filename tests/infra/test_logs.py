"""No secret in any log line, whichever way it came in; the libraries' lines look like ours."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from infra import logs

BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
codes = st.text(BASE64, min_size=30, max_size=70).map(lambda text: f"#{text}=")
webhook_secrets = st.text(BASE64, min_size=8, max_size=44).map(lambda text: f"whsec_{text}")


@pytest.fixture
def output() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure(log_format="json", stream=stream)
    yield stream
    root.handlers[:], root.level = before, level
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def lines(output: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in output.getvalue().splitlines()]


@given(secret=codes | webhook_secrets, before=st.text(max_size=5), after=st.text(max_size=5))
def test_what_looks_secret_is_hidden_wherever_it_stands(secret: str, before: str, after: str) -> None:
    text = f"{before} {secret} {after}"

    kept = logs.redact(
        None, "info", {"event": text, "deep": {"list": [text, text.encode()]}, "object": ValueError(text)}
    )

    assert secret not in json.dumps(kept, ensure_ascii=False)


@pytest.mark.parametrize("name", ["secret", "client_secret", "password", "access_token", "api_key", "code", "Cookie"])
def test_what_is_secret_by_name_is_hidden(name: str) -> None:
    kept = logs.redact(None, "info", {"event": "x", name: "harmless looking", "inner": {name: 7}})

    assert kept == {"event": "x", name: logs.HIDDEN, "inner": {name: logs.HIDDEN}}


def test_addresses_lose_their_passwords() -> None:
    assert logs.hidden("postgresql://user:hunter2@host/db") == "postgresql://[redacted]@host/db"


def test_ids_stay_readable() -> None:
    fields = {
        "event": "drained",
        "key": "7200000000000000001/7300000000000000001",
        "mailbox": 3,
        "idempotency_key": "a",
    }

    assert logs.redact(None, "info", dict(fields)) == fields


def test_a_traceback_is_redacted_too(output: io.StringIO) -> None:
    code = "#" + "B" * 63 + "="
    try:
        raise ValueError(code)
    except ValueError:
        structlog.get_logger().exception("event_raised", seq=1)

    assert code not in output.getvalue()
    assert "ValueError" in str(lines(output)[0]["exception"])


def test_the_libraries_write_like_us(output: io.StringIO) -> None:
    logging.getLogger("dramatiq.worker.WorkerThread").warning("lost %s", "whsec_abcdefgh")

    assert lines(output)[0]["event"] == "lost [redacted]"
    assert lines(output)[0]["level"] == "warning"


def test_while_redis_is_away_one_line_of_ours_a_minute_stands_for_those_of_all_consumers(output: io.StringIO) -> None:
    passed = [1000.0]
    handler = logging.getLogger().handlers[0]
    handler.filters[:] = [logs.QueueAway(lambda: passed[0])]
    consumers = [logging.getLogger(f"dramatiq.worker.ConsumerThread({queue})") for queue in ("outbox", "outbox.DQ")]

    for _ in range(25):
        for consumer in consumers:
            consumer.critical("Consumer encountered a connection error: %s", "Error 111 connecting to 127.0.0.1:6379.")
        passed[0] += 3
    consumers[0].critical("Consumer encountered an unexpected error.")

    told = lines(output)
    assert [line["event"] for line in told] == ["queue_away", "queue_away", "Consumer encountered an unexpected error."]
    assert (told[0]["level"], told[0]["error"]) == ("warning", "Error 111 connecting to 127.0.0.1:6379.")
    assert "EVERSPARK_REDIS_URL" in str(told[0]["remedy"])


def test_a_unit_of_work_leaves_no_context_behind(output: io.StringIO) -> None:
    with logs.unit(mailbox=3):
        structlog.get_logger().info("inside")
    structlog.get_logger().info("outside")

    assert [line.get("mailbox") for line in lines(output)] == [3, None]


def test_every_line_of_a_simulation_says_so(output: io.StringIO) -> None:
    logs.configure(log_format="json", stream=output, simulation=True)
    with logs.unit(mailbox=3):
        structlog.get_logger().info("inside")
    structlog.get_logger().info("outside")
    logging.getLogger("dramatiq.worker.WorkerThread").warning("lost")

    assert [line["simulation"] for line in lines(output)] == [True, True, True]


def test_a_real_service_says_nothing_of_a_simulation(output: io.StringIO) -> None:
    structlog.get_logger().info("outside")

    assert "simulation" not in lines(output)[0]
