"""Keeps secrets unreadable at rest: AES-GCM under one key, looked up by keyed fingerprint.

The key comes from EVERSPARK_SECRET_KEY or, beside an embedded database, from a file of the data folder.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

KEY_BYTES = 32
NONCE_BYTES = 12
FINGERPRINT_CHARACTERS = 32
# First byte of everything sealed, so that a later format can be told from this one.
FORMAT = b"\x01"


class KeySettings(Protocol):
    """The part of the settings that says where the key is."""

    @property
    def data_dir(self) -> Path: ...
    @property
    def database_url(self) -> SecretStr | str: ...
    @property
    def secret_key(self) -> SecretStr: ...


class KeyUnusableError(Exception):
    """No key, or one that is not 32 bytes in base64. The sentence names the remedy, never the key."""


class UnsealError(Exception):
    """Sealed under another key, for another context, or damaged."""


class Vault:
    """Seals short texts. `context` is bound in: what was sealed for one purpose does not open for another."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise KeyUnusableError(f"The secret key must be {KEY_BYTES} bytes long, not {len(key)}.")
        self._cipher = AESGCM(_derived(key, b"everspark seal 1"))
        self._fingerprint_key = _derived(key, b"everspark fingerprint 1")
        self._mac_key = _derived(key, b"everspark mac 1")

    def seal(self, plain: str, *, context: str) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return FORMAT + nonce + self._cipher.encrypt(nonce, plain.encode(), context.encode())

    def unseal(self, sealed: bytes, *, context: str) -> str:
        if sealed[:1] != FORMAT:
            raise UnsealError("This was not sealed by this version of Everspark.")
        nonce, body = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, body, context.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise UnsealError("The seal does not open: another key, another context, or damaged data.") from error

    def fingerprint(self, plain: str) -> str:
        """32 hexadecimal characters, the same for the same text under the same key; says nothing without the key."""
        return hmac.digest(self._fingerprint_key, plain.encode(), hashlib.sha256).hex()[:FINGERPRINT_CHARACTERS]

    def mac(self, text: str, *, context: str) -> str:
        """Proof that `text` is ours, made for one purpose: 32 hexadecimal characters."""
        return hmac.digest(self._mac_key, f"{context}\0{text}".encode(), hashlib.sha256).hex()[:FINGERPRINT_CHARACTERS]

    def is_mac(self, mac: str, text: str, *, context: str) -> bool:
        """Whether `mac` is that proof; takes as long for a wrong one as for the right one."""
        return hmac.compare_digest(mac.encode(), self.mac(text, context=context).encode())


def load_key(settings: KeySettings) -> bytes:
    """The configured key or, beside an embedded database only, the one kept there (made on first use, mode 0600)."""
    given = settings.secret_key.get_secret_value().strip()
    if given:
        return _decoded(given, "EVERSPARK_SECRET_KEY")
    if _text(settings.database_url):
        raise KeyUnusableError(
            "EVERSPARK_SECRET_KEY is not set. With EVERSPARK_DATABASE_URL every process needs the same key: "
            "make one with `openssl rand -base64 32` and set it everywhere.",
        )
    path = settings.data_dir.expanduser() / "secret.key"
    try:
        return _key_in(path)
    except OSError as error:
        raise KeyUnusableError(
            f"The key {path} can neither be made nor read ({error.strerror}): choose another data folder."
        ) from error


def _derived(key: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(key)


def _text(value: SecretStr | str) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _decoded(text: str, origin: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise KeyUnusableError(
            f"{origin} must be {KEY_BYTES} bytes in base64: make one with `openssl rand -base64 32`."
        )
    return key


def _key_in(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written whole beside its place and linked into it: two processes starting at once end with the same key,
    # and nobody ever reads half of one.
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    if not path.exists():
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(os.urandom(KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return _decoded(path.read_text("ascii").strip(), str(path))
