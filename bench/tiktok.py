"""The simulated TikTok that the contenders of `reconcile` read, as a process of its own: `python -m bench.tiktok FILE`.

FILE says how many advertisers and posts there are to be, and is told in return where to find them (bench/reconciling.py).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import uvicorn

from bench.cue import wait_for_cue
from bench.servers import free_port
from infra.clock import SystemClock
from simulator.main import make_app
from simulator.world import World

APP, SECRET = "7100000000000000001", "bench"
POSTS_A_CREATOR = 25


def main() -> None:
    path = Path(sys.argv[1])
    wanted = json.loads(path.read_text())
    world, port = World(SystemClock(), seed=1), free_port()
    world.add_app(APP, SECRET)
    advertisers = [furnished(world, wanted["posts"]) for _ in range(wanted["advertisers"])]
    path.write_text(json.dumps({"url": f"http://127.0.0.1:{port}", "advertisers": advertisers}))
    server = uvicorn.Server(
        uvicorn.Config(
            make_app(world), host="127.0.0.1", port=port, http="httptools", access_log=False, log_config=None
        )
    )
    wait_for_cue()
    server.run()


def furnished(world: World, posts: int) -> dict[str, Any]:
    """An advertiser, its token, and as many bound posts with their codes."""
    advertiser_id = world.add_advertiser("Brand").advertiser_id
    token = world.issue(APP, [advertiser_id]).value
    codes = {}
    for number in range(posts):
        if number % POSTS_A_CREATOR == 0:
            creator = world.add_creator(f"@{advertiser_id}.{number}")
        post = world.add_post(creator.creator_id, text=f"Post {number}")
        code = world.mint(post.item_id, days=365).value
        world.authorize(advertiser_id, code)
        codes[post.item_id] = code
    return {"advertiser_id": advertiser_id, "token": token, "codes": codes}


if __name__ == "__main__":
    main()
