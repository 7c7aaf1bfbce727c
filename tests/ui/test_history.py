"""Address, fields and answer agree after every step of a walk through the form: edits, pages, Back, Forward, reload.

What a fresh browser shows for an address is what the walked page must show for it.
"""

from __future__ import annotations

import os
import random
from typing import Any

import pytest
from tabs import drawn, profile

pytestmark = pytest.mark.browser

STEPS = range(200)
SEED = int(os.environ.get("MFU_PLANNER_WALK_SEED", "15"))
_PAGES = ("Plan", "Measure", "Layout", "Models")
_EDITS = {"devices": ("64", "512", "1024"), "seq_len": ("4096", "8192"), "global_batch": ("256", "1024")}
_PICKS = {
    "hardware": ("NVIDIA H100 80GB", "b200", "mi300x"),
    "model": ("meta-llama/Llama-3.1-8B", "Llama 3.1 70B", "mixtral-8x7b"),
}

_READ = """() => {
  const shown = {answer: document.querySelector(".mfu-hero .big")?.innerText ?? "", title: document.title};
  for (const key of KEYS) {
    const field = document.querySelector(`.st-key-${key} input`);
    if (field && field.offsetParent) shown[key] = field.closest("[data-baseweb=select]")?.innerText ?? field.value;
  }
  return JSON.stringify(shown);
}""".replace("KEYS", str([*_EDITS, *_PICKS]))


def _shows(tab: Any) -> str:
    """What the page says once it is drawn and at rest: its fields, its answer, its title."""
    tab.wait_for_selector(".mfu-hero .big, [data-testid=stAlert]")
    tab.wait_for_selector(".st-key-seq_len input")
    before = ""
    for _ in range(100):
        drawn(tab)
        now = f"{tab.evaluate(_READ)} {tab.url}"
        if now == before:
            return str(tab.evaluate(_READ))
        before = now
        tab.evaluate("() => new Promise(done => setTimeout(done, 700))")
    raise AssertionError("the page does not come to rest")


def _step(tab: Any, draw: random.Random) -> str:
    act = draw.choice(("edit", "edit", "pick", "page", "back", "forward", "reload"))
    if act == "edit":
        keys = [k for k in _EDITS if tab.locator(f".st-key-{k} input").count()]
        visible = [k for k in keys if tab.locator(f".st-key-{k} input").first.is_visible()]
        if visible:
            key = draw.choice(visible)
            field = tab.locator(f".st-key-{key} input").first
            field.fill(draw.choice(_EDITS[key]))
            field.press("Enter")
    elif act == "pick":
        key = draw.choice([k for k in _PICKS if tab.locator(f".st-key-{k} input").count()])
        field = tab.locator(f".st-key-{key} input").first
        field.fill(draw.choice(_PICKS[key]))
        field.press("Enter")
    elif act == "page":
        tab.get_by_role("link", name=draw.choice(_PAGES)).first.click()
    elif act == "back":
        tab.go_back()
        if not tab.url.startswith("http"):
            tab.go_forward()
    elif act == "forward":
        tab.go_forward()
    else:
        tab.reload()
    return act


@pytest.mark.sampled(67)
def test_a_walk(tab: Any, browser: Any, served: str, sample: Any) -> None:
    """Each step's address opened anew shows the same."""
    draw = random.Random(SEED)
    other = profile(browser)
    fresh = other.new_page()
    tab.goto(served)
    _shows(tab)
    done: list[str] = []
    for _ in sample(STEPS):
        act = _step(tab, draw)
        walked = _shows(tab)
        done.append(f"{act} {tab.url.removeprefix(served)}")
        fresh.goto("about:blank")
        fresh.goto(tab.url)
        assert walked == _shows(fresh), done
    other.close()
