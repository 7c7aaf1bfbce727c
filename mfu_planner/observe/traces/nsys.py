"""SQLite exports of NVIDIA Nsight Systems (``nsys export --type sqlite``) as events of the torch profiler.

Times of the export are nanoseconds; names are numbers that point into its table of strings [1]_.

References
----------
.. [1] NVIDIA, *Nsight Systems User Guide*, "Exporter's SQLite schema reference",
   https://docs.nvidia.com/nsight-systems/UserGuide/index.html
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from mfu_planner.errors import InputError
from mfu_planner.facts import open_file

MAGIC = b"SQLite format 3\x00"
_MICRO = 1e-3
"""Microseconds in a nanosecond."""
_DIRECTIONS = {1: "HtoD", 2: "DtoH", 3: "HtoA", 4: "AtoH", 6: "AtoD", 7: "DtoA", 8: "DtoD", 10: "PtoP"}
"""``CUpti_ActivityMemcpyKind``."""
_STEP = re.compile(r"(?i)^(?:profilerstep|(?:train(?:ing)?[ _-]?)?(?:step|iteration|iter))[ _#:=-]*(\d{1,9})$")
_KERNEL = "CUPTI_ACTIVITY_KIND_KERNEL"
_QUERIES = {
    "kernel": f"SELECT k.start, k.end, k.deviceId, k.streamId, k.correlationId, s.value FROM {_KERNEL} k "  # noqa: S608 - a constant
    "LEFT JOIN StringIds s ON s.id = k.demangledName",
    "gpu_memcpy": "SELECT start, end, deviceId, streamId, correlationId, copyKind FROM CUPTI_ACTIVITY_KIND_MEMCPY",
    "gpu_memset": "SELECT start, end, deviceId, streamId, correlationId, 'Memset' FROM CUPTI_ACTIVITY_KIND_MEMSET",
    "cuda_runtime": "SELECT r.start, r.end, r.globalTid, 0, r.correlationId, s.value "
    "FROM CUPTI_ACTIVITY_KIND_RUNTIME r LEFT JOIN StringIds s ON s.id = r.nameId",
    "user_annotation": "SELECT n.start, n.end, n.globalTid, 0, -1, coalesce(n.text, s.value) FROM NVTX_EVENTS n "
    "LEFT JOIN StringIds s ON s.id = n.textId WHERE n.end IS NOT NULL",
}


def is_export(path: str) -> bool:
    """Whether a file is a SQLite database, by its first bytes."""
    if path == "-":
        return False
    with open_file(path, "file", "a readable trace file") as file:
        return file.read(len(MAGIC)) == MAGIC


class NsysScanner:
    """The activities, host calls and ranges of one export, with what a scanner of traces says of its file.

    Attributes
    ----------
    metadata : dict
        ``deviceProperties``: number and name of each device.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.metadata: dict[str, Any] = {}
        self.unread: Counter[str] = Counter()
        self.skipped, self.truncated = 0, False

    def events(self) -> Iterator[dict[str, Any]]:
        """Every event, kind after kind.

        Raises
        ------
        InputError
            A database without the tables of a CUDA trace, or a damaged one.
        """
        try:
            with closing(
                sqlite3.connect(f"{Path(self.path).absolute().as_uri()}?mode=ro&immutable=1", uri=True)
            ) as held:
                tables = {name for (name,) in held.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
                if _KERNEL not in tables or "StringIds" not in tables:
                    raise InputError(
                        "file",
                        self.path,
                        "an export of Nsight Systems with CUDA activity (nsys profile --trace=cuda,nvtx)",
                    )
                if "TARGET_INFO_GPU" in tables:
                    rows = held.execute("SELECT id, name FROM TARGET_INFO_GPU")
                    self.metadata["deviceProperties"] = [{"id": number, "name": name} for number, name in rows]
                for category, query in _QUERIES.items():
                    if (re.search(r"FROM (\w+)", query) or [""])[1] in tables:
                        yield from map(_event(category), held.execute(query))
        except sqlite3.Error as error:
            raise InputError("file", self.path, f"a readable SQLite export of Nsight Systems ({error})") from None


def _event(category: str) -> Callable[[tuple[Any, ...]], dict[str, Any]]:
    """What makes an event of that category out of a row."""

    def made(row: tuple[Any, ...]) -> dict[str, Any]:
        start, end, place, stream, correlation, name = row
        if category == "gpu_memcpy":
            name = f"Memcpy {_DIRECTIONS.get(name, 'other')}"
        elif category == "user_annotation" and (found := _STEP.match(str(name).strip())):
            name = f"ProfilerStep#{found[1]}"
        elif category == "cuda_runtime":
            name = re.sub(r"_v\d+$", "", str(name))
        return {
            "ph": "X",
            "cat": category,
            "name": str(name),
            "ts": start * _MICRO,
            "dur": (end - start) * _MICRO,
            "pid": place,
            "tid": place,
            "args": {"device": place, "stream": stream, "correlation": correlation},
        }

    return made
