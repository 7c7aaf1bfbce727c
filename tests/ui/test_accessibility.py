"""axe on every page, light and dark: no finding in our own markup; each fits a telephone; the keyboard shows where."""

from __future__ import annotations

from typing import Any

import pytest
from tabs import drawn, opened

pytestmark = pytest.mark.browser

PAGES = ("", "measure", "diagnose", "layout", "hardware", "models", "compare", "accuracy", "learn")
FRAMEWORK = ("[data-testid=stHeader]", "[data-testid=stToolbar]", ".stMainMenu", "[data-baseweb]", ".vega-embed")
"""Markup that Streamlit, its widgets and Vega write, not we."""

_OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

PAGES_AND_SCHEMES = [
    (path, scheme) for n, path in enumerate(PAGES) for scheme in (("light", "dark"), ("dark", "light"))[n % 2]
]


def findings(axe: Any, tab: Any) -> list[tuple[str, str]]:
    """Findings as they stand now: (rule, markup)."""
    found = axe.Axe().run(tab, context={"exclude": [[selector] for selector in FRAMEWORK]})
    return [(v["id"], v["nodes"][0]["html"][:160]) for v in found.response["violations"]]


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("path", "scheme"), PAGES_AND_SCHEMES)
def test_a_page_opens_and_has_no_finding(tab: Any, served: str, path: str, scheme: str) -> None:
    """Nothing is broken, the browser logs no error; contrast, names, roles and order, by axe-core.

    On a telephone it has none either, and nothing has to be scrolled sideways.
    """
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    tab.emulate_media(color_scheme=scheme)
    broken: list[str] = []
    tab.on("pageerror", lambda error: broken.append(str(error)))
    opened(tab, f"{served}/{path}")
    assert tab.locator("[data-testid=stException]").count() == 0

    assert findings(axe, tab) == []
    tab.set_viewport_size({"width": 390, "height": 844})
    drawn(tab)
    tab.wait_for_function(f"{_OVERFLOW} <= 1")
    assert findings(axe, tab) == []
    assert broken == []


_STOP = """() => {
  const stop = document.activeElement;
  if (stop === document.body) return null;
  const edges = () => [stop, stop.closest("label"), stop.parentElement, stop.parentElement.parentElement].map(box => {
    const style = box && getComputedStyle(box);
    return style && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 ? style.outlineColor : "";
  }).join();
  const focused = edges(), name = stop.getAttribute("aria-label") ?? stop.innerText;
  stop.blur();
  const shown = edges() !== focused;
  stop.focus({preventScroll: true});
  return {name: name.slice(0, 40), shown, faint: stop.checkVisibility({opacityProperty: true}) === false};
}"""


@pytest.mark.sampled(3)
@pytest.mark.parametrize("path", ["measure", "diagnose", ""])
def test_the_keyboard_shows_where_it_is(tab: Any, served: str, path: str) -> None:
    """From the first stop to the last, each has an edge while it is focused that it has not else."""
    tab.emulate_media(reduced_motion="reduce")
    opened(tab, f"{served}/{path}")
    tab.add_style_tag(content="* { transition: none !important; }")
    stops = []
    tab.keyboard.press("Tab")
    while (stop := tab.evaluate(_STOP)) is not None:
        stops.append(stop)
        assert len(stops) < 200, "the keyboard is caught"
        tab.keyboard.press("Tab")
    assert [stop["name"] for stop in stops if not stop["shown"] or stop["faint"]] == []
    assert len(stops) > 30
