"""axe on every page, light and dark: no serious finding in our own markup; and each fits a telephone."""

from __future__ import annotations

from typing import Any

import pytest
from tabs import drawn, opened

pytestmark = pytest.mark.browser

PAGES = ("", "measure", "diagnose", "layout", "hardware", "models", "compare", "accuracy", "learn")
SERIOUS = {"serious", "critical"}
FRAMEWORK = ("[data-testid=stHeader]", "[data-testid=stToolbar]", ".stMainMenu", "[data-baseweb]", ".vega-embed")
"""Markup that Streamlit, its widgets and Vega write, not we."""

_OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

PAGES_AND_SCHEMES = [
    (path, scheme) for n, path in enumerate(PAGES) for scheme in (("light", "dark"), ("dark", "light"))[n % 2]
]


def serious(axe: Any, tab: Any) -> list[tuple[str, str]]:
    """Serious findings as they stand now: (rule, markup)."""
    found = axe.Axe().run(tab, context={"exclude": [[selector] for selector in FRAMEWORK]})
    return [(v["id"], v["nodes"][0]["html"][:160]) for v in found.response["violations"] if v["impact"] in SERIOUS]


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("path", "scheme"), PAGES_AND_SCHEMES)
def test_a_page_opens_and_has_no_serious_finding(tab: Any, served: str, path: str, scheme: str) -> None:
    """Nothing is broken, the browser logs no error; contrast, names, roles and order, by axe-core.

    On a telephone nothing has to be scrolled sideways.
    """
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    tab.emulate_media(color_scheme=scheme)
    broken: list[str] = []
    tab.on("pageerror", lambda error: broken.append(str(error)))
    opened(tab, f"{served}/{path}")
    assert tab.locator("[data-testid=stException]").count() == 0

    assert serious(axe, tab) == []
    tab.set_viewport_size({"width": 390, "height": 844})
    drawn(tab)
    tab.wait_for_function(f"{_OVERFLOW} <= 1")
    assert broken == []
