"""The list of authorizations in a real browser: for everybody, on a phone and at a desk, by keyboard, without a script."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect
from sqlalchemy import Engine

from infra.broker import make_broker, make_nudges
from infra.clock import HandClock
from infra.settings import load
from infra.vault import Vault
from tests import agency
from tests.browser.looking import DESKTOP
from tests.operator import COOKIE, session_of
from tests.serving import serving
from web.main import make_app


@pytest.fixture
def address(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[str]:
    agency.opens(engine, clock, vault)
    app = make_app(settings=load(), engine=engine, vault=vault, clock=clock, nudges=make_nudges(make_broker("")))
    with serving(app) as client:
        yield f"{session_of(engine, clock)}@{client.base_url}"


def opened(
    browser: Browser, address: str, viewport: ViewportSize = DESKTOP, scheme: str = "light", *, scripts: bool = True
) -> Page:
    """As an operator, whose cookie stands in the address before an @. The policy stands aside for axe, which brings its own."""
    cookie, _, url = address.rpartition("@")
    context = browser.new_context(
        viewport=viewport,
        color_scheme=scheme,  # type: ignore[arg-type]  # literals elsewhere
        base_url=url,
        java_script_enabled=scripts,
        bypass_csp=scripts,
    )
    context.add_cookies([{"name": COOKIE, "value": cookie, "url": url}])
    return context.new_page()


def test_without_a_script_it_is_filtered_chosen_from_and_kept(browser: Browser, address: str) -> None:
    page = opened(browser, address, scripts=False)

    page.goto("/authorizations")
    page.get_by_label("Days left, at most").fill("10")
    page.get_by_role("checkbox", name="active").check()
    page.get_by_role("button", name="Show").click()
    page.wait_for_url(lambda url: url.endswith("/authorizations?state=active&left_to=10"))
    page.get_by_text("Keep this view").click()
    page.get_by_label("Its name").fill("Soon")
    page.get_by_role("button", name="Keep", exact=True).click()
    assert page.get_by_role("link", name="Soon").get_attribute("aria-current") == "true"
    page.get_by_role("checkbox", name="Choose @").first.check()
    page.get_by_role("button", name="Look now").click()
    assert page.get_by_role("heading", level=1).inner_text().startswith("Look now")


def test_the_keyboard_searches_walks_and_chooses(browser: Browser, address: str) -> None:
    page = opened(browser, address)
    page.goto("/authorizations")

    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("x")
    boxes = page.get_by_role("checkbox", name="Choose @")
    expect(boxes.nth(1)).to_be_checked()
    expect(boxes.nth(0)).not_to_be_checked()
    expect(page.get_by_text("1 chosen")).to_be_visible()
    page.get_by_role("checkbox", name="Choose all of this page").check()
    expect(boxes.nth(0)).to_be_checked()

    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("Escleave the search")
    page.keyboard.press("j")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)

    page.keyboard.press("/")
    page.keyboard.type("maya.j?")
    expect(page.get_by_label("Search", exact=False).first).to_have_value("maya.j?")
    page.keyboard.press("Escape")
    expect(page.get_by_label("Search", exact=False).first).not_to_be_focused()
    expect(page.get_by_label("Search", exact=False).first).to_have_value("maya.j?")
    page.keyboard.press("j")
    expect(page.locator("[data-rows]").first.locator(":focus")).to_have_count(1)
    page.get_by_label("Search", exact=False).first.fill("maya")
    page.keyboard.press("Enter")
    page.wait_for_url("**/authorizations?search=maya")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/authorizations/*")


def test_the_keys_walk_wherever_there_are_rows(browser: Browser, address: str) -> None:
    page = opened(browser, address)
    for path in ("/", "/sweeps", "/authorizations/1"):
        page.goto(path)
        first = page.locator("[data-rows]").first

        page.keyboard.press("j")

        expect(first.locator(":focus")).to_have_count(1)
    assert page.locator("[data-rows]").first.get_by_role("rowheader").first.inner_text().startswith("900")
    page.goto("/")
    page.keyboard.press("j")
    expect(page.get_by_role("region", name="For you").locator(":focus")).to_have_count(1)
    page.goto("/authorizations/1")
    page.keyboard.press("k")
    expect(page.locator(".story > li:last-child:focus")).to_have_count(1)
    page.keyboard.press("k")
    expect(page.locator(".story > li:nth-last-child(2):focus")).to_have_count(1)
