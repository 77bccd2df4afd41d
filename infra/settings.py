"""Everything that can be configured, in one place: each setting is an EVERSPARK_ variable with its default and meaning.

docs/settings.md is written from here, and a bad value stops the start with one sentence that names the variable.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterable
from datetime import time
from difflib import get_close_matches
from email.utils import getaddresses
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import structlog
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.watching import limits_of
from infra.channel_urls import Channels
from infra.mail import SmtpServer

PREFIX = "EVERSPARK_"
KEY_BYTES = 32
# One more than can be held at a time: by mail, endpoints, channels, calls to TikTok and looks at it (worker/actors.py).
LEAST_THREADS = 6
STANDARD_PERIODS = (7, 30, 60, 365)
log = structlog.get_logger()


class BadSettings(Exception):  # noqa: N818  it reads as what it is in `except BadSettings`
    """A setting that cannot be used; the text is one sentence for the person who starts the program."""


class Settings(BaseSettings):
    """The configuration of one process, read from EVERSPARK_ variables; keyword arguments win over them."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True, env_ignore_empty=True
    )

    data_dir: Path = Field(Path("data"), description="Folder of the embedded PostgreSQL and of the key file.")
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    public_url: str = Field(
        "", description="Address under which others reach this service; empty means `http://HOST:PORT`."
    )
    behind_tls: bool = Field(
        default=False,
        description="Whether something that ends TLS stands before this service; without it, it listens on loopback only.",
    )
    oidc_issuer: str = Field(
        "",
        description="OpenID Connect issuer whose people may sign in, for example `https://login.example.com` "
        "(docs/access.md); empty: passwords only.",
    )
    oidc_client_id: str = Field("", description="What that issuer knows this service by.")
    oidc_client_secret: SecretStr = Field(SecretStr(""), description="Secret of that client.")
    oidc_default_role: Literal["", "viewer", "operator", "admin"] = Field(
        "", description="Role of people of the issuer who were not invited; empty: they are refused."
    )
    database_url: str = Field(
        "", repr=False, description="`postgresql://user:password@host/name`; empty starts the embedded PostgreSQL."
    )
    redis_url: str = Field(
        "", repr=False, description="`redis://host:6379/0`; empty keeps the queue in memory, for one process only."
    )
    secret_key: SecretStr = Field(
        SecretStr(""),
        description="Base64 of 32 bytes, encrypts codes and secrets at rest; empty makes `DATA_DIR/secret.key`, "
        "with the embedded PostgreSQL only.",
    )
    smtp_url: str = Field(
        "",
        repr=False,
        description="`smtp://[user:password@]host:port[?starttls=1]` or `smtps://…`; empty lets messages wait.",
    )
    mail_from: str = Field("Everspark <everspark@localhost>", description="Sender of all mail.")
    reply_to: str = Field("", description="Where answers to mail go; empty: messages say that nobody reads answers.")
    templates_dir: str = Field(
        "", description="Folder of your own texts of the mail to creators (docs/mail.md); empty: the built-in ones."
    )
    attach_calendar: bool = Field(
        default=False, description="Whether mail brings the end of each authorization as a calendar entry (ICS)."
    )
    alert_urls: SecretStr = Field(
        SecretStr(""),
        description="Where operators are alerted: Apprise addresses (`slack://…`, `msteams://…`, `pagerduty://…`) between commas "
        "or spaces; `ADVERTISER=slack://…` is for that advertiser alone. Empty: nobody is.",
    )
    alert_span_hours: float = Field(
        8, ge=1, description="Hours within which an alert of the same topic is not sent again because more has joined."
    )
    alert_inbox_minutes: float = Field(
        10, ge=1, description="Minutes after which operators are alerted of an event that nobody has tried to apply."
    )
    alert_money_at_risk: str = Field(
        "",
        description="Money at risk within 7 days, by currency, beyond which operators are alerted, for example "
        "`USD=5000,EUR=4000`; empty: of none.",
    )
    creator_channel_url: SecretStr = Field(
        SecretStr(""),
        description="A second way to creators: an Apprise address with `{phone}` in it, for example "
        "`twilio://SID:TOKEN@FROM/{phone}`; empty: mail is the only one.",
    )
    climb_seconds: float = Field(
        300, ge=10, description="Seconds between looks for what nobody answered (escalations)."
    )
    summary_seconds: float = Field(60, ge=1, description="Seconds between the sums that the operators' pages show.")
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="`json`, `console`, or `auto`: console on a terminal, otherwise JSON."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    offer_180_days: bool = Field(
        default=False, description="Whether 180 days may be asked for beside 7, 30, 60 and 365."
    )
    lapse_after_days: int = Field(14, ge=1, description="Days after which an unanswered request lapses.")
    digest_days: float = Field(
        3, ge=0, le=14, description="Days within which the asks of one creator are gathered into one message."
    )
    quiet_until: time = Field(
        time(9),
        description="Hour of the creator's own clock from which messages to creators are sent, for example 09:00.",
    )
    quiet_from: time = Field(
        time(20), description="Hour of the creator's own clock from which no more messages are sent that day."
    )
    quiet_weekends: bool = Field(default=True, description="Whether nothing is sent on Saturdays and Sundays either.")
    quiet_zone: str = Field("UTC", description="IANA time zone of creators whose own is not known.")
    weekly_cap: int = Field(2, ge=1, description="Most messages that one creator gets in any seven days.")
    emergency_cap: int = Field(
        4, ge=1, description="The same, where waiting would miss the end of an authorization; nothing goes beyond it."
    )
    minimum_daily_budget: int = Field(
        50, ge=0, description="TikTok's least daily budget of a campaign; less is accepted with a warning."
    )
    tiktok_url: str = Field("https://business-api.tiktok.com", description="Where TikTok's Business API is.")
    tiktok_app_id: str = Field(
        "", description="Id of the app that TikTok knows this service by; empty: TikTok is not called."
    )
    tiktok_secret: SecretStr = Field(SecretStr(""), description="Secret of that app.")
    tiktok_level: Literal["basic", "advanced", "premium", "ultimate"] = Field(
        "basic", description="The app's level at TikTok; it sets the rate limits (10, 20, 30 or 50 calls a second)."
    )
    tiktok_authorizes_per_second: int = Field(
        1, ge=1, description="Most calls a second that bind a code; TikTok does not publish its limit."
    )
    tiktok_timeout_seconds: float = Field(20, gt=0, description="Longest wait for one answer of TikTok.")
    tiktok_withdrawn_words: str = Field(
        "",
        description="More words of TikTok's for an authorization that was taken back, with commas between; it publishes no "
        "list, and an unknown word changes nothing.",
    )
    private_posts: Literal["refuse", "warn"] = Field(
        "refuse",
        description="What a code of a private post meets; TikTok's own pages differ on whether it may be used.",
    )
    unbind_after_days: int = Field(
        0,
        ge=0,
        description="Days after its end at which a post is unbound at TikTok; 0 means never. An extension is lost by it.",
    )
    sweep_seconds: float = Field(10, gt=0, description="Seconds between sweeps (expire, remind, lapse, rescue).")
    vows_seconds: float = Field(300, gt=0, description="Seconds between checks of the always-true sentences.")
    prune_after_days: int = Field(
        90, ge=1, description="Days after which handled events and settled effects are removed."
    )
    audit_kept_days: int = Field(
        730,
        ge=30,
        description="Days after which lines of the audit log are removed: who did what, and refused sign-ins.",
    )
    metrics_token: SecretStr = Field(
        SecretStr(""),
        description="What `/metrics` asks for as `Authorization: Bearer …`; empty: it tells whoever reaches it, sums of money too.",
    )
    lease_seconds: float = Field(30, ge=1, description="Seconds after which a silent leader is replaced.")
    max_body_bytes: int = Field(1_048_576, ge=1024, description="Largest webhook body, after decompression.")
    max_batch_events: int = Field(1000, ge=1, description="Most events in one delivery.")
    webhook_tolerance_seconds: int = Field(300, ge=1, description="Largest age of a signature.")
    rate_per_second: float = Field(0, ge=0, description="Deliveries a second for each producer; 0 means no limit.")
    api_per_minute: int = Field(600, ge=0, description="Requests a minute of each API token; 0 means no limit.")
    allow_private_destinations: bool = Field(
        default=False,
        description="Whether webhooks may go out to private and loopback addresses (http to loopback too): for trials only.",
    )
    worker_threads: int = Field(
        LEAST_THREADS,
        le=64,
        description="Threads of one worker process; slow mail servers, endpoints, channels and TikTok may hold five of them.",
    )
    otlp_endpoint: str = Field(
        "",
        description="Collector that traces are sent to (OTLP over HTTP), for example `http://127.0.0.1:4318`; empty: "
        "`OTEL_EXPORTER_OTLP_ENDPOINT`, and without that nothing is traced (docs/operations.md).",
    )
    metrics_port: int = Field(
        0,
        ge=0,
        le=65535,
        description="Port for the metrics of a worker or a scheduler that runs apart; 0 means none (web has `/metrics`).",
    )

    @field_validator("database_url")
    @classmethod
    def _is_postgresql(cls, value: str) -> str:
        return _with_scheme(value, "postgresql", "postgres", "postgresql+psycopg")

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, value: str) -> str:
        return _with_scheme(value, "redis", "rediss", "unix")

    @field_validator("smtp_url")
    @classmethod
    def _is_smtp(cls, value: str) -> str:
        if value:
            SmtpServer.parse(value)
        return value

    @field_validator("alert_urls", "creator_channel_url")
    @classmethod
    def _names_channels(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        name = "alert_urls" if info.field_name == "alert_urls" else "creator_url"
        Channels.parse(**{name: value.get_secret_value()})
        return value

    @field_validator("alert_money_at_risk")
    @classmethod
    def _has_limits(cls, value: str) -> str:
        limits_of(value)
        return value

    @field_validator("public_url", "tiktok_url", "oidc_issuer", "otlp_endpoint")
    @classmethod
    def _is_web_address(cls, value: str) -> str:
        return _with_scheme(value, "https", "http").rstrip("/")

    @field_validator("tiktok_url", "oidc_issuer")
    @classmethod
    def _is_safe(cls, value: str) -> str:
        if value.startswith("http://") and not is_loopback(urlsplit(value).hostname or ""):
            raise ValueError(
                "tokens would travel in the clear: it must begin with https://, but for a host on this machine"
            )
        return value

    @field_validator("secret_key")
    @classmethod
    def _is_a_key(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and _decoded_length(value.get_secret_value()) != KEY_BYTES:
            raise ValueError("give the base64 of exactly 32 bytes, for example from `openssl rand -base64 32`")
        return value

    @field_validator("templates_dir")
    @classmethod
    def _has_sound_templates(cls, value: str) -> str:
        from infra.mail_check import overrides_in  # only who has templates of their own waits for their libraries

        overrides_in(value)
        return value

    @field_validator("mail_from", "reply_to")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        addresses = [address for _, address in getaddresses([value])] if value else []
        if value and (len(addresses) != 1 or "@" not in addresses[0]):
            raise ValueError("give one address, as Name <name@example.com>, a name with a comma in double quotes")
        return value

    @field_validator("worker_threads")
    @classmethod
    def _leaves_one_for_events(cls, value: int) -> int:
        if value < LEAST_THREADS:
            raise ValueError(
                f"give {LEAST_THREADS} or more, or leave it out: slow mail servers, endpoints, channels and TikTok may hold"
                f" {LEAST_THREADS - 1} threads, and events need one"
            )
        return value

    @field_validator("quiet_zone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError("give the IANA name of a time zone, for example Europe/Paris") from None
        return value

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _in_lower_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _caps_fit(self) -> Self:
        if self.emergency_cap < self.weekly_cap:
            raise ValueError(
                f"the cap of emergencies ({PREFIX}EMERGENCY_CAP) cannot be smaller than the weekly one ({PREFIX}WEEKLY_CAP)"
            )
        return self

    @model_validator(mode="after")
    def _fill_public_url(self) -> Self:
        if not self.public_url:
            object.__setattr__(self, "public_url", f"http://{self.host}:{self.port}")
        return self

    @model_validator(mode="after")
    def _has_a_whole_app(self) -> Self:
        """An id without its secret would be refused by TikTok at the first call, hours later."""
        for name, value, other in (
            ("TIKTOK_APP_ID", self.tiktok_app_id, self.tiktok_secret.get_secret_value()),
            ("TIKTOK_SECRET", self.tiktok_secret.get_secret_value(), self.tiktok_app_id),
        ):
            if other and not value:
                raise ValueError(
                    f"{PREFIX}{name} is not set, and TikTok's app is known by its id and its secret: set both or none"
                )
        return self

    @model_validator(mode="after")
    def _has_a_whole_issuer(self) -> Self:
        parts = {
            "OIDC_ISSUER": self.oidc_issuer,
            "OIDC_CLIENT_ID": self.oidc_client_id,
            "OIDC_CLIENT_SECRET": self.oidc_client_secret.get_secret_value(),
        }
        missing = [name for name, value in parts.items() if not value]
        if missing and len(missing) < len(parts):
            raise ValueError(f"{PREFIX}{missing[0]} is not set: signing in by OpenID Connect needs {', '.join(parts)}")
        return self

    @property
    def offered_days(self) -> tuple[int, ...]:
        """The periods, in days, that a creator can be asked for."""
        return (*STANDARD_PERIODS, 180) if self.offer_180_days else STANDARD_PERIODS

    @property
    def withdrawn_words(self) -> frozenset[str]:
        """The words that mean "taken back", in upper case."""
        words = (word.strip().upper() for word in self.tiktok_withdrawn_words.split(","))
        return frozenset(word for word in words if word)

    @property
    def has_public_url(self) -> bool:
        """Whether the address was given, not made of host and port."""
        return self.public_url != f"http://{self.host}:{self.port}"

    @property
    def is_https(self) -> bool:
        """Whether people open it by https."""
        return self.public_url.startswith("https://")

    @property
    def is_embedded(self) -> bool:
        """Whether the program runs its own PostgreSQL."""
        return not self.database_url


def load(**given: Any) -> Settings:
    """Settings from the environment; what is given here and not None wins. Raises BadSettings."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise BadSettings(_sentence(error)) from None


def unknown(variables: Iterable[str]) -> dict[str, str | None]:
    """The EVERSPARK_ variables that no setting reads, each with the name that was probably meant."""
    known = [name.upper() for name in Settings.model_fields]
    ours = {name: name.upper().removeprefix(PREFIX) for name in sorted(variables) if name.upper().startswith(PREFIX)}
    near = {name: get_close_matches(short, known, n=1) for name, short in ours.items() if short not in known}
    return {name: PREFIX + matches[0] if matches else None for name, matches in near.items()}


def warn_of_unknown() -> None:
    """One line for each variable that looks like a setting and is none; call it at a start, once logs are configured."""
    for variable, nearest in unknown(os.environ).items():
        log.warning("setting_unknown", variable=variable, nearest=nearest)


def need_for_processes_apart(settings: Settings) -> None:
    """Web, worker and scheduler as processes of their own meet in a shared database and queue. Raises BadSettings."""
    wanted = {
        "DATABASE_URL": (settings.database_url, "postgresql://user:password@host/name"),
        "REDIS_URL": (settings.redis_url, "redis://host:6379/0"),
        "SECRET_KEY": (settings.secret_key.get_secret_value(), "the output of `openssl rand -base64 32`"),
    }
    for name, (value, example) in wanted.items():
        if not value:
            raise BadSettings(
                f"{PREFIX}{name} is not set, and processes apart need it: set it to {example}, "
                "or run everything in one process with `everspark up`."
            )


def need_tls_beyond_loopback(settings: Settings) -> None:
    """Passwords and codes never cross a network in the clear. Raises BadSettings."""
    if not settings.behind_tls and not is_loopback(settings.host):
        raise BadSettings(
            f"{settings.host} can be reached from elsewhere, where passwords would travel in the clear: listen on 127.0.0.1, "
            f"or put something before it that ends TLS and say so with {PREFIX}BEHIND_TLS=true."
        )


def warn_of_plain_cookies(settings: Settings) -> None:
    """What people's browsers know as http is given cookies that may travel in the clear, whatever ends TLS before it."""
    address = urlsplit(settings.public_url)
    if settings.behind_tls and address.scheme == "http" and not is_loopback(address.hostname or ""):
        log.warning("cookies_not_secure", remedy=f"set {PREFIX}PUBLIC_URL to the https address that people open")


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    if not first["loc"]:
        return f"{first['msg'].removeprefix('Value error, ').rstrip('.')}."
    variable = PREFIX + str(first["loc"][0]).upper()
    problem = first["msg"].removeprefix("Value error, ").replace(f"{variable} ", "it ", 1).rstrip(".")
    return f"{variable} cannot be used: {problem[0].lower() + problem[1:]}."


def _with_scheme(value: str, *schemes: str) -> str:
    if value and value.partition("://")[0] not in schemes:
        raise ValueError(f"it must begin with {' or '.join(f'{scheme}://' for scheme in schemes[:2])}")
    return value


def is_loopback(host: str) -> bool:
    """Whether what is sent there stays on this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _decoded_length(text: str) -> int:
    try:
        return len(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return 0
