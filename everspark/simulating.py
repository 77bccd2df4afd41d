"""`everspark simulator`: a TikTok on this machine, to try Everspark against."""

from datetime import timedelta
from typing import Annotated

import typer

from everspark.outcomes import say
from infra import signals
from infra.clock import RunningClock, SystemClock
from web.server import Server, ServerError, listen

APP_ID, SECRET = "simulated-app", "simulated-secret"
DAY = timedelta(days=1)


def simulator(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")] = 8090,
    rate: Annotated[str, typer.Option(help="Rate limits: off, basic, advanced, premium or ultimate.")] = "basic",
    day: Annotated[float, typer.Option(help="Real seconds that a simulated day takes.")] = DAY.total_seconds(),
    seed: Annotated[int, typer.Option(help="The same seed gives the same ids and codes.")] = 0,
) -> None:
    """Starts a TikTok of its own on this machine. It holds one advertiser, one creator and one post to begin with.

    Example: everspark simulator --port 8090 --rate basic --day 60
    """
    from simulator.limits import LEVELS

    if rate not in ("off", *LEVELS):
        raise typer.BadParameter(f"{rate} is none of off, {', '.join(LEVELS)}.", param_hint="--rate")
    if day <= 0:
        raise typer.BadParameter("A day takes more than 0 seconds.", param_hint="--day")
    run(port=port, rate=rate, day=day, seed=seed)


def run(*, port: int, rate: str, day: float, seed: int) -> None:
    """Serves until a signal comes."""
    from simulator.courier import delivering
    from simulator.main import LOOPBACK, make_app
    from simulator.world import World

    asked_to_stop, real = signals.expected(), SystemClock()
    world = World(RunningClock(real.now(), DAY.total_seconds() / day), seed=seed)
    world.wall, world.limits.is_on = real, rate != "off"
    world.add_app(APP_ID, SECRET, level="basic" if rate == "off" else rate)
    first = world.furnish(APP_ID)
    with listen(LOOPBACK, port, option="--port") as listening, delivering(world):
        server = Server(make_app(world), listening)
        server.start()
        say(_welcome(f"http://{LOOPBACK}:{listening.getsockname()[1]}", **first))
        is_told = signals.wait(asked_to_stop, while_=server.is_alive)
        server.stop()
    if not is_told:
        raise ServerError("The simulator ended by itself.")


def _welcome(url: str, *, advertiser_id: str, item_id: str, access_token: str, bc_id: str) -> str:
    return (
        f"\nA simulated TikTok listens on {url} - nothing here reaches the real one\n\n"
        f"  app_id {APP_ID}, secret {SECRET}\n"
        f"  Access-Token {access_token}\n  advertiser {advertiser_id}, business center {bc_id}, post {item_id}\n\n"
        f"Let Everspark call it, in another terminal:\n"
        f"  export EVERSPARK_TIKTOK_URL={url} EVERSPARK_TIKTOK_APP_ID={APP_ID} EVERSPARK_TIKTOK_SECRET={SECRET}\n"
        f"  everspark up\n\n"
        f"and in a third one, with the same export:\n"
        f"  echo {access_token} | everspark advertiser connect {advertiser_id} --bc {bc_id}\n\n"
        f"Let the creator make a code:\n"
        f'  curl -d \'{{"item_id": "{item_id}"}}\' {url}/admin/do/mint\n\n'
        f"Ask the API:\n"
        f"  curl -H 'Access-Token: {access_token}' "
        f"'{url}/open_api/v1.3/tt_video/list/?advertiser_id={advertiser_id}'\n\n"
        f"What else can be done: {url}/admin/ and docs/simulator.md\n"
    )
