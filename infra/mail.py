"""SMTP, taken apart so that after any failure it is known whether the message can have been accepted: before the final
dot it cannot, after it only the server knows.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from typing import Protocol, Self
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

# Seconds for one answer. A message takes at most about ten of them, which stays under outbox.ABANDONED_AFTER.
TIMEOUT = 20.0
_PORTS = {"smtp": 25, "smtps": 465}
_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off", ""}
_OK, _GO_AHEAD, _LATER, _NEVER = 250, 354, 400, 500
_LOGIN_FIRST = 530  # "authentication required" and "issue STARTTLS first": about our settings, not about the message


WHOLE = "List-Unsubscribe"


class MailPolicy(EmailPolicy):
    """As email.policy.SMTP, but an address to click stays whole: folded as text, a long one would be no address any more.

    And no header begins on its second line, which some mail programs show as a space.
    """

    def fold(self, name: str, value: str) -> str:
        return f"{name}: {value}{self.linesep}" if name == WHOLE else self._begun(name, super().fold(name, value))

    def fold_binary(self, name: str, value: str) -> bytes:
        return self.fold(name, value).encode("ascii", "surrogateescape")

    def _begun(self, name: str, folded: str) -> str:
        return folded.replace(f"{name}:{self.linesep} ", f"{name}: ", 1)


POLICY = MailPolicy(linesep="\r\n")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """The server has taken the message."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """The server will never take this message (5xx)."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TryLater:
    """Certainly not sent. `server_is_away`: it was not about this message, so the next one would fail as well."""

    reason: str
    server_is_away: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Unknown:
    """Sent to the last byte, and the answer was lost: nobody can tell whether it arrives. `server_is_away`: it did not
    come in time, so the next message would wait as long.
    """

    reason: str
    server_is_away: bool = False


Outcome = Sent | Refused | TryLater | Unknown


class Mailer(Protocol):
    def send(self, message: EmailMessage) -> Outcome:
        """One try to the one address in To, both addresses in ASCII; failures of the outside are values."""


class BadSmtpUrl(ValueError):  # noqa: N818 - reads as a sentence where it is caught
    """A setting that stops the start; its text never repeats the URL, which may hold a password."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"EVERSPARK_SMTP_URL {problem}. It reads smtp://user:password@host:587?starttls=1 or "
            "smtps://user:password@host:465; user and password are percent-encoded and may be left out."
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class SmtpServer:
    """Where mail leaves, read from EVERSPARK_SMTP_URL."""

    host: str
    port: int
    tls: bool = False
    starttls: bool = False
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str) -> Self:
        """Raises BadSmtpUrl with a sentence for the operator."""
        parts = _split(url)
        if parts.scheme not in _PORTS:
            raise BadSmtpUrl("must begin with smtp:// or smtps://")
        if not parts.hostname:
            raise BadSmtpUrl("names no host")
        if parts.path not in {"", "/"} or parts.fragment:
            raise BadSmtpUrl("has something behind the host; a password with / or # must be percent-encoded")
        if (parts.username is None) != (parts.password is None):
            raise BadSmtpUrl("has a user without a password, or a password without a user")
        return cls(
            host=parts.hostname,
            port=parts.port or _PORTS[parts.scheme],
            tls=parts.scheme == "smtps",
            starttls=_starttls(parts),
            user=None if parts.username is None else unquote(parts.username),
            password=None if parts.password is None else unquote(parts.password),
        )


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url.strip())
        _ = parts.port
    except ValueError:
        # "from None": the parser's own message quotes what it could not read, and that may be the password.
        raise BadSmtpUrl("cannot be read: the port must be a number from 1 to 65535") from None
    return parts


def _starttls(parts: SplitResult) -> bool:
    options = parse_qs(parts.query, keep_blank_values=True)
    value = options.pop("starttls", ["0"])[-1].lower()
    if options or value not in _TRUE | _FALSE:
        raise BadSmtpUrl("knows only the option starttls=1 or starttls=0")
    if value in _TRUE and parts.scheme == "smtps":
        raise BadSmtpUrl("asks for smtps and starttls at once: the first is encrypted from the first byte")
    return value in _TRUE


class SmtpMailer:
    """One connection for each message: a message's fate never depends on its neighbours."""

    def __init__(self, server: SmtpServer, *, timeout: float = TIMEOUT, tls: ssl.SSLContext | None = None) -> None:
        self._server = server
        self._timeout = timeout
        self._tls = tls or ssl.create_default_context()

    def send(self, message: EmailMessage) -> Outcome:
        sender, recipient = _address(message, "From"), _address(message, "To")
        try:
            connection = self._connect(sender.domain)
        except (OSError, smtplib.SMTPException) as error:
            return TryLater(reason=self._away(error), server_is_away=True)
        try:
            return _hand_over(connection, sender, recipient, message.as_bytes(policy=POLICY))
        finally:
            connection.close()

    def check(self) -> str | None:
        """Connects and logs in without sending; what is wrong, or None. For `everspark doctor`."""
        try:
            self._connect(socket.gethostname()).close()
        except (OSError, smtplib.SMTPException) as error:
            return self._away(error)
        return None

    def _connect(self, hello: str) -> smtplib.SMTP:
        connection = self._open(hello)
        try:
            connection.ehlo_or_helo_if_needed()
            if self._server.starttls:
                connection.starttls(context=self._tls)
            if self._server.user is not None and self._server.password is not None:
                connection.login(self._server.user, self._server.password)
        except BaseException:
            connection.close()
            raise
        return connection

    def _open(self, hello: str) -> smtplib.SMTP:
        # The name for EHLO is given: smtplib would otherwise ask the resolver for it, without a time-out.
        host, port = self._server.host, self._server.port
        if self._server.tls:
            return smtplib.SMTP_SSL(host, port, local_hostname=hello, timeout=self._timeout, context=self._tls)
        return smtplib.SMTP(host, port, local_hostname=hello, timeout=self._timeout)

    def _away(self, error: Exception) -> str:
        where = f"the mail server {self._server.host}:{self._server.port}"
        match error:
            case smtplib.SMTPAuthenticationError():
                return f"{where} refused the user or the password ({error.smtp_code}): mend EVERSPARK_SMTP_URL"
            case smtplib.SMTPResponseException():
                return f"{where} answered {_said(error.smtp_code, error.smtp_error)}"
            case smtplib.SMTPNotSupportedError():
                return f"{where} does not offer what EVERSPARK_SMTP_URL asks for: {error}"
            case _:
                return f"{where} could not be reached: {str(error) or type(error).__name__}"


