"""``watch``: look at running jobs again and again until they end, or the user does."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from mfu_planner.errors import InputError
from mfu_planner.observe.watch.exports import MOST_JOBS, Exports
from mfu_planner.observe.watch.look import Look, look
from mfu_planner.observe.watch.tail import Followed, Kept

_LOGS = (".log", ".txt", ".out", ".err", ".jsonl", ".csv")


class Watched(Protocol):
    """Something whose log grows."""

    kept: Kept

    def refresh(self) -> bool:
        """Take in what was added; whether anything was."""
        ...


@dataclass
class _Job:
    source: Watched
    grew: float
    """When it last did."""


@dataclass(frozen=True)
class _Pace:
    every_s: float
    rounds: int | None
    clock: Callable[[], float]
    sleep: Callable[[float], None]


class Child:
    """A command whose output is passed on and kept."""

    def __init__(self, command: Sequence[str], shown: IO[bytes]) -> None:
        self.kept = Kept()
        self._seen = 0
        self._lock = threading.Lock()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the user's own command
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0
            )
        except OSError as error:
            raise InputError("command", command[0], f"a program that can be started ({error.strerror})") from None
        self._reader = threading.Thread(target=self._read, args=(shown,), daemon=True)
        self._reader.start()

    def _read(self, shown: IO[bytes]) -> None:
        assert self._process.stdout is not None
        while data := self._process.stdout.read(1 << 16):
            shown.write(data)
            shown.flush()
            with self._lock:
                self.kept.add(data)

    def refresh(self) -> bool:
        """Whether it wrote anything since the last call."""
        with self._lock:
            before, self._seen = self._seen, self.kept.size
        return self._seen > before

    def status(self, wait_s: float = 0.0) -> int | None:
        """The exit status, waited for at most that long; None while the command runs."""
        try:
            found = self._process.wait(wait_s)
        except subprocess.TimeoutExpired:
            return None
        self._reader.join()
        if self._process.stdout is not None:
            self._process.stdout.close()
        return found


def watch(
    files: Sequence[str] = (),
    *,
    command: Sequence[str] = (),
    every_s: float = 60.0,
    rounds: int | None = None,
    predicted_mfu: float | None = None,
    address: str | None = None,
    textfile: str | None = None,
    opentelemetry: bool = False,
    shown: Callable[[str, Look], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    **flags: Any,
) -> int:
    """Watch logs that grow, every log of a folder, or the output of a command.

    Parameters
    ----------
    files
        Log files and folders.
    command
        A command to run and watch; its output is passed on.
    every_s
        Seconds between looks.
    rounds
        Looks before it ends; None: until the command ends, or for ever.
    predicted_mfu
        What the layout should reach (``mfu-planner predict``), as a fraction.
    address, textfile, opentelemetry
        Where the numbers go besides (:mod:`.exports`).
    shown
        Called with job and look whenever a job wrote something or an alarm is raised.
    **flags
        Those of :func:`mfu_planner.read_log`.

    Returns
    -------
    int
        The command's exit status, else 0.

    Raises
    ------
    InputError
        Nothing to watch, a file that cannot be read, a flag that makes no sense.
    """
    if bool(files) == bool(command):
        raise InputError("FILE", "both" if files else "nothing", "log files or folders, or a command after --")
    if not every_s > 0:
        raise InputError("every", every_s, "a time above zero, such as 1m")
    looks: dict[str, Look] = {}
    exports = Exports(looks.copy, prometheus=address, textfile=textfile, opentelemetry=opentelemetry)
    with closing(exports):
        pace = _Pace(every_s, rounds, clock, sleep)
        return _turns(files, command, looks, pace, flags, predicted_mfu, shown, exports.write)


def _turns(
    files: Sequence[str],
    command: Sequence[str],
    looks: dict[str, Look],
    pace: _Pace,
    flags: dict[str, Any],
    predicted_mfu: float | None,
    shown: Callable[[str, Look], None] | None,
    turned: Callable[[], None],
) -> int:
    """Look at every job in turn until they end; the command's exit status."""
    child = Child(command, sys.stdout.buffer) if command else None
    jobs: dict[str, _Job] = {" ".join(command)[:80]: _Job(child, pace.clock())} if child else {}
    turn = 0
    while pace.rounds is None or turn < pace.rounds:
        turn += 1
        status = child.status(pace.every_s if turn > 1 else min(pace.every_s, 1.0)) if child else None
        for name, path in _found(files).items():
            jobs.setdefault(name, _Job(Followed(path), pace.clock()))
        for name, job in jobs.items():
            grew = job.source.refresh()
            job.grew = pace.clock() if grew else job.grew
            before = looks.get(name)
            looks[name] = look(job.source.kept, flags, predicted_mfu, pace.clock() - job.grew)
            if shown is not None and (grew or before is None or looks[name].alarms != before.alarms):
                shown(name, looks[name])
        turned()
        if status is not None:
            return status
        if child is None and turn != pace.rounds:
            pace.sleep(pace.every_s)
    return 0


def _found(files: Sequence[str]) -> dict[str, Path]:
    """Job name → log, the folders' logs among them; names are no longer than they must be to differ."""
    paths: list[Path] = []
    for entry in map(Path, files):
        if entry.is_dir():
            paths += sorted(p for p in entry.iterdir() if p.is_file() and p.suffix in _LOGS)
        else:
            paths.append(entry)
    if len(paths) > MOST_JOBS:
        raise InputError("FILE", f"{len(paths):,} logs", f"at most {MOST_JOBS:,}")
    names = [p.name for p in paths]
    return {p.name if names.count(p.name) == 1 else str(p): p for p in paths}
