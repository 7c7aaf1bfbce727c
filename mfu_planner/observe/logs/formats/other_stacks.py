"""Trainers of other stacks: MindSpore, MXNet, Paddle's vision suites, ESPnet, NVIDIA's example scripts."""

from __future__ import annotations

import re

from mfu_planner.observe.logs.formats.base import Format, register
from mfu_planner.observe.logs.record import Record
from mfu_planner.observe.logs.text import NUMBER, number

_EPOCH = re.compile(rf"[Ee]poch time: {{0,3}}({NUMBER}) ?ms, per step time: {{0,3}}({NUMBER}) ?ms")


@register
class MindSpore(Format):
    """``Train epoch time: 11250.0 ms, per step time: 6.0 ms``: the mean of an epoch; the first one compiles."""

    name = "mindspore"
    weight = 0.96
    hints = ("per step time",)
    mark = _EPOCH
    warmup = 2

    def record(self, line: str) -> Record | None:
        """The record of an epoch, numbered by epochs."""
        found = _EPOCH.search(line)
        milliseconds = number(found[2]) if found else None
        if not milliseconds:
            return None
        self._epochs = getattr(self, "_epochs", 0) + 1
        return Record(step=float(self._epochs), step_time_s=milliseconds / 1e3)


_SPEED = re.compile(
    rf"Epoch ?\[(?P<e>\d{{1,8}})\] {{0,3}}Batch ?\[(?P<b>\d{{1,12}})\][^\n]{{0,40}}?"
    rf"Speed: {{0,3}}(?P<r>{NUMBER}) samples"
)


@register
class MXNet(Format):
    """``Epoch[0] Batch [20] Speed: 2015.42 samples/sec``: samples per second of the job since the last line."""

    name = "mxnet"
    weight = 0.95
    hints = ("Speed:",)
    mark = _SPEED

    def record(self, line: str) -> Record | None:
        """The record of a line; batches are counted in their epoch, whose length no line says."""
        found = _SPEED.search(line)
        if found is None:
            return None
        return Record(step=float(found["e"]) * 1e6 + float(found["b"]), samples_per_s=number(found["r"]))


_COST = re.compile(rf"batch_cost: {{0,3}}({NUMBER})")
_READER = re.compile(rf"(?:reader|data)_cost: {{0,3}}({NUMBER})")
_IPS = re.compile(rf"\bips: {{0,3}}({NUMBER})")
_PLACE = re.compile(r"Epoch:? ?\[? ?(\d{1,8})[\]/][^\n]{0,12}?\[(?:Iter:)? {0,8}(\d{1,12})/ ?(\d{1,12})\]")


@register
class PaddleVision(Format):
    """Paddle's vision suites: ``batch_cost`` is seconds of a step, ``ips`` images per second of one device."""

    name = "paddle-vision"
    weight = 0.95
    hints = ("batch_cost",)
    mark = re.compile(r"batch_cost: {0,3}[\d.]+[^\n]{0,120}?\bips: ")
    warmup = 1

    def record(self, line: str) -> Record | None:
        """The record of a line."""
        cost, place, ips, wait = (p.search(line) for p in (_COST, _PLACE, _IPS, _READER))
        if cost is None or place is None or "eval" in line[:80].lower():
            return None
        return Record(
            step=float(place[1]) * float(place[3]) + float(place[2]), step_time_s=number(cost[1]),
            samples_per_s_per_device=number(ips[1]) if ips else None, data_s=number(wait[1]) if wait else None,
        )  # fmt: skip


_ESPNET = re.compile(rf"(\d{{1,6}})epoch:train:\d{{1,12}}-(\d{{1,12}})batch: [^\n]{{0,2000}}?train_time=({NUMBER})")
_FETCH = re.compile(rf"\biter_time=({NUMBER})")


@register
class ESPnet(Format):
    """``1epoch:train:1-500batch: iter_time=…, train_time=…``: means of the span, of a step and of its fetch."""

    name = "espnet"
    weight = 0.97
    hints = ("epoch:train:",)
    mark = _ESPNET

    def record(self, line: str) -> Record | None:
        """The record of a span of batches."""
        found, fetch = _ESPNET.search(line), _FETCH.search(line)
        if found is None:
            return None
        return Record(
            step=float(found[1]) * 1e6 + float(found[2]), step_time_s=number(found[3]),
            data_s=number(fetch[1]) if fetch else None,
        )  # fmt: skip


_DLL = re.compile(
    r"\bDLL \d{4}-\d\d-\d\d [\d:.]{8,16} - (?:\((\d{1,6}), ?(\d{1,12})\)|[^\n]{0,60}?Iteration: ?(\d{1,12}))"
)
_RATES = re.compile(
    rf"(?<![\w.])(?:train\.)?(?:(total_ips|imgs_per_sec|images_per_second|throughput_train|sequences_per_second)"
    rf"|(step_time|iteration_time)) : {{0,2}}({NUMBER})"
)


@register
class DLLogger(Format):
    """NVIDIA's example scripts: ``DLL 2020-09-01 06:47:48 - (3, 16294) imgs_per_sec : 1169.3``: of the whole job."""

    name = "dllogger"
    weight = 0.97
    hints = ("DLL ",)
    mark = re.compile(
        _DLL.pattern + r"[^\n]{0,400}?(?:total_ips|imgs_per_sec|images_per_second|throughput_train|_time) :"
    )
    warmup = 1

    def record(self, line: str) -> Record | None:
        """The record of a line that states a rate of training."""
        at = _DLL.search(line)
        if at is None or "val." in line:
            return None
        record = Record(step=float(at[1] or 0) * 1e6 + float(at[2] or at[3]))
        for rate, time, value in _RATES.findall(line):
            if rate and record.samples_per_s is None:
                record.samples_per_s = number(value)
            elif time and record.step_time_s is None:
                record.step_time_s = number(value)
        return record if record.samples_per_s or record.step_time_s else None


_PART = re.compile(rf"\b(End-to-End|Generation|Training) {{1,4}}=> Latency: ({NUMBER}) ?s")
_CHAT = re.compile(rf"Samples/sec: ({NUMBER})[^\n]{{0,80}}?Batch Size: (\d{{1,9}})")


@register
class DeepSpeedChat(Format):
    """DeepSpeed-Chat's ``End-to-End => Latency: 12.50s, … Samples/sec: 2.56, …``, then its generation and training."""

    name = "deepspeed-chat"
    weight = 0.97
    hints = ("=> Latency",)
    mark = re.compile(r"End-to-End {1,4}=> Latency: ")
    warmup = 1

    def record(self, line: str) -> Record | None:
        """The record of a step; the lines of its phases are put into it."""
        part, rate = _PART.search(line), _CHAT.search(line)
        if part is None:
            return None
        last = self.log.store.last
        if part[1] != "End-to-End":
            if last is not None and (seconds := number(part[2])):
                last.phases = {**(last.phases or {}), part[1].lower(): seconds}
            return None
        self._steps = getattr(self, "_steps", -1) + 1
        return Record(
            step=float(self._steps), step_time_s=number(part[2]),
            samples_per_s=number(rate[1]) if rate else None, global_batch=float(rate[2]) if rate else None,
        )  # fmt: skip
