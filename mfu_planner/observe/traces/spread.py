"""One function over many ranks' files: here one by one, in processes of this machine, or on a Dask cluster.

The answer is the same on every road: each file is read on its own, and the results come back in the files' order.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from mfu_planner.errors import InputError

Result = TypeVar("Result")

_WORTH_A_POOL = 64 << 20
"""Bytes on disk from which starting processes pays for itself when nobody said how many."""
_MOST_JOBS = 1024


def spread(
    read: Callable[[str], Result], paths: Sequence[str], jobs: int, scheduler: str | None = None
) -> Iterator[Result]:
    """``read`` of every path, in order.

    Parameters
    ----------
    read
        A function that another process can import.
    jobs
        Processes, as :func:`processes` chooses them; 1 stays in this one.
    scheduler
        Address of a Dask scheduler whose workers see the same files; ``jobs`` is not used then.

    Raises
    ------
    InputError
        No scheduler answers, or the extra for Dask is not installed.
    """
    if scheduler is not None:
        yield from _on_cluster(read, paths, scheduler)
        return
    if jobs == 1:
        yield from map(read, paths)
        return
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(read, paths)


def processes(paths: Sequence[str], jobs: int | None) -> int:
    """How many processes read the files: those asked for, else one for each core where the files are large.

    Raises
    ------
    InputError
        A number that makes no sense.
    """
    if jobs is not None and not 1 <= jobs <= _MOST_JOBS:
        raise InputError("jobs", jobs, f"a number of processes, 1 to {_MOST_JOBS}")
    if "-" in paths:
        return 1
    if jobs is None:
        large = sum(Path(p).stat().st_size for p in paths if Path(p).is_file()) >= _WORTH_A_POOL
        jobs = (os.cpu_count() or 1) if large else 1
    return min(len(paths), jobs)


def _on_cluster(read: Callable[[str], Result], paths: Sequence[str], address: str) -> Iterator[Result]:
    try:
        from distributed import Client
    except ImportError:
        raise InputError("scheduler", address, "an installation with Dask: pip install 'mfu-planner[dask]'") from None
    try:
        client = Client(address, timeout="10s", set_as_default=False)
    except (OSError, ValueError, TimeoutError, AssertionError, RuntimeError) as error:  # as Dask says a bad address
        raise InputError("scheduler", address, f"the address of a Dask scheduler that answers ({error})") from None
    with client:
        yield from client.gather(client.map(read, paths, pure=False))
