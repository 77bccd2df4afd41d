"""Bulk snooze and undo in a real browser, as it happens; and its pages for everybody: phone and desktop, light and dark."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ViewportSize
from sqlalchemy import Engine

from infra.broker import make_broker, make_nudges
from infra.clock import HandClock
from infra.database import hot
from infra.settings import load
from infra.vault import Vault
from tests.acting import Floor
from tests.browser.looking import DESKTOP, PHONE, looked_at
from tests.operator import COOKIE, session_of
from tests.portfolio import Post
from tests.serving import serving
from web.main import make_app


@pytest.fixture
def room(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[tuple[Floor, str]]:
    """Twenty posts of four creators, and one whose creator nobody knows."""
    app = make_app(settings=load(), engine=engine, vault=vault, clock=clock, nudges=make_nudges(make_broker("")))
    with serving(app) as client:
        floor = Floor(engine, clock, client)
        posts = [Post(number=number, creator=f"creator.{number % 4}", ends=number) for number in range(1, 21)]
        floor.holds(*posts, Post(number=21, creator=None, ends=3))
        yield floor, str(client.base_url)


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_many_are_snoozed_and_it_is_taken_back(
    browser: Browser, room: tuple[Floor, str], viewport: ViewportSize, scheme: str
) -> None:
    floor, url = room
    context = browser.new_context(
        viewport=viewport,
        color_scheme=scheme,  # type: ignore[arg-type]  # literals elsewhere
        base_url=url,
        bypass_csp=True,  # the policy stands aside for axe, which has to run its own
    )
    context.add_cookies([{"name": COOKIE, "value": session_of(floor.engine, floor.clock), "url": url}])
    page, mark = context.new_page(), f"{viewport['width']}-{scheme}"

    page.goto("/acts")
    looked_at(page, viewport, f"{mark}-acts-empty")
    page.goto("/acts/preview?act=revoke&everything=1&query=left_to%3D7")
    looked_at(page, viewport, f"{mark}-act-grave")
    page.goto("/acts/preview?act=snooze&everything=1&query=left_to%3D7")
    assert "It concerns 7 of 8, by 4 creators" in page.inner_text("main")
    looked_at(page, viewport, f"{mark}-act-preview")

    page.fill("input[name=until]", "2026-12-10T09:00")
    page.click("main button:has-text('Snooze')")
    assert "Under way" in page.inner_text("main")
    looked_at(page, viewport, f"{mark}-act-under-way")
    floor.works()
    page.wait_for_selector("h2:has-text('Done')")
    looked_at(page, viewport, f"{mark}-act-done")
    assert snoozed(floor) == 4

    page.click("main button:has-text('Undo')")
    floor.works()
    page.wait_for_selector("h2:has-text('Done')")
    assert "It takes act 1 back" in page.inner_text("main")
    page.goto("/acts")
    looked_at(page, viewport, f"{mark}-acts")
    assert snoozed(floor) == 0

    number = floor.begins("revoke", count="3", key=[Post(number=number).key for number in (1, 2, 3)])
    floor.works()
    for path, name in ((f"/acts/{number}", "act-chosen"), ("/authorizations/1", "act-told")):
        page.goto(path)
        looked_at(page, viewport, f"{mark}-{name}")
    page.goto("/acts/preview?act=look&query=&back=")
    looked_at(page, viewport, f"{mark}-act-refused")
    context.close()


def test_the_browsers_back_returns_to_the_preview_and_to_the_list(browser: Browser, room: tuple[Floor, str]) -> None:
    floor, url = room
    context = browser.new_context(base_url=url)
    context.add_cookies([{"name": COOKIE, "value": session_of(floor.engine, floor.clock), "url": url}])
    page = context.new_page()

    page.goto("/authorizations?left_to=7&sort=newest")
    for box in page.get_by_role("checkbox", name="Choose @creator.3").all():
        box.check()
    page.get_by_role("button", name="Needed until…").click()
    assert "It concerns 2 of 2" in page.inner_text("main")
    assert "csrf" not in page.url
    page.locator(".named a").first.click()
    page.go_back()
    assert "It concerns 2 of 2" in page.inner_text("main")

    page.get_by_role("link", name="Back without doing it").click()
    assert page.url == f"{url}/authorizations?left_to=7&sort=newest"
    context.close()


def snoozed(floor: Floor) -> int:
    """How many creators are."""
    with hot(floor.engine) as connection:
        query = "SELECT FROM creators WHERE snoozed_until > %s"
        return connection.execute(query, [floor.clock.now()]).rowcount
