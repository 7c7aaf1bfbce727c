"""The served form in headless Chromium: pages, flows from the first click to the download, both languages."""

from __future__ import annotations

import gzip
import json
import time
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner

from mfu_planner.cli.main import group
from mfu_planner.report.human import show

pytestmark = pytest.mark.browser

PAGES = ("", "measure", "diagnose", "layout", "hardware", "models", "compare", "accuracy", "learn")
_SOON = 45_000
_BIG = ".mfu-hero .big"


@pytest.fixture
def tab(browser: Any) -> Iterator[Any]:
    """A fresh browser: no cookies, no memory of other tests."""
    context = browser.new_context(accept_downloads=True)
    opened = context.new_page()
    opened.set_default_timeout(_SOON)
    yield opened
    context.close()


def _open(tab: Any, address: str) -> str:
    tab.goto(address)
    tab.wait_for_selector(_BIG)
    return str(tab.locator(_BIG).first.inner_text())


def _type(tab: Any, key: str, text: str) -> None:
    field = tab.locator(f".st-key-{key} input")
    field.fill(text)
    field.press("Enter")


def _query(tab: Any) -> dict[str, list[str]]:
    return parse_qs(urlsplit(tab.url).query)


def _await_key(tab: Any, key: str, value: str) -> None:
    tab.wait_for_url(lambda url: parse_qs(urlsplit(url).query).get(key) == [value])


@pytest.mark.parametrize("path", PAGES)
def test_page_opens(tab: Any, served: str, path: str) -> None:
    """Each page shows its title and nothing broken, and the browser logs no error."""
    wrong: list[str] = []
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.goto(f"{served}/{path}")
    tab.wait_for_selector("h1")
    tab.wait_for_selector("[data-testid=stStatusWidget]", state="detached")
    assert tab.locator("[data-testid=stException]").count() == 0
    assert not wrong


def test_change_of_a_field_changes_result_and_address(tab: Any, served: str, record_property: Any) -> None:
    """At once, without a button; the times of the first page and of the change are logged."""
    start = time.perf_counter()
    before = _open(tab, f"{served}/")
    first = time.perf_counter() - start
    start = time.perf_counter()
    _type(tab, "mfu", "30%")
    tab.wait_for_function("before => document.querySelector('.mfu-hero .big').innerText !== before", arg=before)
    change = time.perf_counter() - start
    _await_key(tab, "mfu", "30%")
    record_property("first_page_s", round(first, 3))
    record_property("change_s", round(change, 3))
    print(f"\nfirst page {first:.2f} s, change {change:.2f} s")


def test_link_in_a_fresh_browser_gives_the_numbers_of_the_command_line(tab: Any, served: str) -> None:
    """The address is the whole state."""
    flags = {"model": "llama-3.1-70b", "hardware": "h200", "devices": "1024", "tokens": "5T", "mfu": "38%"}
    query = "&".join(f"{k}={v.replace('%', '%25')}" for k, v in flags.items())
    shown = _open(tab, f"{served}/?{query}")
    words = [part for k, v in flags.items() for part in (f"--{k}", v)]
    said = CliRunner().invoke(group, ["plan", *words, "--json"], catch_exceptions=False)
    answer = json.loads(said.stdout)
    for text in (show(answer["training_time_s"], "time", 3), show(answer["cost_usd"], "usd", 3)):
        assert text in shown
    exact = [e.get_attribute("title") for e in tab.locator(f"{_BIG} [title]").all()]
    assert f"{answer['training_time_s']:,.0f} s" in exact


def test_fields_go_along_to_another_page(tab: Any, served: str) -> None:
    """The model chosen on one page is the model of the next."""
    _open(tab, f"{served}/?model=llama-3.1-8b")
    tab.get_by_role("link", name="Models", exact=True).click()
    tab.wait_for_selector("h1:has-text('Models')")
    tab.wait_for_selector(f"{_BIG}:has-text('8.03B')")
    assert _query(tab)["model"] == ["llama-3.1-8b"]


def test_error_stands_beside_the_field(tab: Any, served: str) -> None:
    """In words, and it goes when the field is mended."""
    _open(tab, f"{served}/")
    _type(tab, "budget", "3 parsecs")
    tab.wait_for_selector("[role=alert].mfu-wrong:has-text('parsecs')")
    _type(tab, "budget", "$900M")
    tab.wait_for_selector(".mfu-wrong", state="detached")
    tab.wait_for_selector(_BIG)