def _hand_over(connection: smtplib.SMTP, sender: Address, recipient: Address, content: bytes) -> Outcome:
    try:
        refusal = _envelope(connection, sender, recipient)
        if refusal is not None:
            return refusal
        connection.send(_dot_stuffed(content))
    except (OSError, smtplib.SMTPException) as error:
        return TryLater(
            reason=f"the connection was lost before the message was complete ({type(error).__name__})",
            server_is_away=_was_slow(error),
        )
    try:
        connection.send(b".\r\n")
        code, reply = connection.getreply()
    except (OSError, smtplib.SMTPException) as error:
        return Unknown(
            reason=f"the answer to the complete message was lost ({type(error).__name__})",
            server_is_away=_was_slow(error),
        )
    _part(connection)
    if _OK <= code < _GO_AHEAD:
        return Sent()
    return _refusal(code, reply) or Unknown(
        reason=f"the answer to the complete message is no SMTP: {_said(code, reply)}"
    )


def _was_slow(error: Exception) -> bool:
    """Whether it is a time-out, which smtplib raises as SMTPServerDisconnected with the true error behind it."""
    return isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError)


def _envelope(connection: smtplib.SMTP, sender: Address, recipient: Address) -> Refused | TryLater | None:
    for verb in (f"MAIL FROM:<{sender.addr_spec}>", f"RCPT TO:<{recipient.addr_spec}>"):
        code, reply = connection.docmd(verb)
        if not _OK <= code < _GO_AHEAD:
            return _refusal(code, reply) or TryLater(reason=f"the mail server answered {_said(code, reply)}")
    code, reply = connection.docmd("DATA")
    if code == _GO_AHEAD:
        return None
    return _refusal(code, reply) or TryLater(reason=f"the mail server answered {_said(code, reply)}")


def _refusal(code: int, reply: bytes) -> Refused | TryLater | None:
    reason = f"the mail server answered {_said(code, reply)}"
    if code == _LOGIN_FIRST:
        return TryLater(reason=f"{reason}: EVERSPARK_SMTP_URL needs a user, or starttls=1", server_is_away=True)
    if code >= _NEVER:
        return Refused(reason=reason)
    return TryLater(reason=reason) if code >= _LATER else None


def _part(connection: smtplib.SMTP) -> None:
    try:
        connection.quit()
    except (OSError, smtplib.SMTPException):
        return  # The message is settled; how the server takes its leave changes nothing.


def _dot_stuffed(content: bytes) -> bytes:
    lines = content if content.endswith(b"\r\n") else content + b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", lines)


def _said(code: int, reply: bytes | str) -> str:
    """Servers like to repeat the recipient's address; logs and rows must not have it."""
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    without_addresses = re.sub(r"[^\s<>]+@[^\s<>]+", "…", " ".join(text.split()))
    return f"{code} {without_addresses[:200]}".strip()


def _address(message: EmailMessage, header: str) -> Address:
    address: Address = message[header].addresses[0]
    return address
