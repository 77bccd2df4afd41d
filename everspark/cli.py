"""The command `everspark`: one Typer application, one module for each group of commands."""

from collections.abc import Sequence

import typer

from everspark import (
    acting,
    advertisers,
    alerts,
    asking,
    authorizations,
    creator_links,
    creators,
    doctor,
    endings,
    endpoints,
    escalations,
    events,
    forecasting,
    importing,
    looking,
    outbox,
    processes,
    producers,
    sending,
    simulating,
    suggesting,
    tailing,
    tokens,
    top,
    unbinding,
    up,
    users,
)
from everspark.outcomes import sentences

EPILOG = "Ends with 0 when well, 1 when something is wrong, 2 for wrong usage or settings, 3 when not found."

app = typer.Typer(
    name="everspark",
    help="Keeps TikTok Spark Ads authorizations alive.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(up.up)
app.command()(processes.web)
app.command()(processes.worker)
app.command()(processes.scheduler)
app.command()(processes.migrate)
app.add_typer(producers.app, name="producer")
app.add_typer(users.app, name="user")
app.add_typer(tokens.app, name="token")
app.command()(sending.send)
app.command()(authorizations.show)
app.command("list")(authorizations.list_)
app.command()(tailing.tail)
app.command()(top.top)
app.command()(acting.act)
app.command("import")(importing.import_)
app.command()(unbinding.unbind)
app.command()(suggesting.suggest)
app.command()(endings.endings)
app.command()(forecasting.forecast)
creators.app.command("links")(creator_links.links)
creators.app.command("revoke-links")(creator_links.revoke_links)
app.add_typer(creators.app, name="creator")
app.command()(looking.look)
app.command()(escalations.escalations)
app.add_typer(alerts.app, name="alerts")
app.add_typer(advertisers.app, name="advertiser")
app.add_typer(endpoints.app, name="endpoint")
app.add_typer(asking.app, name="ask")
app.add_typer(events.app, name="events")
app.add_typer(outbox.app, name="outbox")
app.command()(doctor.doctor)
app.command()(simulating.simulator)


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script. Always ends with SystemExit."""
    with sentences():
        app(arguments)
