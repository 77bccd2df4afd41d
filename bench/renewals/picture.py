"""The result as an SVG of bars, readable in light and in dark, without anything to load."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html import escape

from bench.renewals.tally import Tally
from bench.renewals.year import EVERSPARK

WIDTH, LABEL, BAR, ROW, HEAD, GAP = 760, 150, 470, 26, 34, 22
STYLE = """
  text { font: 14px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
  .head { font-weight: 600 } .note { fill: #59636e; font-size: 12px }
  .ground { fill: #ffffff } .bar { fill: #8c959f } .ours { fill: #0969da }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .note { fill: #9198a1 } .ground { fill: #0d1117 } .bar { fill: #656c76 } .ours { fill: #4493f8 }
  }
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """One measure: what its bars are as long as, and how each is written."""

    title: str
    size: Callable[[Tally], float]
    written: Callable[[Tally], str]


PANELS = (
    Panel(
        title="Needed authorizations that lapsed",
        size=lambda each: each.lapsed_share,
        written=lambda each: f"{each.lapsed_share:.1%}",
    ),
    Panel(
        title="Money not delivered, USD campaigns",
        size=lambda each: float(each.not_delivered["USD"]),
        written=lambda each: f"{each.not_delivered['USD'] / 1000:,.0f}k",
    ),
    Panel(
        title="Messages to a creator a month, mean",
        size=lambda each: each.mean_a_month,
        written=lambda each: f"{each.mean_a_month:.2f}",
    ),
    Panel(
        title="Messages in quiet hours (nights and weekends)",
        size=lambda each: each.quiet / max(1, each.messages),
        written=lambda each: f"{each.quiet / max(1, each.messages):.1%} of {each.messages:,}",
    ),
)


def picture(sums: Mapping[str, Tally], note: str) -> str:
    """All panels, one below the other."""
    panel_height = HEAD + ROW * len(sums) + GAP
    height = panel_height * len(PANELS) + 40
    spoken = "; ".join(f"{policy}: {PANELS[0].written(each)} lapsed" for policy, each in sums.items())
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(spoken)}">',
        f"<style>{STYLE}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{height}" rx="8"/>',
    ]
    for number, panel in enumerate(PANELS):
        parts += bars(panel, sums, top=16 + number * panel_height)
    parts += [f'<text class="note" x="20" y="{height - 14}">{escape(note)}</text>', "</svg>"]
    return "\n".join(parts) + "\n"


def bars(panel: Panel, sums: Mapping[str, Tally], *, top: int) -> Iterator[str]:
    """A heading and a bar for each policy."""
    most = max(panel.size(each) for each in sums.values()) or 1.0
    yield f'<text class="head" x="20" y="{top + 16}">{escape(panel.title)}</text>'
    for row, (policy, each) in enumerate(sums.items()):
        y, length = top + HEAD + row * ROW, BAR * panel.size(each) / most
        kind = "ours" if policy == EVERSPARK else "bar"
        yield f'<text x="20" y="{y + 14}">{escape(policy)}</text>'
        yield f'<rect class="{kind}" x="{LABEL}" y="{y}" width="{max(1.0, length):.1f}" height="18" rx="2"/>'
        yield f'<text x="{LABEL + max(1.0, length) + 8:.1f}" y="{y + 14}">{escape(panel.written(each))}</text>'
