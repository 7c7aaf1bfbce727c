"""What all tests share: in CI, tests that need a browser, torch or an extra must run, not be skipped."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest

_MUST_RUN = ("browser", "golden", "extra")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip of such a test into a failure where ``CI=true``."""
    report = yield
    must_run = any(item.get_closest_marker(name) for name in _MUST_RUN)
    if report.skipped and must_run and os.environ.get("CI") == "true" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where it must run: {report.longrepr}"
    return report


def pytest_configure(config: Any) -> None:
    """Keep the user's own specs out of the tests."""
    del config
    os.environ.pop("MFU_PLANNER_SPECS", None)
