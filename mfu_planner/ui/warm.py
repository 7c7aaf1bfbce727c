"""Heavy imports done in the background when the server starts, so that the first visitor does not wait for them."""

from __future__ import annotations

import gc
import threading
from functools import cache
from importlib import import_module

_HEAVY = ("pandas", "pyarrow", "sympy", "mfu_planner.ui.main")
_PAGES = ("plan", "measure", "diagnose", "layout", "hardware", "models", "compare", "accuracy", "learn")


@cache
def warm() -> threading.Thread:
    """Start, once for each server process."""
    thread = threading.Thread(target=_load, name="warm", daemon=True)
    thread.start()
    return thread


def _load() -> None:
    for name in (*_HEAVY, *(f"mfu_planner.ui.pages.{page}" for page in _PAGES)):
        import_module(name)
    from mfu_planner import plan, predict

    plan(model="llama-3.1-405b", hardware="h100-sxm", devices=8, tokens="1T", mfu="40%")
    predict(model="llama-3.1-405b", hardware="h100-sxm", devices=128, tp=8, pp=16, global_batch=128)
    gc.collect()
    gc.freeze()  # Streamlit collects all generations after every run: what lives as long as the server is not looked at
