"""What a data loader must deliver, by arithmetic: whether it can be the reason, and how many processes it needs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mfu_planner.diagnosis.knowledge import knowledge
from mfu_planner.step.case import Change

if TYPE_CHECKING:
    from mfu_planner.diagnosis.describe import Described
    from mfu_planner.diagnosis.observing import Observed

FEW = 1
"""Workers up to which loading is a suspect before anything was measured."""
RESERVE = 1.5
"""Processes over those that just keep up: samples differ."""
LIMIT = (0.8, 1.25)
"""Observed rate ÷ what the stated workers deliver, between which they are taken to be what limits the run."""
CROWDED = 0.5
"""Cores of each loader process below which the processes hold each other up, whatever arithmetic says."""
PLAUSIBLE = 0.005
"""Share of a process's time below which preparing the data cannot hold a step up."""


@dataclass(frozen=True)
class Loader:
    """Input of one device."""

    per_s: float | None
    """Work units (tokens or samples) that one device consumes a second; none where no rate is known."""
    unit: str
    one_process: float | None
    """Share of one process's time that preparing them takes; none where nothing is known."""
    workers: int | None
    cores: float
    """Cores of one process, at most 1 counted."""
    devices_per_node: float
    measured_small: bool
    samples_per_s: float | None = None
    sample_time_s: float | None = None
    sample_bytes: float | None = None
    wait_share: float | None = None
    """Measured share of a step that waits for data."""
    limited: float | None = None
    """Share of the time that the stated workers hold the step up, where the run goes just as fast as they deliver."""

    @property
    def share(self) -> float | None:
        """Of a step that loading adds: all of it without workers, what one worker cannot deliver with one."""
        if self.limited is not None:
            return self.limited
        if self.one_process is None:
            return None
        busy = self.one_process / self.cores
        return min(busy if not self.workers else max(busy - self.workers, 0.0), 1.0)

    @property
    def crowded(self) -> bool:
        """Whether several processes share a core."""
        return self.cores < CROWDED and (self.workers or 0) > FEW

    @property
    def suspect(self) -> bool:
        """Few workers, and enough to prepare for it to show."""
        if self.limited is not None or self.crowded:
            return not self.measured_small
        few = (self.workers is not None and self.workers <= FEW) or self.cores < 1
        return few and not self.ruled_out and (self.share is None or self.share > PLAUSIBLE)

    @property
    def ruled_out(self) -> bool:
        """The wait was measured and is small, or there is hardly anything to prepare."""
        return self.measured_small or (self.one_process is not None and self.one_process / self.cores < PLAUSIBLE)

    @property
    def plausible(self) -> bool:
        """Whether one process would be busy with it for a good part of the time."""
        return not self.measured_small and self.one_process is not None and self.one_process / self.cores > 0.1

    @property
    def said(self) -> str:
        """The evidence in words."""
        count = {None: "loader processes of unknown number", 0: "no loader process"}.get(
            self.workers, f"{self.workers} loader process(es)"
        )
        cores = "" if self.cores >= 1 else f", {self.cores:g} cores each"
        need = "" if self.per_s is None else f" for {_figure(self.per_s)} {self.unit}s/s a device"
        work = "" if self.one_process is None else f", {self.one_process:.0%} of one process's time"
        if self.limited is not None:
            work = f": the run goes just as fast as they deliver at {self.sample_time_s:g} s a sample"
        return f"{count}{cores}{need}{work}"

    @property
    def wanted(self) -> int:
        """Processes per device that keep up, with half as many again in reserve.

        By the measured wait where there is one: n processes that leave a share w of the step waiting deliver 1 − w of
        what is needed; none at all prepare the data in the time w, beside 1 − w of computing.
        """
        if self.wait_share:
            busy = (self.workers or self.wait_share) / (1 - self.wait_share)
        else:
            busy = 0.0 if self.one_process is None else self.one_process / self.cores
        return max(2, math.ceil(RESERVE * busy))

    @property
    def cure(self) -> Change:
        """Workers, and the rate that they must reach; as many as there are cores, where they crowd each other."""
        if self.crowded:
            cores = max(1, round((self.workers or 0) * self.cores))
            return Change(
                f"as many loader processes as cores: {cores} per device in place of {self.workers}, with prefetch and "
                "pinned memory; then more cores, or data decoded or tokenised beforehand",
                "fix-data-loading",
                risk="none known",
            )
        rates = []
        if self.per_s is not None:
            node = self.per_s * self.devices_per_node
            place = f"a node of {self.devices_per_node:g}"
            rates.append(f"{_figure(self.per_s)} {self.unit}s/s a device, {_figure(node)} {place}")
        if self.samples_per_s is not None and self.sample_bytes is not None:
            read = self.samples_per_s * self.sample_bytes / 1e6
            rates.append(f"{_figure(read)} MB/s read a device, {_figure(read * self.devices_per_node)} a node")
        how = f" ({'; '.join(rates)})" if rates else ""
        tokens = self.unit == "token"
        before = "data tokenised beforehand and memory-mapped" if tokens else "data decoded or resized beforehand"
        return Change(
            f"more loader workers: {self.wanted} per device{how}, with prefetch and pinned memory; {before}",
            "fix-data-loading",
            risk="host memory and cores",
        )


def loader_of(seen: Observed, run: Described) -> Loader:
    """What is known of a run's input."""
    answers, held = seen.answers, knowledge()["loading"]
    unit, length, node = "token", None, 8.0
    if run.bench is not None:
        unit = run.bench.request.model.work_unit
        length = run.bench.request.seq_len if unit == "token" else 1
        node = min(float(run.bench.case.machine.node_devices), float(run.bench.base.echo["devices"]))
    elif seen.given.get("seq_len"):
        length = int(seen.given["seq_len"])
    per_s = 1.0 / seen.device_s_per_token if seen.device_s_per_token else None
    samples = per_s / length if per_s and length else None
    busy = limited = None
    cores = min(answers.cores_per_loader or 1.0, 1.0)
    if per_s is not None and samples is not None and length and answers.sample_time_s is not None:
        delivered = (answers.loader_workers or 0) * cores / answers.sample_time_s
        if delivered and LIMIT[0] <= samples / delivered <= LIMIT[1] and (able := _able(run)) and able > per_s:
            limited = 1.0 - per_s / able
            per_s, samples = able, able / length
        busy = samples * answers.sample_time_s
    elif per_s is not None and unit in held["per_process"]:
        busy = per_s / float(held["per_process"][unit])
    return Loader(
        per_s=per_s,
        unit=unit,
        one_process=busy,
        workers=answers.loader_workers,
        cores=cores,
        devices_per_node=node,
        measured_small=seen.measured.loader_is_idle,
        samples_per_s=samples,
        sample_time_s=answers.sample_time_s,
        sample_bytes=answers.sample_bytes,
        wait_share=waits.share if (waits := seen.measured.parts.get("input")) else None,
        limited=limited,
    )


def _able(run: Described) -> float | None:
    """Work units that one device would consume a second without waiting, as its step is predicted."""
    return None if run.bench is None else 1.0 / run.bench.base.per_token


def _figure(value: float) -> str:
    """Three figures, without a power of ten."""
    return f"{float(f'{value:.3g}'):,.10g}"
