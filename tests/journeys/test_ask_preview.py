"""`everspark ask preview`: what creators will read, without a database."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from everspark.cli import main


def run(*arguments: str) -> object:
    with pytest.raises(SystemExit) as ended:
        main(["ask", "preview", *arguments])
    return ended.value.code or 0


def test_shows_subject_and_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--locale", "de", "--items", "3") == 0

    said = capsys.readouterr().out
    assert said.startswith("Bitte verlängere deine 3 TikTok-Anzeigenautorisierungen\n\nHallo Lina,")


def test_what_is_over_is_named_as_in_the_templates(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--urgency", "over") == 0

    assert "ended" in capsys.readouterr().out


def test_writes_the_page_or_the_whole_message_to_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, mail = tmp_path / "ask.html", tmp_path / "ask.eml"

    assert run("--html", "--urgency", "emergency", "--out", str(page)) == 0
    assert run("--out", str(mail)) == 0

    assert "Only 30&nbsp;hours left" in page.read_text().replace("\u00a0", "&nbsp;")
    message = message_from_bytes(mail.read_bytes(), policy=default)
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_shows_an_advertisers_own_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "7200000000000000009").mkdir()
    (tmp_path / "7200000000000000009" / "ask.en.txt").write_text("A word from Northwind\nHi {{ name }}")
    monkeypatch.setenv("EVERSPARK_TEMPLATES_DIR", str(tmp_path))

    assert run("--advertiser", "7200000000000000009") == 0

    assert capsys.readouterr().out == "A word from Northwind\n\nHi Lina\n"


def test_a_broken_page_ends_with_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "default").mkdir()
    (tmp_path / "default" / "ask.en.txt").write_text("Hi\n{% if %}")
    monkeypatch.setenv("EVERSPARK_TEMPLATES_DIR", str(tmp_path))

    assert run() == 2

    said = capsys.readouterr().err
    assert said.startswith(f"EVERSPARK_TEMPLATES_DIR cannot be used: line 2 of {tmp_path}/default/ask.en.txt: ")
    assert said.count("\n") == 1


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--out", str(tmp_path / "none" / "ask.html")) == 2

    assert "cannot be written" in capsys.readouterr().err
