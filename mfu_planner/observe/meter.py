"""A meter for a training loop of one's own: MFU at every step, the loader's wait, and a file that ``log`` reads.

Needs neither torch nor numpy; a step costs a few microseconds.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

from mfu_planner.errors import InputError
from mfu_planner.run import solve

if TYPE_CHECKING:
    from mfu_planner.observe.watch.exports import Exports
    from mfu_planner.observe.watch.look import Look

_RANKS = ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "JAX_PROCESS_INDEX")
_FLUSH_EVERY_S = 1.0
_SCHEMA = 1


class Meter:
    """Counts tokens against the clock and the hardware's peak.

    Parameters
    ----------
    flops_per_token
        Model FLOPs of one token, forward and backward; or give ``model``/``config`` (and ``seq_len``, ``convention``).
    peak
        Peak FLOP/s of one device, a number or ``"989 TFLOP/s"``; or give ``hardware`` (and ``dtype``).
    devices
        Devices of the whole job.
    path
        Where to write JSON lines (``mfu-planner log`` reads them back).  Only rank 0 writes, unless ``every_rank``
        (then the rank is appended to the name).
    rank
        This process; by default what the launcher put into the environment, else 0.
    warmup
        First steps that the averages leave out.
    prometheus, textfile, opentelemetry
        Where rank 0 also sends its numbers (:mod:`mfu_planner.observe.watch.exports`), as the job ``name``:
        ``":9464"`` serves them on this machine, ``"FILE.prom"`` is for the node exporter.

    Examples
    --------
    >>> meter = Meter(flops_per_token=6 * 8e9, peak=989.4e12, devices=64)  # doctest: +SKIP
    >>> for batch in loader:  # doctest: +SKIP
    ...     train(batch)
    ...     mfu = meter.step(tokens=batch_tokens)
    """

    def __init__(
        self,
        *,
        flops_per_token: float | None = None,
        peak: float | str | None = None,
        devices: int = 1,
        path: str | os.PathLike[str] | None = None,
        rank: int | None = None,
        every_rank: bool = False,
        warmup: int = 1,
        clock: Callable[[], float] = time.perf_counter,
        name: str = "training",
        prometheus: str | None = None,
        textfile: str | None = None,
        opentelemetry: bool = False,
        **described: Any,
    ) -> None:
        if devices < 1:
            raise InputError("devices", devices, "at least 1")
        self.devices = devices
        self.flops_per_token, self.peak_flops_per_s = _work_and_peak(flops_per_token, peak, described)
        self.rank = _rank() if rank is None else rank
        self.warmup = warmup
        self.steps = 0
        self.tokens = 0.0
        self.step_time_s: float | None = None
        self._clock = clock
        held = {"flops_per_token": self.flops_per_token, "peak_flops_per_s": self.peak_flops_per_s, "devices": devices}
        self._mfu_of_one: float = solve({**held, "tokens_per_s": 1.0}, ["mfu"])["mfu"]
        self._waited = 0.0
        self._steady_s = self._steady_wait_s = self._steady_tokens = 0.0
        self._file: IO[str] | None = None
        if path is not None and (self.rank == 0 or every_rank):
            self._open(Path(path), with_rank=every_rank and self.rank != 0)
        self._exports: Exports | None = None
        if self.rank == 0 and (prometheus or textfile or opentelemetry):
            from mfu_planner.observe.watch.exports import Exports

            self._exports = Exports(
                lambda: {name: self._look()}, prometheus=prometheus, textfile=textfile, opentelemetry=opentelemetry
            )
        self._mark = self._flushed = clock()

    def step(self, tokens: float) -> float:
        """End a step in which the whole job trained on ``tokens``; its MFU as a fraction.

        The step is the time since the last call (or since the meter was made), the loader's wait included.
        """
        now = self._clock()
        seconds = now - self._mark
        self._mark = now
        waited, self._waited = self._waited, 0.0
        self.steps += 1
        self.tokens += tokens
        self.step_time_s = seconds
        mfu = tokens * self._mfu_of_one / seconds if seconds > 0 else 0.0
        if self.steps > self.warmup:
            self._steady_s += seconds
            self._steady_wait_s += waited
            self._steady_tokens += tokens
        if self._file is not None:
            self._file.write(
                f'{{"step":{self.steps},"step_time_s":{seconds:.9g},"data_time_s":{waited:.9g},"tokens_per_step":{tokens:.17g},'
                f'"total_tokens":{self.tokens:.17g},"mfu":{mfu:.6g},"timestamp":{time.time():.6f}}}\n'
            )
        if now - self._flushed > _FLUSH_EVERY_S:
            self._flushed = now
            self._flush()
        return mfu

    def _flush(self) -> None:
        if self._file is not None:
            self._file.flush()
        if self._exports is not None:
            self._exports.write()

    def _look(self) -> Look:
        """The meter's numbers as a look at a job."""
        from mfu_planner.observe.watch.look import Look

        return Look(
            step=self.steps,
            tokens=self.tokens,
            step_time_s=self.step_time_s,
            recent_step_time_s=self.step_time_s,
            tokens_per_s=self.tokens_per_s,
            mfu=self.mfu,
            peak_flops_per_s=self.peak_flops_per_s * self.devices,
            model_flops=self.tokens * self.flops_per_token,
        )

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Around the fetch of the next batch: the time inside counts as waiting for data."""
        start = self._clock()
        try:
            yield
        finally:
            self._waited += self._clock() - start

    def waited(self, seconds: float) -> None:
        """Add waiting time that was measured elsewhere."""
        self._waited += max(seconds, 0.0)

    def restart(self) -> None:
        """Forget the time since the last step: after an evaluation or a checkpoint."""
        self._mark = self._clock()
        self._waited = 0.0

    @property
    def tokens_per_s(self) -> float | None:
        """Tokens per second of the whole job since the warm-up; ``None`` before."""
        return self._steady_tokens / self._steady_s if self._steady_s > 0 else None

    @property
    def mfu(self) -> float | None:
        """MFU since the warm-up, as a fraction; ``None`` before."""
        rate = self.tokens_per_s
        return None if rate is None else rate * self._mfu_of_one

    @property
    def data_wait_share(self) -> float | None:
        """Share of the time since the warm-up that the loop waited for data."""
        return self._steady_wait_s / self._steady_s if self._steady_s > 0 else None

    def close(self) -> None:
        """Close the file, if one is written, and end what is served."""
        if self._exports is not None:
            self._exports.close()
            self._exports = None
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Meter:
        """The meter itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()

    def _open(self, path: Path, *, with_rank: bool) -> None:
        if with_rank:
            path = path.with_name(f"{path.stem}.rank{self.rank}{path.suffix}")
        try:
            self._file = path.open("a", encoding="utf-8")
        except OSError as error:
            raise InputError("path", str(path), f"a file that can be written ({error.strerror})") from None
        head = {
            "mfu_planner_meter": _SCHEMA,
            "devices": self.devices,
            "flops_per_token": self.flops_per_token,
            "peak_flops_per_s": self.peak_flops_per_s,
            "rank": self.rank,
        }
        self._file.write(json.dumps(head) + "\n")


def _rank() -> int:
    for name in _RANKS:
        value = os.environ.get(name, "")
        if value.isdigit():
            return int(value)
    return 0


def _work_and_peak(work: float | None, peak: float | str | None, described: dict[str, Any]) -> tuple[float, float]:
    """FLOPs per token and peak, each given or looked up by the planner."""
    if work is not None and isinstance(peak, int | float):
        if described:
            raise InputError("meter", ", ".join(described), "flops_per_token and peak alone, or a model and hardware")
        found, rate = float(work), float(peak)
    else:
        from mfu_planner.answers.measure import measure

        if work is not None:
            result = measure(**described, peak=peak, flops_per_second_per_device=1.0)
            found, rate = float(work), result.peak_flops_per_s
        else:
            result = measure(**described, peak=peak, tokens_per_second_per_device=1.0)
            if result.flops_per_token is None:
                raise InputError("model", None, "a model, or flops_per_token")
            found, rate = float(result.flops_per_token), result.peak_flops_per_s
    for name, value in (("flops_per_token", found), ("peak", rate)):
        if not value > 0:
            raise InputError(name, value, "a positive number")
    return found, rate
