"""What all tests share: rows within one item, samples, and what must run, not be skipped, where ``CI=true``.

``@pytest.mark.each("row", ROWS)`` runs a test for every row within one item: thousands of items cost a minute.  Rows
that take long to read are a function, which is called when the test is run.
``@pytest.mark.sampled(7)`` keeps every seventh row, or parameter, of a test, ``sampled(kind=f)`` the first row of each
``f(row)``; ``make proof`` runs the whole of them.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("by no clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("by no clock")  # a busy machine is no failure

os.environ.setdefault("OMP_NUM_THREADS", "1")  # small tensors: a worker for each core is enough
WHOLE = "MFU_PLANNER_WHOLE" in os.environ
_MUST_RUN = ("browser", "golden", "extra")
_SHARED = {
    "browser": "browser",
    "golden": "torch",
    "extra": "torch",
    "on_file": "back-test",
    "wheel": "wheel",
    "site": "site",
}
"""Marker or fixture → the group of tests that one worker runs, so that Chromium and the served form, torch, the
back-tests of all published runs, the wheel and the site are there once."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip of such a test into a failure where ``CI=true``."""
    report = yield
    must_run = any(item.get_closest_marker(name) for name in _MUST_RUN)
    if report.skipped and must_run and os.environ.get("CI") == "true" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where it must run: {report.longrepr}"
    return report


def _rows(values: Iterable[Any], node: pytest.Item) -> list[Any]:
    """Those that are asked for today."""
    mark, rows = node.get_closest_marker("sampled"), list(values)
    if mark is None or WHOLE:
        return rows
    if mark.args:
        return rows[:: mark.args[0]]
    kind = mark.kwargs["kind"]
    return list({kind(row): row for row in reversed(rows)}.values())


@pytest.hookimpl(tryfirst=True)  # whatever shuffles them later shuffles the sample
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what the sample lacks; what shares something that is slow to start or work out is one worker's."""
    groups: dict[tuple[Any, str], list[pytest.Item]] = defaultdict(list)
    for item in items:
        groups[item.parent, getattr(item, "originalname", item.name)].append(item)
    kept = {id(item) for group in groups.values() for item in _rows(group, group[0])}
    items[:] = [item for item in items if id(item) in kept]
    for item in items:
        shared = next((group for name, group in _SHARED.items() if _needs(item, name)), None)
        if shared is not None:
            item.add_marker(pytest.mark.xdist_group(shared))
    items.sort(key=_place)


def _needs(item: pytest.Item, name: str) -> bool:
    return item.get_closest_marker(name) is not None or name in getattr(item, "fixturenames", ())


def _place(item: pytest.Item) -> int:
    """The longest first, what is small and of no group last: the workers end together."""
    order = ("browser", "torch")
    group = item.get_closest_marker("xdist_group")
    name = group and group.args[0]
    return order.index(name) if name in order else len(order) + (group is None)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The arguments of ``each`` are known, their values put in when the test is run."""
    for mark in metafunc.definition.iter_markers("each"):
        names = mark.args[0].split(", ")
        metafunc.parametrize(names, [[()] * len(names)], ids=["each"])


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test marked ``each`` for every value; the first that fails is named."""
    mark = pyfuncitem.get_closest_marker("each")
    if mark is None:
        return None
    rows = mark.args[1]() if callable(mark.args[1]) else mark.args[1]
    names, values = mark.args[0].split(", "), _rows(rows, pyfuncitem)
    assert values
    given = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}
    for value in values:
        try:
            pyfuncitem.obj(**given | dict(zip(names, value if len(names) > 1 else [value], strict=True)))
        except Exception as error:
            error.add_note(f"{mark.args[0]} = {str(value)[:300]}")
            raise
    return True


@pytest.fixture(scope="session")
def on_file() -> Callable[[str], Any]:
    """``on_file("step-time")``: the back-test of all that is on file, worked out once."""
    from mfu_planner.backtesting import backtest

    return functools.cache(backtest)


@pytest.fixture
def sample(request: pytest.FixtureRequest) -> Callable[[Iterable[Any]], list[Any]]:
    """The rows of a test marked ``sampled`` that are asked for today."""
    return lambda values: _rows(values, request.node)


def pytest_configure(config: Any) -> None:
    """Keep the user's own specs out of the tests."""
    del config
    os.environ.pop("MFU_PLANNER_SPECS", None)