def test_downloads(tab: Any, served: str) -> None:
    """plan.yaml, JSON, CSV, Markdown and the charts as SVG."""
    _open(tab, f"{served}/")
    tab.get_by_text("Take it with you").click()
    for name in ("plan.yaml", "JSON", "CSV", "Markdown"):
        with tab.expect_download() as waiting:
            tab.get_by_role("button", name=name).click()
        assert waiting.value.path().stat().st_size > 50
    with tab.expect_download() as waiting:
        tab.get_by_role("button", name="Charts as SVG").click()
    assert waiting.value.path().read_text("utf-8").startswith("<svg")


def test_dropped_log_is_measured(tab: Any, served: str) -> None:
    """From a compressed file to MFU."""
    line = "step: {i}  loss: 9.07  memory: 30.91GiB(32.53%)  tps: 7,6{i:02d}  tflops: 443.78  mfu: 44.87%\n"
    data = gzip.compress("".join(line.format(i=i) for i in range(1, 60)).encode())
    tab.goto(f"{served}/measure?observed=log&model=llama-3.1-8b")
    tab.locator(".st-key-log_file input[type=file]").set_input_files(
        {"name": "train.log.gz", "mimeType": "application/gzip", "buffer": data}
    )
    tab.wait_for_selector(".mfu-hero .said:has-text('torchtitan')")


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("bomb.gz", gzip.compress(bytes(300 << 20), 9), "once unpacked"),
        ("a.zip", b"PK\x03\x04" + bytes(500), "zip archive"),
        ("noise.bin", bytes(range(256)) * 400, "no line"),
        ("<script>alert(1)</script>.log", b"nothing here\n" * 9, "no line"),
    ],
    ids=["bomb", "zip", "binary", "script-name"],
)
def test_hostile_upload_is_refused_in_words(tab: Any, served: str, name: str, data: bytes, said: str) -> None:
    """And the server stays alive."""
    tab.goto(f"{served}/measure?observed=log")
    tab.locator(".st-key-log_file input[type=file]").set_input_files(
        {"name": name, "mimeType": "text/plain", "buffer": data}
    )
    tab.wait_for_selector(f"[data-testid=stAlert]:has-text('{said}')")
    with urllib.request.urlopen(f"{served}/_stcore/health", timeout=5) as answer:
        assert answer.status == 200


def test_search_fills_the_form(tab: Any, served: str) -> None:
    """From the button to a table of layouts."""
    _open(tab, f"{served}/layout?model=llama-3.1-8b&devices=64&pp=1&vpp=1&tp=2&global_batch=256")
    tab.get_by_role("button", name="Search all layouts").click()
    tab.wait_for_selector("[data-testid=stDataFrame]")
    tab.wait_for_selector("text=layouts looked at")


def test_scenarios_are_kept_in_the_address(tab: Any, served: str) -> None:
    """Kept on Plan, shown on Compare, shared by its link."""
    _open(tab, f"{served}/?model=llama-3.1-8b&devices=256")
    tab.get_by_role("button", name="Keep to compare").click()
    tab.wait_for_selector("button:has-text('Keep to compare (1)')")
    tab.get_by_role("link", name="Compare", exact=True).click()
    tab.wait_for_selector(".mfu-table:has-text('training time')")
    tab.wait_for_url("**/compare?*s=*")
    link, context = tab.url, tab.context.browser.new_context()
    fresh = context.new_page()
    fresh.goto(link)
    fresh.wait_for_selector(".mfu-table:has-text('llama-3.1-8b')", timeout=_SOON)
    context.close()


def test_chinese(tab: Any, served: str) -> None:
    """The switch changes the page and the address; a link in Chinese opens in Chinese."""
    _open(tab, f"{served}/")
    tab.get_by_text("中文").click()
    tab.wait_for_selector("h1:has-text('规划')")
    _await_key(tab, "lang", "zh")
    tab.goto(f"{served}/measure?lang=zh")
    tab.wait_for_selector("h1:has-text('测量')")


def test_narrow_screen_needs_no_sideways_scrolling(tab: Any, served: str) -> None:
    """On a telephone."""
    tab.set_viewport_size({"width": 390, "height": 844})
    for path in PAGES:
        tab.goto(f"{served}/{path}")
        tab.wait_for_selector("h1")
        tab.wait_for_selector("[data-testid=stStatusWidget]", state="detached")
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert tab.evaluate(overflow) <= 1, path


def test_no_file_of_the_server_is_readable(served: str) -> None:
    """Neither beside the app nor above it."""
    for path in ("/app.py", "/static/../app.py", "/..%2f..%2fetc/passwd", "/app/static/app.py", "/media/../app.py"):
        try:
            with urllib.request.urlopen(f"{served}{path}", timeout=5) as answer:
                body = answer.read()
        except OSError:
            continue
        assert b"root:" not in body
        assert b"mfu_planner.ui" not in body
