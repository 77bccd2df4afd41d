"""`everspark simulator` as a process."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys

import httpx
import pytest
from typer.testing import CliRunner

from everspark.cli import app, main


def test_it_says_where_it_listens_and_how_to_use_it() -> None:
    command = [sys.executable, "-c", "from everspark.cli import main; main()", "simulator", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = ""
        while "docs/simulator.md" not in said:
            said += process.stdout.readline() or pytest.fail(f"it ended: {said}")
        url, token, advertiser_id = (
            re.findall(pattern, said)[0]
            for pattern in (r"listens on (http://127\.0\.0\.1:\d+)", r"Access-Token (\w+)", r"advertiser (\d+)")
        )

        answer = httpx.get(
            f"{url}/open_api/v1.3/tt_video/list/",
            params={"advertiser_id": advertiser_id},
            headers={"Access-Token": token},
        ).json()
        process.send_signal(signal.SIGTERM)

    assert f"export EVERSPARK_TIKTOK_URL={url} EVERSPARK_TIKTOK_APP_ID=" in said
    assert re.search(rf"echo {token} \| everspark advertiser connect {advertiser_id} --bc \d+", said)
    assert answer["code"] == 0
    assert process.returncode == 0


@pytest.mark.parametrize("wrong", [["--rate", "endless"], ["--day", "0"]])
def test_what_it_cannot_be_told(wrong: list[str]) -> None:
    assert CliRunner().invoke(app, ["simulator", *wrong]).exit_code == 2


def test_a_busy_port_names_its_own_option_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy, pytest.raises(SystemExit) as ended:
        main(["simulator", "--port", str(busy.getsockname()[1])])

    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert "choose another with --port." in said
    assert "EVERSPARK_PORT" not in said
