"""The room where it is not a screen in its own colours under a mouse: on paper, in forced colours, by the Tab key."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect
from sqlalchemy import Engine

from domain.people import Role
from infra.broker import make_broker, make_nudges
from infra.clock import HandClock
from infra.settings import load
from infra.vault import Vault
from tests import showroom
from tests.browser.looking import DESKTOP, context_of
from tests.operator import session_of
from tests.serving import serving
from web.main import make_app

NARROW = ViewportSize(width=768, height=760)
ADVERTISER = f"/advertisers/{showroom.ADVERTISER}"
SCREEN_ALONE = ("#menu", ".bar", ".filter", ".views", ".pages", ".skip", "td.pick")
# What has the focus, where the bar that stays at the bottom hides all of it.
HIDDEN = """() => {
    const at = document.activeElement, bar = document.querySelector('.bar');
    const mine = at.getBoundingClientRect(), its = bar.getBoundingClientRect();
    return !bar.contains(at) && mine.top >= its.top && mine.bottom <= its.bottom ? at.outerHTML.slice(0, 120) : null;
}"""
MARKS = """[...document.querySelectorAll('.states .state')].map(each => {
    const mark = getComputedStyle(each, '::before');
    return [mark.borderWidth, mark.borderRadius].join(' ');
})"""
BROKEN = """[...document.querySelectorAll('.key small.id')]
    .filter(each => each.getBoundingClientRect().height > 1.5 * parseFloat(getComputedStyle(each).lineHeight))
    .map(each => each.textContent)"""


@pytest.fixture
def page(browser: Browser, engine: Engine, clock: HandClock, vault: Vault) -> Iterator[Page]:
    showroom.opens(engine, clock, vault)
    app = make_app(settings=load(), engine=engine, vault=vault, clock=clock, nudges=make_nudges(make_broker("")))
    with serving(app) as client:
        admin = session_of(engine, clock, Role.ADMIN)
        yield context_of(browser, f"{admin}@{client.base_url}", DESKTOP, "dark").new_page()


def test_the_bar_of_acts_never_hides_what_has_the_focus(page: Page) -> None:
    for viewport in (DESKTOP, NARROW):
        page.set_viewport_size(viewport)
        page.goto("/authorizations")
        boxes = page.locator("tbody input[type=checkbox]")
        boxes.first.focus()

        hidden = []
        for _ in range(40):  # twenty rows, more than a screen
            page.keyboard.press("Tab")
            hidden.append(page.evaluate(HIDDEN))

        assert boxes.count() > 20
        assert set(hidden) == {None}


def test_paper_has_the_page_without_what_only_a_screen_can_do(page: Page) -> None:
    page.goto("/authorizations")
    shown = {each: page.locator(each).first.is_visible() for each in SCREEN_ALONE}
    page.emulate_media(media="print")

    assert shown["#menu"]
    assert shown[".bar"]
    for each in SCREEN_ALONE:
        expect(page.locator(each).first).to_be_hidden()
    expect(page.get_by_role("row").nth(1)).to_be_visible()
    expect(page.locator("body")).to_have_css("color", "rgb(0, 0, 0)")
    expect(page.locator("tbody tr").first).to_have_css("break-inside", "avoid")


def test_paper_as_wide_as_a_phone_keeps_rows_as_rows(page: Page) -> None:
    page.emulate_media(media="print")
    page.set_viewport_size(ViewportSize(width=718, height=1000))  # A4, upright, within margins of a centimetre

    for path in ("/", "/calendar", ADVERTISER):
        page.goto(path)
        expect(page.locator("thead th").first).to_be_visible()
        assert page.locator("thead").first.bounding_box()["height"] > 10, path  # type: ignore[index]
        assert page.evaluate("document.documentElement.scrollWidth") <= 718, path


def test_forced_colours_leave_states_their_shapes_and_a_legend_its_swatches(page: Page) -> None:
    page.emulate_media(forced_colors="active")
    page.goto("/")

    marks = page.evaluate(MARKS)

    assert len(marks) == 5
    assert len(set(marks)) == 5
    page.goto("/calendar")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")

    swatch = page.locator(".legend .solid").evaluate("each => getComputedStyle(each).backgroundColor")
    bar = page.locator(".chart .solid").first.evaluate("each => getComputedStyle(each).fill")

    assert swatch == bar
    assert swatch != ground


def test_only_a_box_that_scrolls_is_a_stop_and_a_landmark(page: Page) -> None:
    page.goto("/calendar")
    box = page.locator(".scroll")

    expect(box).not_to_have_attribute("tabindex", "0")
    expect(page.get_by_role("region", name="The days on which something happens")).to_have_count(0)
    box.evaluate("each => { each.style.width = '12rem'; }")
    expect(box).to_have_attribute("tabindex", "0")
    expect(page.get_by_role("region", name="The days on which something happens")).to_have_count(1)
    box.evaluate("each => { each.style.width = ''; }")
    expect(box).not_to_have_attribute("tabindex", "0")


def test_a_region_that_comes_anew_is_measured_anew(page: Page) -> None:
    page.goto("/creators")
    expect(page.locator("#list")).to_have_attribute("role", "group")

    page.locator("#list").evaluate(
        """each => {
            const made = each.cloneNode(true);
            made.setAttribute('role', 'region');
            made.tabIndex = 0;
            each.replaceWith(made);
            made.dispatchEvent(new CustomEvent('refreshed', {bubbles: true}));
        }"""
    )

    expect(page.locator("#list")).to_have_attribute("role", "group")
    expect(page.locator("#list")).not_to_have_attribute("tabindex", "0")


def test_the_number_of_a_post_stays_on_one_line(page: Page) -> None:
    page.set_viewport_size(NARROW)

    for path in (ADVERTISER, "/advertisers"):
        page.goto(path)
        assert page.locator(".key small.id").count(), path
        assert page.evaluate(BROKEN) == [], path
