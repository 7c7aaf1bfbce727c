"""MLPerf logging: ``:::MLLOG {"key": "tracked_stats", "value": {"throughput": 30.6}, …}``.

Keys of results are the submitters' own: ``throughput`` is samples per second of the whole job in most, of one device or
in tokens in some; counters count steps, samples or tokens.  What all share is the clock of blocks and epochs, so that
what a key means follows from it.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from dataclasses import dataclass
from typing import Any

from mfu_planner.observe.logs.formats.base import Format, register
from mfu_planner.observe.logs.metric_names import as_number
from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.record import Record

#: Losses a block from which they tell more than the block.
_LOSSES = 4
_MOST_LOSSES = 50_000
_HEADER = {"global_batch_size": "global_batch", "max_sequence_length": "seq_len", "max_seq_length": "seq_len"}
_STEP_TIMES = ("train_step_time", "train_step_timing in s", "step_time")
#: Images of an epoch of the detection benchmark (MLCommons training policies, OpenImages-v6 subset); some
#: submitters log the steps of an epoch under ``train_samples``.
_DETECTION, _DETECTION_IMAGES = ("ssd", "retinanet"), 1_170_301
#: Benchmarks whose samples are no token sequences: a length in their settings is of a text encoder, or of nothing.
_TOKENLESS = ("flux1", "stable_diffusion", "dlrm_dcnv2", "gnn", "rgat", "resnet", "unet3d", "maskrcnn", *_DETECTION)
#: The start script's line of each rank, behind srun's number.
_RANK = re.compile(r"\s{0,8}(\d{1,6}): num_gpus=\d")
#: A stated rate and one by the clock (which holds evaluation) belong together within these factors.
_LEAST, _MOST = 0.85, 1.6


@dataclass(frozen=True, slots=True)
class _Interval:
    """A block or epoch: when it began and ended, and what it said."""

    start_s: float
    stop_s: float
    start: dict[str, Any]
    stop: dict[str, Any]


@register
class MLPerf(Format):
    """Step times where they are stated, else the clock of blocks and epochs, else throughput in the unit that fits."""

    name = "mlperf"
    weight = 1.0
    hints = (":::MLLOG", "num_gpus=")
    mark = re.compile(r':::MLLOG {0,2}\{[^\n]{0,300}"key"')

    def __init__(self, log: Reading) -> None:
        super().__init__(log)
        self._values: dict[str, Any] = {}
        self._losses: list[tuple[float, dict[str, Any]]] = []
        self._timed: list[Record] = []
        self._block_means: list[Record] = []
        self._ranks: set[int] = set()
        self._throughput: list[tuple[float | None, float, dict[str, Any]]] = []
        self._open: dict[str, tuple[float, dict[str, Any]]] = {}
        self._intervals: dict[str, list[_Interval]] = {"block": [], "epoch": []}
        self._gaps: list[_Interval] = []  # from one evaluation to the next
        self._evaluated: tuple[float, dict[str, Any]] | None = None
        self._stopped_at = 0.0

    def line(self, line: str) -> None:
        """Take a line that holds a hint."""
        if "num_gpus=" in line and (rank := _RANK.match(line)):
            self._ranks.add(int(rank[1]))
            return
        start = line.find("{", line.find(":::MLLOG"))
        try:
            entry = json.loads(line[start : line.rfind("}") + 1])
        except (ValueError, RecursionError):
            return
        if not isinstance(entry, dict) or not isinstance(key := entry.get("key"), str):
            return
        value, meta = entry.get("value"), entry.get("metadata")
        milliseconds = as_number(entry.get("time_ms"))
        seconds = None if milliseconds is None else milliseconds / 1e3
        self.log.clock_tick_s = 1e-3
        meta = {k: v for k, v in meta.items() if as_number(v) is not None} if isinstance(meta, dict) else {}
        if key in _HEADER and (count := as_number(value)):
            self.log.header.values.setdefault(_HEADER[key], count)
        elif key == "tracked_stats" and isinstance(value, dict):
            self._stats(value, meta, seconds)
        elif seconds is not None:
            self._event(key, value, meta, seconds)

    def _event(self, key: str, value: Any, meta: dict[str, Any], seconds: float) -> None:
        name, _, which = key.rpartition("_")
        if key == "eval_start" and self._evaluated is not None and len(self._gaps) < _MOST_LOSSES:
            self._gaps.append(_Interval(self._evaluated[0], seconds, self._evaluated[1], meta))
        self._evaluated = None if key == "eval_start" else (seconds, meta) if key == "eval_stop" else self._evaluated
        if which == "stop" and name == "block":
            self._stopped_at = as_number(meta.get("samples_count")) or self._stopped_at
        if which == "start" and name in self._intervals:
            stated = as_number(meta.get("samples_count"))
            if stated is not None and stated < self._stopped_at:  # no block begins before the last one's end
                meta = meta | {"samples_count": self._stopped_at}
            self._open[name] = seconds, meta
        elif key == "run_stop":
            self._open.clear()  # what ends after it was cut short
        elif which == "stop" and name in self._intervals and name in self._open:
            began, first = self._open.pop(name)
            if seconds > began and len(self._intervals[name]) < _MOST_LOSSES:
                self._intervals[name].append(_Interval(began, seconds, first, meta))
        elif key in ("train_loss", "eval_accuracy") and len(self._losses) < _MOST_LOSSES:
            self._losses.append((seconds, meta))
        else:
            self._values.setdefault(key, value)

    def _stats(self, value: dict[str, Any], meta: dict[str, Any], seconds: float | None) -> None:
        step_time = next((t for k in _STEP_TIMES if (t := as_number(value.get(k)))), None)
        if step_time is not None:
            record = Record(time=seconds, step_time_s=step_time, samples_total=as_number(meta.get("samples_count")))
            if "step" in meta or "step_num" in meta:
                record.step = as_number(meta.get("step_num")) or self._steps(meta)
                self._timed.append(record)
            else:  # after a block: its mean, and its samples
                self._block_means.append(record)
        elif (rate := as_number(value.get("throughput"))) is not None:
            own = {"epoch_num": value["epoch_num"]} if as_number(value.get("epoch_num")) else {}
            self._throughput.append((seconds, rate, own | meta))
        elif "train_loss" in value and seconds is not None and len(self._losses) < _MOST_LOSSES:
            self._losses.append((seconds, meta))

    def end(self) -> None:
        """Choose what the steps are told by."""
        if self._values.get("submission_benchmark") in _TOKENLESS:
            self.log.header.values.pop("seq_len", None)
        self._devices()
        if not self._timed:
            blocks = [] if self._evaluates_inside() else self._by_blocks() or self._block_means
            if blocks:
                for record in blocks[1:] if len(blocks) > 1 else blocks:  # the first holds start-up
                    self.log.add(record)
            elif not self._by_throughput():
                self._by_losses()
        for record in self._timed:
            self.log.add(record)
        self._whole_run()

    def _evaluates_inside(self) -> bool:
        """Whether blocks hold evaluations that nothing times, and losses in between tell the steps alone."""
        counted = sum("samples_count" in meta for _, meta in self._losses)
        return not self._gaps and self._evaluated is None and counted > _LOSSES * len(self._intervals["block"]) > 0

    def _batch(self) -> float | None:
        return self.log.header.values.get("global_batch")

    def _devices(self) -> None:
        """A batch of the job ÷ the batch of a device; ``16x…x4…``: nodes and what is in one."""
        header, batch = self.log.header.values, self._batch()
        local = as_number(self._values.get("local_batch_size"))
        accumulation = as_number(self._values.get("gradient_accumulation_steps")) or 1.0
        if batch and local and (quotient := batch / local / accumulation) >= 1 and quotient == int(quotient):
            header.setdefault("devices", quotient)
        each, ranks = header.get("devices_per_node"), len(self._ranks)
        if each and ranks > 1 and ranks == max(self._ranks) + 1 and ranks % each == 0:  # all have said so
            header.setdefault("devices", float(ranks))
        platform = self._values.get("submission_platform")
        if not isinstance(platform, str):
            return
        if found := re.match(r"(\d{1,6})x[^\n]{0,60}?x(\d{1,3})(?=[A-Z ])", platform):
            header.setdefault("devices", float(int(found[1]) * int(found[2])))
        elif (nodes := re.match(r"(\d{1,6})x", platform)) and "devices_per_node" in header:
            header.setdefault("devices", int(nodes[1]) * header["devices_per_node"])

    def _steps(self, meta: dict[str, Any]) -> float | None:
        """The number of a step from a counter of steps, samples or tokens."""
        batch = self._batch()
        samples = as_number(meta.get("samples_count"))
        if samples is not None and batch:
            return samples / batch
        count = next((c for k in ("step", "epoch_num") if (c := as_number(meta.get(k))) is not None), None)
        return None if count is None else self._counted(count)

    def _counted(self, count: float) -> float:
        """Steps that a bare counter stands for."""
        batch, length = self._batch(), self.log.header.values.get("seq_len")
        if batch and length and count >= batch * length and count % (batch * length) == 0:
            self._say("tokens", batch * length)
            return count / (batch * length)
        if batch and count >= batch and count % batch == 0:
            self._say("samples", batch)
            return count / batch
        return count

    def _say(self, what: str, each: float) -> None:
        self.log.note(
            "log/step-counts-samples", "note",
            f"the log's step advances by multiples of {each:,.0f}: it counts {what}, and was divided", each=each,
        )  # fmt: skip

    def _between(self, block: _Interval, following: float) -> float | None:
        """Steps of a block or epoch; ``following`` is the samples' count at the next one's start."""
        batch = self._batch()
        first, last = as_number(block.start.get("step")), as_number(block.stop.get("step"))
        if first is not None and last is not None and last > first:
            return last - first if "samples_count" in block.stop else self._counted(last - first)
        before, after = as_number(block.start.get("samples_count")), as_number(block.stop.get("samples_count"))
        if batch and after is not None:
            samples = after - before if before is not None and after > before else after
            if following is not None and before == after and following > after:  # where it began, not how long it was
                samples = following - after
            return samples / batch if samples >= batch else None
        if count := as_number(block.stop.get("epoch_count") or block.start.get("epoch_count")):
            steps = self._counted(count)
            return steps if steps != count else self._of_an_epoch(count)
        return self._of_an_epoch(1.0) if "epoch_num" in block.start or "epoch_num" in block.stop else None

    def _of_an_epoch(self, epochs: float) -> float | None:
        """Steps of some epochs by ``train_samples``, where a batch is known."""
        samples, batch = as_number(self._values.get("train_samples")), self._batch()
        if not samples or not batch or epochs > 1000:
            return None
        detection = self._values.get("submission_benchmark") in _DETECTION
        if detection and samples * batch >= _DETECTION_IMAGES >= (samples - 1) * batch * 0.9:
            return epochs * samples  # steps of an epoch under this name
        return epochs * math.ceil(samples / batch)

    def _by_gaps(self) -> list[Record]:
        """A record for each stretch between evaluations, where a share of an epoch is what counts the progress."""
        samples, batch, blocks = as_number(self._values.get("train_samples")), self._batch(), self._intervals["block"]
        records = []
        inside = len(blocks) == 1 and len(self._gaps) > 1  # one block, whatever it says of its length
        for gap in self._gaps:
            first, last = as_number(gap.start.get("epoch_num")), as_number(gap.stop.get("epoch_num"))
            if not batch or first is None or last is None or last <= first:
                continue
            if last - first < 1 and samples:
                steps, at = (last - first) * samples / batch, last * samples / batch
            elif inside and (counted := self._counted(last - first)) < last - first:
                steps, at = counted, self._counted(last)
            else:
                continue
            records.append(Record(step=at, step_time_s=(gap.stop_s - gap.start_s) / steps))
        if records:
            self.log.note(
                "log/by-blocks", "note",
                "the step time is the clock from one evaluation to the next ÷ the steps between, whatever the logged "
                "throughput means",
            )  # fmt: skip
        return records

    def _by_blocks(self) -> list[Record]:
        """A record for each block (or epoch) whose steps are known."""
        if gaps := self._by_gaps():
            return gaps
        for name in ("block", "epoch"):
            records = []
            total = 0.0
            blocks = self._intervals[name]
            for i, block in enumerate(blocks):
                counts = [as_number(b.start.get("samples_count")) or 0.0 for b in blocks[i - 1 if i else 0 : i + 2]]
                following = counts[-1] + (counts[1] - counts[0] if i + 1 == len(blocks) and i else 0.0)
                steps = self._between(block, following)
                if steps and steps >= 1:
                    total += steps
                    records.append(Record(
                        step=total, step_time_s=(block.stop_s - block.start_s) / steps,
                    ))  # fmt: skip
            if records:
                self.log.note(
                    "log/by-blocks", "note",
                    f"the step time is the clock of {name}s ÷ their steps, whatever the logged throughput means",
                )  # fmt: skip
                return records
        return []

    def _by_throughput(self) -> bool:
        """Records of a throughput whose unit the clock between two of them tells."""
        batch = self._batch()
        counted = [(t, r, self._steps(m)) for t, r, m in self._throughput if t is not None]
        pairs = [
            (a, b) for a, b in itertools.pairwise(counted)
            if a[2] is not None and b[2] is not None and b[2] > a[2] and b[0] > a[0]
        ]  # fmt: skip
        if not self._throughput or not batch:
            return False
        if not pairs:
            self.log.note(
                "log/throughput-unclear", "warning",
                "throughput is of a device or the job, in samples or tokens, as the submitter likes; nothing else in "
                "the log tells which", throughput=self._throughput[-1][1],
            )  # fmt: skip
            return True
        by_clock = sorted((b[2] - a[2]) * batch / (b[0] - a[0]) for a, b in pairs)[len(pairs) // 2]  # type: ignore[operator]
        length, devices = self.log.header.values.get("seq_len") or 0.0, self.log.header.values.get("devices") or 0.0
        rate = sorted(r for _, r, _ in counted)[len(counted) // 2]
        scales = [
            s for s in (1.0, 1 / length if length else 0.0, devices) if s and _LEAST < rate * s / by_clock < _MOST
        ]
        if not scales:
            return False
        scale = min(scales, key=lambda s: abs(math.log(rate * s / by_clock)))
        for t, r, step in counted:
            self.log.add(Record(step=step, time=t, samples_per_s=r * scale))
        return True

    def _by_losses(self) -> None:
        """Without anything else, the clock between two losses is what there is."""
        for seconds, meta in self._losses:
            step = self._steps(meta)
            if step is not None and self._batch():
                self.log.add(Record(step=step, time=seconds))

    def _whole_run(self) -> None:
        if self._throughput:
            self.log.job["throughput"] = self._throughput[-1][1]
