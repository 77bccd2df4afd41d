"""`everspark alerts`: what is wrong with the service as people are told of it, and whether they would hear."""

from typing import Annotated

import typer

from everspark.opened import AsJson, Data, opened
from everspark.outcomes import USAGE, WRONG, Stop, say
from everspark.printing import as_json, as_table
from infra import alert_rows
from infra.channel_urls import EVERYBODY
from infra.channels import AppriseMessenger, Messenger
from infra.database import hot
from infra.mail import Outcome, Sent
from infra.settings import Settings, load

app = typer.Typer(no_args_is_help=True, help="Alerts about the service: what is open, and a trial of where they go.")

COLUMNS = ("since", "alert", "what is wrong")
TITLE = "Everspark: a trial"
BODY = "Somebody tried whether alerts arrive here: they do. Nothing is wrong, and nothing is to be done."
NOBODY = "Nobody is alerted: set EVERSPARK_ALERT_URLS, for example to slack://…, then try again."


@app.command("list")
def list_(data: Data = None, json: AsJson = False) -> None:
    """What is open, the oldest first; it resolves by itself once all has been well for a while.

    Example: everspark alerts list
    """
    with opened(data) as tools, hot(tools.engine) as connection:
        found = alert_rows.open_ones(connection)
    rows = [{"name": each.name, "opened_at": each.opened_at, "sentence": each.sentence} for each in found]
    if json:
        as_json(rows)
    elif rows:
        as_table(COLUMNS, [(row["opened_at"], row["name"], row["sentence"]) for row in rows])
    else:
        say("Nothing is wrong that people are told of.")


@app.command("test")
def try_out(
    advertiser: Annotated[
        str, typer.Option(help="To the addresses of that advertiser's owner instead of everybody's.")
    ] = EVERYBODY,
    data: Data = None,
) -> None:
    """Sends a trial to each address of EVERSPARK_ALERT_URLS, and says what became of it; ends with 1 where one did not take it.

    Example: everspark alerts test
    Example: everspark alerts test --advertiser 7200000000000000001
    """
    outcomes = tried(load(data_dir=data), AppriseMessenger(), owner=advertiser)
    for number, outcome in enumerate(outcomes, start=1):
        # By its number: an address is a secret.
        say(f"Address {number}: {'sent' if isinstance(outcome, Sent) else outcome.reason}")
    if not all(isinstance(outcome, Sent) for outcome in outcomes):
        raise typer.Exit(WRONG)


def tried(settings: Settings, messenger: Messenger, *, owner: str = EVERYBODY) -> list[Outcome]:
    """What became of a trial at each address. Raises Stop where there is none."""
    from worker.chosen import channels_of  # what it needs takes a moment to load

    urls = channels_of(settings).alerts.get(owner, ())
    if not urls:
        raise Stop(NOBODY, USAGE)
    return [messenger.send(url, title=TITLE, body=BODY) for url in urls]
