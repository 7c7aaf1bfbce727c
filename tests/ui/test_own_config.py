"""One's own config: in the link only where its user puts it there, compressed; what is in no link is said."""

from __future__ import annotations

import base64
import json
import random
import zlib
from typing import Any

import pytest

from mfu_planner.architectures.presets import preset
from mfu_planner.errors import InputError
from mfu_planner.ui.own_config import LONGEST_IN_LINK, packed, unpacked
from mfu_planner.ui.uploads import LARGEST_CONFIG

_RUN = {"model": "own config.json", "seq_len": "8192", "tokens": "1T", "devices": "64", "mfu": "40%"}
_CONFIG = json.dumps(preset("llama-3.1-8b").config)


def _big(app: Any) -> str:
    return next(e.proto.body for e in app.get("html") if "mfu-hero" in e.proto.body)


def test_a_config_is_in_the_link_on_request_only(page: Any) -> None:
    """With it the link opens the same answer; without it neither the scenario nor the sentence claims to hold it."""
    app = page("plan", **_RUN)
    app.text_area(key="config").set_value(_CONFIG).run()
    answer = _big(app)
    assert "config" not in app.query_params
    assert any("but not the config" in caption.value for caption in app.caption)
    keep = next(b for b in app.button if b.label.startswith("Keep to compare"))
    assert keep.disabled

    app.toggle(key="config_in_link").set_value(True).run()
    told = app.query_params["config"]
    told = told[0] if isinstance(told, list) else told
    assert json.loads(unpacked(told)) == json.loads(_CONFIG)
    assert any("holds every field:" in caption.value for caption in app.caption)
    assert _big(page("plan", **_RUN, config=told)) == answer

    app.toggle(key="config_in_link").set_value(False).run()
    assert "config" not in app.query_params
    app.selectbox(key="model").set_value("llama-3.1-8b").run()
    assert _big(app) == answer, "the published config is the preset's"


def test_links_of_before_hold_the_text(page: Any) -> None:
    assert unpacked(_CONFIG) == _CONFIG
    assert not page("plan", **_RUN, config=_CONFIG).error


def test_a_config_too_long_for_a_link_says_so(page: Any) -> None:
    """Beyond what a proxy takes; the answer is there all the same."""
    app = page("plan", **_RUN)
    long = json.dumps({**preset("llama-3.1-8b").config, "note": random.Random(4).randbytes(LONGEST_IN_LINK).hex()})
    app.text_area(key="config").set_value(long).run()
    assert app.toggle(key="config_in_link").disabled
    assert any("too long for a link" in caption.value for caption in app.caption)
    assert "mfu-hero" in _big(app)


@pytest.mark.parametrize("told", ["z.", "z.!!!", packed(_CONFIG)[:-9], packed("x" * (LARGEST_CONFIG + 1))])
def test_a_damaged_link_is_refused(page: Any, told: str) -> None:
    """Cut by a mail program, or made to unpack without end."""
    with pytest.raises(InputError, match="link"):
        unpacked(told)
    assert page("plan", **_RUN, config=told).error


def test_a_link_is_short(page: Any) -> None:
    """Every preset's config fits: text of this kind shrinks to a third."""
    assert len(packed(_CONFIG)) < len(_CONFIG)
    assert zlib.decompress(base64.urlsafe_b64decode(packed("{}")[2:] + "=" * 2)) == b"{}"
