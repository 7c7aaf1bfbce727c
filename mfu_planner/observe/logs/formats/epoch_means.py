"""Vision trainers that print each time as ``now (mean of the epoch)``: PyTorch's ImageNet example, timm, OpenPCDet."""

from __future__ import annotations

import re
from typing import ClassVar, NamedTuple

from mfu_planner.observe.logs.formats.base import Format, register
from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.record import Record
from mfu_planner.observe.logs.text import NUMBER, number, resolution

#: A mean without its first batches is used where it is known this well …
KNOWN = 0.03
#: … and where it differs from the printed mean by more than this: the mean holds a slow start of the epoch.
HEAVY_START = 0.05


class _Point(NamedTuple):
    record: Record
    epoch: int
    batches: int
    mean: float
    half_width: float


class EpochMeans(Format):
    """Means since the start of an epoch, from which the time between two lines follows."""

    #: Batches that a line with index 0 has seen.
    seen_at_zero: ClassVar[int] = 0
    at: ClassVar[re.Pattern[str]]
    time: ClassVar[re.Pattern[str]]

    def __init__(self, log: Reading) -> None:
        super().__init__(log)
        self._points: list[_Point] = []

    def record(self, line: str) -> Record | None:
        """The record of a line, or ``None`` where it states no speed."""
        at, time = self.at.search(line), self.time.search(line)
        if at is None or time is None:
            return None
        epoch, batch, per_epoch = (int(g) for g in at.groups()[:3])
        mean = number(time["mean"])
        record = Record(step=float(epoch * per_epoch + batch), step_time_s=mean, samples_per_s=self.rate(time))
        if mean:
            self._points.append(
                _Point(record, epoch, max(batch + self.seen_at_zero, 1), mean, resolution(time["mean"]) * mean)
            )
        return record

    def rate(self, time: re.Match[str]) -> float | None:
        """Samples per second of the whole job, where the line has it."""
        del time
        return None

    def end(self) -> None:
        """Take the slow start of an epoch out of its mean, where the lines tell it finely enough."""
        points = self._points
        self.log.running |= {"step_time_s", "samples_per_s"}
        if not points:
            return
        epoch = points[-1].epoch
        same = [p for p in points if p.epoch == epoch]
        first, last = same[0], same[-1]
        between = last.batches - first.batches
        steady = None
        if between > 0:
            total = last.mean * last.batches - first.mean * first.batches
            width = last.half_width * last.batches + first.half_width * first.batches
            if total > 0 and width / total < KNOWN:
                steady = total / between
        for p in points:
            p.record.step_time_s = p.mean
        if steady is not None and abs(last.mean / steady - 1) > HEAVY_START:
            last.record.step_time_s = steady
            last.record.samples_per_s = None if not last.record.samples_per_s else (
                last.record.samples_per_s * last.mean / steady)  # fmt: skip
            self.log.note(
                "log/epoch-mean", "note",
                f"the mean of the epoch, {last.mean:.4g} s, holds its slow first batches: {steady:.4g} s without the "
                f"first {first.batches}", mean_s=last.mean, steady_s=steady,
            )  # fmt: skip
        else:
            self.log.note(
                "log/epoch-mean", "note",
                f"the time is the mean since the start of the epoch ({last.batches:,} batches)", mean_s=last.mean,
            )  # fmt: skip


_NOW_MEAN = rf"(?P<now>{NUMBER}) ?s? {{0,3}}\( {{0,4}}(?P<mean>{NUMBER}) ?s?\)"


@register
class ImageNet(EpochMeans):
    """``Epoch: [3][120/1930]  Time 0.690 (0.986)  Data …``, Swin's ``Train: [3/300][120/1251] … time …``."""

    name = "imagenet"
    weight = 0.9
    hints = ("Epoch", "Train", "train")
    at = re.compile(
        r"(?:Epoch|[Tt]rain)\w{0,4}:? {0,3}\[ {0,4}(\d{1,8})(?:/\d{1,8})?\] ?\[ {0,8}(\d{1,12})/ ?(\d{1,12})\]"
    )
    time = re.compile(rf"\b(?:[Bb]atch_?[Tt]ime|[Tt]ime):?=? {{0,6}}{_NOW_MEAN}")
    mark = re.compile(
        r"(?:Epoch|[Tt]rain)\w{0,4}:? {0,3}\[ {0,4}\d+(?:/\d+)?\] ?\[ {0,8}\d+/ ?\d+\][^\n]{0,200}?"
        r"\b(?:[Bb]atch_?[Tt]ime|[Tt]ime):?=? {0,6}[\d.]+ ?s? {0,3}\( {0,4}[\d.]+"
    )


@register
class Timm(EpochMeans):
    """``Train: 0 [  50/10009 …]  Time: 0.316s,  405.65/s  (0.344s,  371.84/s)``: samples of the whole job."""

    name = "timm"
    weight = 0.96
    seen_at_zero = 1
    hints = ("Train:",)
    at = re.compile(r"Train: (\d{1,8}) \[ {0,8}(\d{1,12})/(\d{1,12})")
    time = re.compile(
        rf"Time: {{1,4}}(?P<now>{NUMBER})s, {{1,8}}(?:{NUMBER})/s {{1,4}}"
        rf"\((?P<mean>{NUMBER})s, {{1,8}}(?P<rate>{NUMBER})/s\)"
    )
    mark = re.compile(r"Train: \d+ \[ {0,8}\d+/\d+ [^\n]{0,200}?Time: {1,4}[\d.]+s, {1,8}[\d.]+/s {1,4}\(")

    def rate(self, time: re.Match[str]) -> float | None:
        """Samples per second of the whole job, the mean."""
        return number(time["rate"])


_PCDET_AT = re.compile(r"\bTrain: {1,6}(\d{1,6})/\d{1,6} [^\n\[]{0,40}\[ {0,8}(\d{1,12})/(\d{1,12})")
_ACC = re.compile(r"Acc_iter {1,4}(\d{1,12})")


@register
class OpenPCDet(EpochMeans):
    """``Train:  1/3 … Acc_iter 50  Batch time: 0.31(0.31)``: two digits, so its millisecond clock is the better."""

    name = "openpcdet"
    weight = 0.96
    hints = ("Batch time:",)
    at = _PCDET_AT
    time = re.compile(rf"Batch time: {_NOW_MEAN}")
    mark = re.compile(r"Acc_iter {1,4}\d+[^\n]{0,200}?Batch time: [\d.]+ ?\([\d.]+\)")

    def keep(self, record: Record, line: str) -> bool:
        """Add a record; its own clock wins over its two digits."""
        if found := _ACC.search(line):
            record.step = float(found[1])
        return super().keep(record, line)

    def end(self) -> None:
        """Use the clock where it is fine."""
        timed = [p.record for p in self._points if p.record.time is not None]
        if self.log.clock_tick_s <= 0.01 and len(timed) > 1:
            for record in timed:
                record.step_time_s = None
        else:
            super().end()
