from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from infra import producers
from infra.clock import HandClock
from infra.database import transaction
from infra.producers import ProducerError, Registry
from infra.signatures import key_of_standard
from infra.vault import Vault


def add(engine: Engine, vault: Vault, clock: HandClock, name: str, scheme: str = "standard", **more: str) -> str:
    with transaction(engine) as session:
        return producers.add(session, vault, name=name, scheme=scheme, now=clock.now(), **more)


def test_a_producer_is_known_by_its_key_and_its_secret_is_sealed(
    engine: Engine, vault: Vault, clock: HandClock
) -> None:
    secret = add(engine, vault, clock, "crm")
    registry = Registry(engine, vault)

    registry.refresh()

    found, token = registry.find("crm")
    assert found is not None
    assert (found.valid_keys(clock.now()), token) == ([key_of_standard(secret)], "")
    assert secret not in repr(found)
    with transaction(engine) as session:
        (row,) = producers.listed(session)
        assert secret.encode() not in row.secret


def test_a_rotated_secret_stays_valid_for_the_overlap(engine: Engine, vault: Vault, clock: HandClock) -> None:
    old = add(engine, vault, clock, "crm")
    with transaction(engine) as session:
        new = producers.rotate(session, vault, name="crm", overlap=timedelta(hours=24), now=clock.now())
    registry = Registry(engine, vault)
    registry.refresh()
    found, _ = registry.find("crm")
    assert found is not None

    assert found.valid_keys(clock.now()) == [key_of_standard(new), key_of_standard(old)]
    clock.advance(timedelta(hours=24))
    assert found.valid_keys(clock.now()) == [key_of_standard(new)]


def test_an_overlap_that_was_promised_is_kept_unless_it_may_stop(
    engine: Engine, vault: Vault, clock: HandClock
) -> None:
    add(engine, vault, clock, "crm")
    day, now = timedelta(hours=24), clock.now()

    with transaction(engine) as session:
        producers.rotate(session, vault, name="crm", overlap=day, now=now)
        with pytest.raises(ProducerError, match="would stop it now"):
            producers.rotate(session, vault, name="crm", overlap=day, now=now)
        producers.rotate(session, vault, name="crm", overlap=day, stops_older=True, now=now)
        producers.rotate(session, vault, name="crm", overlap=day, now=now + day)


def test_a_disabled_one_and_one_under_another_key_are_unknown(engine: Engine, vault: Vault, clock: HandClock) -> None:
    for name, key in (("crm", vault), ("gone", vault), ("other", Vault(bytes(32)))):
        add(engine, key, clock, name)
    with transaction(engine) as session:
        producers.disable(session, name="gone", now=clock.now())
    registry = Registry(engine, vault)

    registry.refresh()

    assert registry.find("crm")[0]
    assert registry.find("gone") == registry.find("other") == (None, "")


def test_a_path_s_token_is_part_of_the_address(engine: Engine, vault: Vault, clock: HandClock) -> None:
    token = add(engine, vault, clock, "tiktok", "path")
    registry = Registry(engine, vault)
    registry.refresh()

    slug = producers.path_of("tiktok", "path", token).rpartition("/")[2]

    found, given = registry.find(slug)
    assert found is not None
    assert found.valid_tokens(clock.now()) == [given] == [token]


def test_being_seen_is_noted_once_a_minute(engine: Engine, vault: Vault, clock: HandClock) -> None:
    add(engine, vault, clock, "crm")
    registry, start = Registry(engine, vault), clock.now()

    for seconds in (0, 30, 59):
        registry.note_seen(["crm"], now=start + timedelta(seconds=seconds))
    with transaction(engine) as session:
        assert producers.listed(session)[0].last_seen_at == start
    registry.note_seen(["crm"], now=start + timedelta(seconds=60))
    with transaction(engine) as session:
        assert producers.listed(session)[0].last_seen_at == start + timedelta(seconds=60)


@pytest.mark.parametrize("name", ["", "CRM", "a.b", "-a", "a-", "a/b", "a" * 65, "é", "a\n"])
def test_a_name_fits_an_address(engine: Engine, vault: Vault, clock: HandClock, name: str) -> None:
    with pytest.raises(ProducerError, match="part of an address"):
        add(engine, vault, clock, name)


def test_what_cannot_be_registered_says_why(engine: Engine, vault: Vault, clock: HandClock) -> None:
    add(engine, vault, clock, "crm")

    with pytest.raises(ProducerError, match="already"):
        add(engine, vault, clock, "crm")
    with pytest.raises(ProducerError, match="not known"):
        add(engine, vault, clock, "two", "basic")
    with pytest.raises(ProducerError, match="client secret"):
        add(engine, vault, clock, "two", "tiktok-developer")
    with pytest.raises(ProducerError, match="not base64") as refused:
        add(engine, vault, clock, "two", secret="whsec_???")
    assert "???" not in str(refused.value)
    with pytest.raises(ProducerError, match="16 to 128"):
        add(engine, vault, clock, "two", secret="whsec_AAAA")
    with transaction(engine) as session, pytest.raises(ProducerError, match="no producer"):
        producers.disable(session, name="nobody", now=clock.now())
