from __future__ import annotations

import base64
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from infra.vault import KeyUnusableError, UnsealError, Vault, load_key

VAULT = Vault(bytes(range(32)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Where:
    data_dir: Path
    database_url: str = ""
    secret_key: SecretStr = field(default_factory=lambda: SecretStr(""))


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])), st.sampled_from(["inbox", "code", "producer:crm"]))
def test_what_was_sealed_opens_again_for_its_own_context_only(plain: str, context: str) -> None:
    sealed = VAULT.seal(plain, context=context)

    assert VAULT.unseal(sealed, context=context) == plain
    with pytest.raises(UnsealError):
        VAULT.unseal(sealed, context=context + "!")


def test_two_seals_of_one_text_differ_and_hide_it() -> None:
    one, two = VAULT.seal("#secret", context="code"), VAULT.seal("#secret", context="code")

    assert one != two
    assert b"#secret" not in one


def test_damage_truncation_and_another_key_are_noticed() -> None:
    sealed = VAULT.seal("#secret", context="code")

    for broken in (sealed[:-1] + bytes([sealed[-1] ^ 1]), sealed[:5], b"", b"\x02" + sealed[1:]):
        with pytest.raises(UnsealError):
            VAULT.unseal(broken, context="code")
    with pytest.raises(UnsealError):
        Vault(bytes(32)).unseal(sealed, context="code")


def test_a_fingerprint_is_stable_keyed_and_short() -> None:
    assert VAULT.fingerprint("a") == Vault(bytes(range(32))).fingerprint("a")
    assert VAULT.fingerprint("a") != Vault(bytes(32)).fingerprint("a")
    assert len(VAULT.fingerprint("a")) == 32


def test_the_embedded_key_is_made_once_and_only_for_its_owner(tmp_path: Path) -> None:
    where = Where(data_dir=tmp_path / "data")

    with ThreadPoolExecutor(8) as many:
        keys = set(many.map(lambda _: load_key(where), range(32)))

    assert len(keys) == 1
    assert len(keys.pop()) == 32
    assert stat.S_IMODE((tmp_path / "data" / "secret.key").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secret.key"]


def test_a_folder_that_cannot_hold_a_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "odd" / "secret.key").mkdir(parents=True)

    for folder in (tmp_path / "file", tmp_path / "file" / "nope", tmp_path / "odd"):
        with pytest.raises(KeyUnusableError, match=f"{folder}/secret.key .* choose another data folder"):
            load_key(Where(data_dir=folder))


def test_a_configured_key_wins_and_a_shared_database_needs_one(tmp_path: Path) -> None:
    key = base64.b64encode(bytes(32)).decode()

    assert load_key(Where(data_dir=tmp_path, secret_key=SecretStr(key))) == bytes(32)
    with pytest.raises(KeyUnusableError, match="EVERSPARK_SECRET_KEY is not set"):
        load_key(Where(data_dir=tmp_path, database_url="postgresql://elsewhere/db"))


@pytest.mark.parametrize("bad", ["short", "AAAA", "é" * 44])
def test_a_bad_key_is_refused_without_being_repeated(tmp_path: Path, bad: str) -> None:
    with pytest.raises(KeyUnusableError, match="32 bytes in base64") as refused:
        load_key(Where(data_dir=tmp_path, secret_key=SecretStr(bad)))

    assert bad not in str(refused.value)
