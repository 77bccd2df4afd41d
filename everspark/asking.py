"""`everspark ask`: what creators read. Example data, so that no database and no mail server is needed."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from everspark.outcomes import USAGE, Stop, say
from infra.settings import load

app = typer.Typer(no_args_is_help=True, help="Messages to creators: preview.")


class Locale(StrEnum):
    EN = "en"
    FR = "fr"
    ES = "es"
    DE = "de"


class Urgency(StrEnum):
    WINDOW = "window"
    EMERGENCY = "emergency"
    LAST_RESORT = "last_resort"
    OVER = "over"


# Named as templates know it; what is asked after the end is over.
URGENCY_OF = {Urgency.OVER: "after_end"}


@app.callback()
def group() -> None:
    """Messages to creators."""


@app.command()
def preview(
    locale: Annotated[Locale, typer.Option(help="The creator's language.")] = Locale.EN,
    items: Annotated[int, typer.Option(min=1, max=50, help="Posts in the message.")] = 1,
    advertiser: Annotated[
        str | None, typer.Option(help="TikTok's id of the ad account whose own templates are used.")
    ] = None,
    urgency: Annotated[Urgency, typer.Option(help="How near the end the first post is.")] = Urgency.WINDOW,
    html: Annotated[bool, typer.Option("--html/--text", help="The HTML part, or subject and text.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="File to write to; one that ends in .eml gets the whole message.")
    ] = None,
) -> None:
    """Shows the message that asks for a renewal, with invented posts and with the templates that are configured.

    Example: everspark ask preview --locale de --items 3 --html --out ask.html
    """
    from infra.ask_mail import compose_digest, sender_of
    from infra.mail_check import overrides_in
    from infra.mail_examples import LINK, NOW, example

    settings = load()
    message = compose_digest(
        example(locale=locale, count=items, urgency=URGENCY_OF.get(urgency, urgency), advertiser_id=advertiser),
        sender=sender_of(settings.mail_from),
        now=NOW,
        link=LINK,
        reply_to=settings.reply_to or None,
        overrides=overrides_in(settings.templates_dir),
        attach_calendar=settings.attach_calendar,
    )
    part = message.get_body(("html" if html else "plain",))
    body = part.get_content().replace("\r\n", "\n") if part else ""
    text = body if html else f"{message['Subject']}\n\n{body}"
    if out is None:
        say(text.rstrip("\n"))
        return
    _write(out, bytes(message) if out.suffix == ".eml" else text.encode())


def _write(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        raise Stop(f"{file} cannot be written: {error.strerror}.", USAGE) from error
    say(f"Written to {file}.")
