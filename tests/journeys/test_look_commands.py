"""`everspark advertiser`, `everspark look` and what `show`, `list` and `doctor` say after a look, against a simulated TikTok."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner
from sqlalchemy import Engine

from everspark.cli import main
from infra.clock import HandClock, SystemClock
from infra.settings import load
from infra.vault import Vault, load_key
from tests.journeys.commands import Command, Ended
from tests.journeys.looking import APP, DAY, HOUR, SECRET, Lookout, key_of, lookout


@pytest.fixture
def watch(engine: Engine, data_dir: Path) -> Iterator[Lookout]:
    """A TikTok whose clock shows the machine's time, as the commands do; its vault has the key of the data folder."""
    clock = HandClock(SystemClock().now() - timedelta(days=5))
    with lookout(engine, clock, Vault(load_key(load(data_dir=data_dir)))) as ready:
        yield ready


@pytest.fixture
def everspark(watch: Lookout, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """Runs a command on this run's database and the simulated TikTok; `typed` comes on standard input."""
    monkeypatch.setenv("EVERSPARK_TIKTOK_URL", watch.url)
    monkeypatch.setenv("EVERSPARK_TIKTOK_APP_ID", APP)
    monkeypatch.setenv("EVERSPARK_TIKTOK_SECRET", SECRET)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def run(*arguments: str, typed: str = "") -> Ended:
        with CliRunner().isolation(typed) as (out, err, _):
            with pytest.raises(SystemExit) as ended:
                main([*arguments, "--data", str(data_dir)])
            sys.stdout.flush()
        structlog.reset_defaults()
        return Ended(code=ended.value.code or 0, out=out.getvalue().decode(), err=err.getvalue().decode())

    yield run
    root.handlers[:] = handlers
    root.setLevel(level)


def test_an_advertiser_is_connected_listed_and_disconnected(everspark: Command, watch: Lookout, tmp_path: Path) -> None:
    brand = watch.world.add_advertiser("Brand")
    token = watch.world.issue(APP, [brand.advertiser_id]).value
    (tmp_path / "token").write_text(f"{token}\n")

    connected = everspark(
        "advertiser", "connect", brand.advertiser_id, "--bc", "7", "--token-file", str(tmp_path / "token"), "--json"
    )
    (listed,) = everspark("advertiser", "list", "--json").json
    gone = everspark("advertiser", "disconnect", brand.advertiser_id)
    again = everspark("advertiser", "disconnect", brand.advertiser_id)

    assert connected.json == [{"advertiser_id": brand.advertiser_id, "name": "Brand"}]
    assert (listed["name"], listed["bc_id"], listed["is_connected"]) == ("Brand", "7", True)
    assert token not in connected.out + json.dumps(listed)
    assert (gone.code, again.code) == (0, 3)


def test_a_consent_connects_all_of_its_advertisers(everspark: Command, watch: Lookout) -> None:
    brands = [watch.world.add_advertiser(name).advertiser_id for name in ("One", "Two")]
    consent = watch.world.consent(APP, brands)

    connected = everspark("advertiser", "connect", "--json", typed=f"{consent}\n")
    again = everspark("advertiser", "connect", typed=f"{consent}\n")

    assert sorted(each["advertiser_id"] for each in connected.json) == sorted(brands)
    assert {each["name"] for each in connected.json} == {"One", "Two"}
    assert again.code == 1
    assert "TikTok refused" in again.err


@pytest.mark.parametrize(
    ("typed", "code", "word"), [("", 2, "No Access token"), ("wrong\n", 1, "TikTok refused")], ids=["none", "wrong"]
)
def test_a_token_that_is_none_is_not_kept(everspark: Command, watch: Lookout, typed: str, code: int, word: str) -> None:
    brand = watch.world.add_advertiser("Brand")

    ended = everspark("advertiser", "connect", brand.advertiser_id, typed=typed)

    assert ended.code == code
    assert word in ended.err
    assert watch.asks("SELECT * FROM advertisers") == []


@pytest.mark.parametrize("wrong", [("abc",), ("72/73",), ("7200000000000000001", "--bc", "Acme")])
def test_what_can_be_no_id_is_refused(everspark: Command, watch: Lookout, wrong: tuple[str, ...]) -> None:
    ended = everspark("advertiser", "connect", *wrong, typed="token\n")

    assert (ended.code, "digits alone" in ended.err) == (2, True), ended.err
    assert watch.asks("SELECT * FROM advertisers") == []


def test_without_an_app_the_token_is_kept_and_nothing_is_promised(
    everspark: Command, watch: Lookout, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("EVERSPARK_TIKTOK_APP_ID", "EVERSPARK_TIKTOK_SECRET"):
        monkeypatch.delenv(name)

    connected = everspark("advertiser", "connect", "7200000000000000001", typed="token\n")

    assert connected.out == (
        "The token of 7200000000000000001 is kept. TikTok is not called: set EVERSPARK_TIKTOK_APP_ID and "
        "EVERSPARK_TIKTOK_SECRET; until then nothing is read.\n"
    )
    assert len(watch.asks("SELECT * FROM advertisers")) == 1


def test_a_token_of_others_is_not_kept(everspark: Command, watch: Lookout) -> None:
    ours, theirs = (watch.world.add_advertiser(name).advertiser_id for name in ("Ours", "Theirs"))
    token = watch.world.issue(APP, [theirs]).value

    ended = everspark("advertiser", "connect", ours, typed=token)

    assert ended.code == 1
    assert theirs in ended.err


def test_after_a_look_show_list_and_doctor_know(everspark: Command, watch: Lookout) -> None:
    brand = watch.connects()
    post = watch.binds(brand, watch.creator(), duration=40.0)
    watch.advertises(brand, post)
    watch.looks()
    watch.passes(5 * DAY)
    key = key_of(brand, post)
    assert watch.asks("SELECT 1 FROM authorizations WHERE state = 'active'")

    looked = everspark("look", brand.advertiser_id, "--json")
    watch.settles()
    shown = everspark("show", key, "--json").json
    (listed,) = everspark("list", "--json").json
    tiktok, spend = everspark("doctor", "--only", "tiktok", "--only", "spend", "--json").json["findings"]

    assert looked.json["advertisers"] == 1
    assert looked.json["kpis"] >= 4
    assert shown["confirmed"] is not None
    assert (shown["post"]["authorization"], shown["post"]["creator"]) == ("AUTHORIZED", "mia.makes")
    assert "short_works_best" in {each["code"] for each in shown["post"]["advice"]}
    assert (shown["post"]["warnings"], shown["post"]["refusals"]) == ([], [])
    (a_day,) = shown["money"]["spend_a_day"]
    assert a_day["currency"] == "EUR"
    (at_risk,) = shown["money"]["at_risk"]
    assert float(at_risk["amount"]) > float(a_day["amount"])
    (week,) = shown["money"]["last_7_days"]
    assert float(week["ctr"]) > 0
    assert week["cpm"] is not None
    assert listed["confirmed"] == shown["confirmed"]
    assert listed["spend_a_day"] == shown["money"]["spend_a_day"]
    assert tiktok["ok"]
    assert "EUR a day on 1 active" in spend["detail"]
    for words in (("show", key), ("list",)):
        assert a_day["amount"] in everspark(*words).out.replace(",", "")


def test_a_look_at_one_authorization(everspark: Command, watch: Lookout) -> None:
    brand = watch.connects()
    post = watch.binds(brand, watch.creator())

    found = everspark("look", key_of(brand, post), "--json")
    watch.settles()

    assert (found.json["is_there"], found.json["found"]) == (True, 1)
    assert watch.held(key_of(brand, post))["state"] == "authorized"
    assert everspark("look", "7200000000000000001/7300000000000000001").code == 1
    assert everspark("look", "7200000000000000001").code == 3


def test_a_look_that_tiktok_refuses_ends_with_a_sentence_and_1(everspark: Command, watch: Lookout) -> None:
    brand = watch.connects()
    watch.world.revoke_token(watch.tokens[brand.advertiser_id])
    watch.passes(HOUR)

    looked = everspark("look", brand.advertiser_id, "--json")

    assert looked.code == 1
    assert looked.err.startswith(f"{brand.advertiser_id}: ")
    assert "everspark advertiser connect" in looked.err
    assert "{" not in looked.err
    assert looked.json["failed"] == [looked.err.strip()]


def test_a_look_at_a_tiktok_that_is_away_ends_with_a_sentence_and_1(
    everspark: Command, watch: Lookout, monkeypatch: pytest.MonkeyPatch
) -> None:
    brand = watch.connects()
    post = watch.binds(brand, watch.creator())
    monkeypatch.setenv("EVERSPARK_TIKTOK_URL", "http://127.0.0.1:9")

    around, one = everspark("look", brand.advertiser_id), everspark("look", key_of(brand, post))

    assert (around.code, one.code) == (1, 1)
    assert "TikTok is away" in around.err or "does not answer" in around.err
    assert one.err.startswith("TikTok did not tell: it could not be reached (ConnectError).")
    assert "{" not in around.err + one.err


def test_a_given_name_outlives_the_next_token(everspark: Command, watch: Lookout) -> None:
    brand = watch.world.add_advertiser("Brand")
    token = watch.world.issue(APP, [brand.advertiser_id]).value

    everspark("advertiser", "connect", brand.advertiser_id, "--name", "Ours", typed=token)
    everspark("advertiser", "connect", brand.advertiser_id, typed=token)
    everspark("advertiser", "connect", typed=watch.world.consent(APP, [brand.advertiser_id]))
    (kept,) = everspark("advertiser", "list", "--json").json
    everspark("advertiser", "connect", brand.advertiser_id, "--name", "Theirs", typed=token)
    (given,) = everspark("advertiser", "list", "--json").json

    assert (kept["name"], given["name"]) == ("Ours", "Theirs")


def test_an_empty_standard_input_is_no_event(everspark: Command) -> None:
    ended = everspark("send", "-", typed="\n")

    assert ended.code == 2
    assert "Standard input is empty" in ended.err


def test_a_refused_token_is_what_doctor_says(everspark: Command, watch: Lookout) -> None:
    brand = watch.connects()
    watch.world.revoke_token(watch.tokens[brand.advertiser_id])
    watch.looks()

    (tiktok,) = everspark("doctor", "--only", "tiktok", "--json").json["findings"]

    assert not tiktok["ok"]
    assert "advertiser connect" in tiktok["remedy"]


def test_unbinding_is_asked_for_in_the_inbox(everspark: Command, watch: Lookout) -> None:
    brand = watch.connects()
    post = watch.binds(brand, watch.creator())
    watch.looks()
    watch.world.revoke(post.item_id)
    watch.looks()
    key = key_of(brand, post)

    assert everspark("unbind", key).code == 0
    assert everspark("unbind", "1/2").code == 3

    (letter,) = watch.asks("SELECT * FROM inbox WHERE sender = 'operator'")
    assert (letter["type"], letter["key"], letter["data"]) == ("unbind.requested", key, {})
