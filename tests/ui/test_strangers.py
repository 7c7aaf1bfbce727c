"""What comes from outside is shown as text: no link, no image, no markup of a stranger's in any message."""

from __future__ import annotations

from typing import Any

import pytest

from fuzz.apptest import app_of

EVIL = "![x](https://evil.example/p.png)[y](https://evil.example) <img src=https://evil.example/q.png> $z$ **b**"
QUERIES = [
    ("plan", {"model": EVIL}),
    ("plan", {"tokens": EVIL}),
    ("plan", {"budget": EVIL, "hardware": EVIL}),
    ("plan", {"model": "own config.json", "config": f'{{"model_type": "{EVIL}"}}'}),
    ("measure", {"reported_mfu": EVIL}),
    ("layout", {"stack": EVIL}),
    ("diagnose", {"framework": EVIL, "freeze": EVIL}),
    ("models", {"model": "own config.json", "config": EVIL}),
]


def markdown_of(app: Any) -> list[str]:
    """Everything that a browser would read as Markdown."""
    drawn = (*app.markdown, *app.error, *app.warning, *app.info, *app.success, *app.caption, *app.header)
    return [str(element.value) for element in drawn]


def harmless(text: str) -> bool:
    """Without what is escaped, there is nothing of the stranger's that Markdown would draw."""
    left = text.replace("\\[", "").replace("\\]", "").replace("\\!", "").replace("\\<", "").replace("\\*", "")
    return "](https://evil" not in left and "<img" not in left and "**b**" not in left


@pytest.mark.parametrize(("name", "query"), QUERIES)
def test_an_address_brings_no_markup(page: Any, name: str, query: dict[str, str]) -> None:
    app = page(name, **query)
    said = markdown_of(app)
    assert all(harmless(text) for text in said), [text for text in said if not harmless(text)]
    html = " ".join(element.proto.body for element in app.get("html"))
    assert "<img src=https://evil" not in html


def test_a_log_brings_no_markup(page: Any) -> None:
    """Neither its lines nor what is said of them."""
    text = "".join(
        f"step: {n} loss: 2.1 {EVIL} memory: 30.91GiB(32.53%) tps: 7,663 tflops: 9999 mfu: 120%\n" for n in range(9)
    )
    app = page("measure", observed="log")
    app.text_area(key="log_text").set_value(text).run()
    assert not app.exception
    assert all(harmless(said) for said in markdown_of(app))


def test_a_key_of_the_address_is_no_link() -> None:
    app = app_of("from mfu_planner.ui.main import main\nmain()\n", 600)
    app.query_params[EVIL] = "1"
    app.run()
    said = [text for text in markdown_of(app) if "evil" in text]
    assert said
    assert all(harmless(text) for text in said)
