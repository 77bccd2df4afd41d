"""`everspark send`: signs an event file as a producer would, with the public standardwebhooks package, and posts it."""

import json as json_format
import secrets
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from standardwebhooks import Webhook

from everspark import address
from everspark.opened import AsJson, Data, Opened, opened
from everspark.outcomes import NOT_FOUND, USAGE, WRONG, Stop, say
from everspark.printing import as_json
from everspark.processes import Port
from infra import producers
from infra.clock import Clock
from infra.database import transaction
from infra.tables import Scheme

EXAMPLE = Path(__file__).parent / "examples" / "authorization.requested.json"
EXAMPLE_KEY = "7200000000000000001/7300000000000000001"
# A running web process learns of a new producer within seconds.
KNOWN_WITHIN_SECONDS = 15


@dataclass(frozen=True, kw_only=True, slots=True)
class Signing:
    """A Standard Webhooks secret, and the clock by which the service judges a signature's age."""

    secret: str = field(repr=False)
    clock: Clock

    def headers(self, body: bytes, identity: str) -> dict[str, str]:
        now = self.clock.now()
        signature = Webhook(self.secret).sign(identity, now, body.decode())
        return {
            "webhook-id": identity,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signature,
        }


def send(
    file: Annotated[
        Path | None, typer.Argument(help="The event's file (JSON, or NDJSON for a batch); - reads standard input.")
    ] = None,
    example: Annotated[
        bool, typer.Option("--example", help="In place of a file: a request that Everspark brings along.")
    ] = False,
    producer: Annotated[str, typer.Option(help="In whose name; made on first use.")] = "first",
    url: Annotated[
        str | None,
        typer.Option(
            help="Where the service listens.", show_default="that of the running service, or EVERSPARK_PUBLIC_URL"
        ),
    ] = None,
    event_id: Annotated[str | None, typer.Option("--id", help="The delivery's id; the same id is kept once.")] = None,
    port: Port = None,
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Signs an event and posts it to the running service, for trying out.

    Example: everspark send --example --producer first
    Example: cat events.ndjson | everspark send -
    """
    if (file is None) != example:
        raise Stop("Name a file, or say --example; one of the two.", USAGE)
    body = _read(file or EXAMPLE)
    with opened(data, may_make=True) as tools:
        scheme, secret, is_new = _secret_of(tools, producer)
        settings, clock = tools.settings, tools.clock
    base = url or (address.of(settings) if port is None else f"http://{settings.host}:{port}")
    target = base.rstrip("/") + producers.path_of(producer, scheme, secret)
    identity = event_id or f"msg_{secrets.token_hex(12)}"
    signing = Signing(secret=secret, clock=clock) if scheme == Scheme.STANDARD else None
    answer = _post(target, body, identity, signing, is_new=is_new)
    _print(answer, json=json)


def _read(file: Path) -> bytes:
    if str(file) == "-":
        body = sys.stdin.buffer.read()
        if not body.strip():
            raise Stop("Standard input is empty: give an event on it, or name a file.", USAGE)
        return body
    try:
        return file.read_bytes()
    except OSError as error:
        raise Stop(f"{file} cannot be read: {error.strerror}.", NOT_FOUND) from None


def _secret_of(tools: Opened, name: str) -> tuple[str, str, bool]:
    """Scheme and secret of the producer, and whether it was made just now."""
    with transaction(tools.engine) as session:
        for producer in producers.listed(session):
            if producer.name == name:
                if producer.disabled_at is not None or producer.scheme == Scheme.TIKTOK_DEVELOPER:
                    raise Stop(f"{name} is disabled or signs as TikTok does: choose another with --producer.", USAGE)
                return producer.scheme, tools.vault.unseal(producer.secret, context=f"producer:{name}"), False
        try:
            return Scheme.STANDARD, producers.add(session, tools.vault, name=name, now=tools.clock.now()), True
        except producers.ProducerError as error:
            raise Stop(str(error), USAGE) from None


def _post(target: str, body: bytes, identity: str, signing: Signing | None, *, is_new: bool) -> httpx.Response:
    end = time.monotonic() + (KNOWN_WITHIN_SECONDS if is_new else 0)
    while True:
        headers = {"content-type": _content_type(body), "webhook-id": identity} | (
            signing.headers(body, identity) if signing else {}
        )
        try:
            answer = httpx.post(target, content=body, headers=headers, timeout=30)
        except httpx.HTTPError as error:
            where = httpx.URL(target).copy_with(path="/")
            raise Stop(f"{where} does not answer ({error}): is `everspark up` running?") from None
        if answer.status_code not in {401, 404} or time.monotonic() >= end:
            return answer
        time.sleep(0.5)


def _content_type(body: bytes) -> str:
    try:
        value: Any = json_format.loads(body)
    except ValueError:
        return "application/x-ndjson"
    match value:
        case list():
            return "application/cloudevents-batch+json"
        case {"specversion": _}:
            return "application/cloudevents+json"
        case _:
            return "application/json"


def _print(answer: httpx.Response, *, json: bool) -> None:
    try:
        said: Any = answer.json()
    except ValueError:
        said = answer.text
    if json:
        as_json({"status": answer.status_code, "answer": said})
    else:
        say(f"{answer.status_code} {json_format.dumps(said, ensure_ascii=False)}")
    if answer.is_error:
        raise typer.Exit(WRONG)
