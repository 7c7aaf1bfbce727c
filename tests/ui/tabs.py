"""A page in the browser: opened, and drawn to its end before anything is read off it."""

from __future__ import annotations

from typing import Any

PATIENCE_MS = 120_000
"""A bound, not a measure: on a busy machine a page takes half a minute."""
_SHOWS_SOMETHING = "h1, [data-testid=stAlert]"
_AT_REST = """() => document.querySelector("[data-testid=stApp][data-test-script-state=notRunning]")
  && !document.querySelector("[data-stale=true], [data-testid=stSkeleton], [data-testid=stStatusWidget]")
  && !document.getAnimations().some(each => each instanceof CSSTransition)"""
"""The script has ended, no part of the page waits to be drawn again, and none is still fading in."""


def profile(browser: Any, **how: Any) -> Any:
    """A new profile of the browser: no cookies, no memory of others."""
    made = browser.new_context(reduced_motion="reduce", **how)
    made.set_default_timeout(PATIENCE_MS)
    return made


def drawn(tab: Any) -> None:
    """Wait until the page stands as a reader sees it: half-drawn text is paler, and may be of the run before."""
    tab.wait_for_selector(_SHOWS_SOMETHING)
    tab.wait_for_function(_AT_REST, polling=100)


def opened(tab: Any, address: str) -> None:
    """Go to an address and wait until it is drawn."""
    tab.goto(address)
    drawn(tab)
