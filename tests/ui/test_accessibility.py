"""axe on every page, light and dark: no serious finding in our own markup."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.browser

PAGES = ("", "measure", "diagnose", "layout", "hardware", "models", "compare", "accuracy", "learn")
SERIOUS = {"serious", "critical"}
FRAMEWORK = ("[data-testid=stHeader]", "[data-testid=stToolbar]", ".stMainMenu", "[data-baseweb]", ".vega-embed")
"""Markup that Streamlit, its widgets and Vega write, not we."""

_STILL = """*, *::before, *::after {transition: none !important; animation: none !important}
[data-testid=stElementContainer], [data-stale=true] {opacity: 1 !important}"""
"""Streamlit fades what it is about to draw again: half-drawn text has half the contrast."""


@pytest.fixture(params=["light", "dark"])
def tab(request: pytest.FixtureRequest, browser: Any) -> Iterator[Any]:
    """A fresh browser that prefers light or dark."""
    context = browser.new_context(color_scheme=request.param)
    opened = context.new_page()
    opened.set_default_timeout(45_000)
    yield opened
    context.close()


def serious(axe: Any, tab: Any) -> list[tuple[str, str]]:
    """Serious findings as they stand now: (rule, markup)."""
    found = axe.Axe().run(tab, context={"exclude": [[selector] for selector in FRAMEWORK]})
    return [(v["id"], v["nodes"][0]["html"][:160]) for v in found.response["violations"] if v["impact"] in SERIOUS]


@pytest.mark.parametrize("path", PAGES)
def test_no_serious_finding_in_our_markup(tab: Any, served: str, path: str) -> None:
    """Contrast, names, roles and order, by axe-core."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    tab.goto(f"{served}/{path}")
    tab.wait_for_selector("h1")
    tab.wait_for_selector("[data-testid=stStatusWidget]", state="detached")
    tab.add_style_tag(content=_STILL)
    tab.wait_for_load_state("networkidle")

    wrong = serious(axe, tab)
    for _again in range(2):
        wrong = wrong and serious(axe, tab)  # what is still being drawn is no finding

    assert wrong == []
