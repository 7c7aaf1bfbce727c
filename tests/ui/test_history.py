"""Address, fields and answer agree after every step of a walk through the form: edits, pages, Back, Forward, reload.

What a fresh browser shows for an address is what the walked page must show for it.
"""

from __future__ import annotations

import os
import random
from typing import Any

import pytest

pytestmark = pytest.mark.browser

STEPS = int(os.environ.get("MFU_PLANNER_WALK", "6"))
_PAGES = ("Plan", "Measure", "Layout", "Models")
_EDITS = {"devices": ("64", "512", "1024"), "seq_len": ("4096", "8192"), "global_batch": ("256", "1024")}
_IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"]'


_READ = """() => {
  const shown = {answer: document.querySelector(".mfu-hero .big")?.innerText ?? "", title: document.title};
  for (const key of KEYS) {
    const field = document.querySelector(`.st-key-${key} input`);
    if (field && field.offsetParent) shown[key] = field.value;
  }
  return JSON.stringify(shown);
}""".replace("KEYS", str(list(_EDITS)))


def _shows(tab: Any) -> str:
    """What the page says once it is drawn and at rest: its fields, its answer, its title."""
    tab.wait_for_selector(".mfu-hero .big, [data-testid=stAlert]")
    tab.wait_for_selector(".st-key-seq_len input")
    before = ""
    for _ in range(100):
        tab.wait_for_selector(_IDLE)
        now = f"{tab.evaluate(_READ)} {tab.url}"
        if now == before:
            return str(tab.evaluate(_READ))
        before = now
        tab.evaluate("() => new Promise(done => setTimeout(done, 700))")
    raise AssertionError("the page does not come to rest")


def _step(tab: Any, draw: random.Random) -> str:
    act = draw.choice(("edit", "edit", "page", "back", "forward", "reload"))
    if act == "edit":
        keys = [k for k in _EDITS if tab.locator(f".st-key-{k} input").count()]
        visible = [k for k in keys if tab.locator(f".st-key-{k} input").first.is_visible()]
        if visible:
            key = draw.choice(visible)
            field = tab.locator(f".st-key-{key} input").first
            field.fill(draw.choice(_EDITS[key]))
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


def test_a_walk(browser: Any, served: str) -> None:
    """Each step's address opened anew shows the same."""
    draw = random.Random(15)
    context, other = browser.new_context(), browser.new_context()
    tab, fresh = context.new_page(), other.new_page()
    for page in (tab, fresh):
        page.set_default_timeout(45_000)
    tab.goto(served)
    _shows(tab)
    done: list[str] = []
    for _ in range(STEPS):
        act = _step(tab, draw)
        walked = _shows(tab)
        done.append(f"{act} {tab.url.removeprefix(served)}")
        fresh.goto("about:blank")
        fresh.goto(tab.url)
        assert walked == _shows(fresh), done
    context.close()
    other.close()


@pytest.mark.parametrize(("language", "title"), [("en", "Measure · MFU Planner"), ("zh", "测量 · MFU Planner")])
def test_a_page_says_its_title_and_language(browser: Any, served: str, language: str, title: str) -> None:
    context = browser.new_context()
    tab = context.new_page()
    tab.goto(f"{served}/measure?lang={language}")
    _shows(tab)
    assert tab.title() == title
    assert tab.evaluate("document.documentElement.lang") == language
    context.close()


def test_plan_is_found_by_its_name(browser: Any, served: str) -> None:
    context = browser.new_context()
    tab = context.new_page()
    tab.goto(f"{served}/plan?devices=512")
    _shows(tab)
    assert tab.locator(".st-key-devices input").first.input_value() == "512"
    assert tab.locator(".mfu-hero .big").count()
    context.close()
