"""Heavy imports done in the background when the server starts, so that the first visitor does not wait for them."""

from __future__ import annotations

import threading
from functools import cache
from importlib import import_module


@cache
def warm() -> threading.Thread:
    """Start, once for each server process."""
    thread = threading.Thread(target=_load, name="warm", daemon=True)
    thread.start()
    return thread


def _load() -> None:
    for name in ("pandas", "sympy"):  # Streamlit's charts; the derivation
        import_module(name)

    from mfu_planner import plan

    plan(model="llama-3.1-405b", hardware="h100-sxm", devices=8, tokens="1T", mfu="40%")
