"""The served form in headless Chromium: pages, flows from the first click to the download, both languages."""

from __future__ import annotations

import gzip
import json
import urllib.request
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner
from tabs import drawn, opened, profile

from mfu_planner.cli.main import group
from mfu_planner.report.human import show

pytestmark = pytest.mark.browser

_BIG = ".mfu-hero .big"


def _open(tab: Any, address: str) -> str:
    opened(tab, address)
    return str(tab.locator(_BIG).first.inner_text())


def _type(tab: Any, key: str, text: str) -> None:
    field = tab.locator(f".st-key-{key} input")
    field.fill(text)
    field.press("Enter")


def _query(tab: Any) -> dict[str, list[str]]:
    return parse_qs(urlsplit(tab.url).query)


def _await_key(tab: Any, key: str, value: str) -> None:
    tab.wait_for_url(lambda url: parse_qs(urlsplit(url).query).get(key) == [value])


def test_a_plan_by_its_link(tab: Any, served: str) -> None:
    """The address is the whole state; a change answers at once; what is wrong is said beside its field and mended."""
    flags = {"model": "llama-3.1-70b", "hardware": "h200", "devices": "1024", "tokens": "5T", "mfu": "38%"}
    query = "&".join(f"{k}={v.replace('%', '%25')}" for k, v in flags.items())
    shown = _open(tab, f"{served}/plan?{query}")
    words = [part for k, v in flags.items() for part in (f"--{k}", v)]
    said = CliRunner().invoke(group, ["plan", *words, "--json"], catch_exceptions=False)
    answer = json.loads(said.stdout)
    for text in (show(answer["training_time_s"], "time", 3), show(answer["cost_usd"], "usd", 3)):
        assert text in shown
    exact = [e.get_attribute("title") for e in tab.locator(f"{_BIG} [title]").all()]
    assert f"{answer['training_time_s']:,.0f} s" in exact

    _type(tab, "mfu", "30%")
    tab.wait_for_function("before => document.querySelector('.mfu-hero .big').innerText !== before", arg=shown)
    _await_key(tab, "mfu", "30%")

    _type(tab, "budget", "3 parsecs")
    tab.wait_for_selector("[role=alert].mfu-wrong:has-text('parsecs')")
    described = tab.locator(".st-key-budget input[aria-describedby=wrong-budget][aria-invalid=true]")
    described.wait_for(state="attached")  # what a screen reader says of the field
    _type(tab, "budget", "$900M")
    tab.wait_for_selector(".mfu-wrong", state="detached")
    tab.wait_for_selector(_BIG)


def test_what_is_taken_from_the_page(tab: Any, served: str) -> None:
    """plan.yaml, JSON, CSV, Markdown and the charts as SVG; then the page in Chinese, by its switch."""
    _open(tab, f"{served}/")
    tab.get_by_text("Take it with you").click()
    for name in ("plan.yaml", "JSON", "CSV", "Markdown"):
        with tab.expect_download() as waiting:
            tab.get_by_role("button", name=name).click()
        assert waiting.value.path().stat().st_size > 50
    with tab.expect_download() as waiting:
        tab.get_by_role("button", name="Charts as SVG").click()
    assert waiting.value.path().read_text("utf-8").startswith("<svg")

    assert tab.evaluate("document.documentElement.lang") == "en"
    tab.get_by_text("中文").click()
    tab.wait_for_selector("h1:has-text('规划')")
    _await_key(tab, "lang", "zh")


UPLOADS = [
    ("noise.bin", bytes(range(256)) * 400, "no line"),
    ("a.zip", b"PK\x03\x04" + bytes(500), "zip archive"),
    ("<script>alert(1)</script>.log", b"nothing here\n" * 9, "no line"),
]
_LINE = "step: {i}  loss: 9.07  memory: 30.91GiB(32.53%)  tps: 7,6{i:02d}  tflops: 443.78  mfu: 44.87%\n"


def test_dropped_files(tab: Any, served: str) -> None:
    """Hostile ones are refused in words, one after the other; from a compressed log to its MFU after them."""

    def drop(name: str, data: bytes) -> None:
        held = {"name": name, "mimeType": "text/plain", "buffer": data}
        tab.locator(".st-key-log_file input[type=file]").set_input_files(held)

    opened(tab, f"{served}/measure?observed=log&model=llama-3.1-8b")
    for name, data, said in [("bomb.gz", gzip.compress(bytes(300 << 20), 1), "once unpacked"), *UPLOADS]:
        drop(name, data)
        tab.wait_for_selector(f"[data-testid=stAlert]:has-text('{said}')")
    drop("train.log.gz", gzip.compress("".join(_LINE.format(i=i) for i in range(1, 60)).encode()))
    tab.wait_for_selector(".mfu-hero .said:has-text('torchtitan')")


def test_fields_and_scenarios_go_along(tab: Any, served: str) -> None:
    """Kept on Plan, shown on Compare; the model goes along to Models; a link opens the same elsewhere, in Chinese."""
    _open(tab, f"{served}/?model=llama-3.1-8b&devices=256")
    tab.get_by_role("button", name="Keep to compare").click()
    tab.wait_for_selector("button:has-text('Keep to compare (1)')")
    tab.get_by_role("link", name="Models", exact=True).click()
    tab.wait_for_selector(f"{_BIG}:has-text('8.03B')")
    drawn(tab)
    assert tab.title() == "Models · MFU Planner"
    assert _query(tab)["model"] == ["llama-3.1-8b"]
    tab.get_by_role("link", name="Compare", exact=True).click()
    tab.wait_for_selector(".mfu-table:has-text('training time')")
    tab.wait_for_url("**/compare?*s=*")
    other = profile(tab.context.browser)
    fresh = other.new_page()
    opened(fresh, f"{tab.url}&lang=zh")
    fresh.wait_for_selector(".mfu-table:has-text('llama-3.1-8b')")
    assert fresh.title() == "比较 · MFU Planner"
    assert fresh.evaluate("document.documentElement.lang") == "zh"
    other.close()


def test_no_file_of_the_server_is_readable(served: str) -> None:
    """Neither beside the app nor above it."""
    for path in ("/app.py", "/static/../app.py", "/..%2f..%2fetc/passwd", "/app/static/app.py", "/media/../app.py"):
        try:
            with urllib.request.urlopen(f"{served}{path}", timeout=60) as answer:
                body = answer.read()
        except OSError:
            continue
        assert b"root:" not in body
        assert b"mfu_planner.ui" not in body
