"""The headers of the documented proxy: the form works under them, and no request leaves for another host."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from tabs import opened

pytestmark = pytest.mark.browser

CONF = (Path(__file__).parents[2] / "deploy" / "nginx.conf").read_text("utf-8")
HEADERS = dict(re.findall(r'add_header ([\w-]+) "?([^"\n]+?)"? always;', CONF))
STRANGE = "/layout?![x](https://evil.example/p.png)=1&tokens=%3Cimg%20src%3Dhttps%3A%2F%2Fevil.example%2Fq.png%3E"


def test_the_proxy_sets_them() -> None:
    assert {"Content-Security-Policy", "X-Frame-Options", "X-Content-Type-Options", "Referrer-Policy"} <= set(HEADERS)
    assert "frame-ancestors 'none'" in HEADERS["Content-Security-Policy"]


def test_a_strangers_link_works_under_the_policy(tab: Any, served: str) -> None:
    """Charts are drawn, nothing is refused, nothing is asked of another host."""
    refused: list[str] = []
    asked: list[str] = []
    tab.on("console", lambda m: refused.append(m.text) if "Content Security Policy" in m.text else None)
    tab.on("request", lambda r: asked.append(r.url))
    policy = HEADERS["Content-Security-Policy"].replace("wss:", "ws:")

    def add(route: Any) -> None:
        answer = route.fetch()
        kept = {k: v for k, v in answer.headers.items() if k not in ("content-encoding", "content-length")}
        route.fulfill(response=answer, headers={**kept, "content-security-policy": policy})

    tab.route(lambda url: url.startswith(served) and "_stcore" not in url and "/static/" not in url, add)
    opened(tab, served + STRANGE)
    tab.wait_for_selector(".vega-embed")
    assert refused == []
    own = (served, served.replace("http", "ws"), "data:", "blob:")
    assert [url for url in asked if not url.startswith(own)] == []
    tab.unroute_all(behavior="ignoreErrors")
