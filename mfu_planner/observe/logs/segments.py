"""Several runs in one log: restarts, other devices, a speed that changes for good."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import statistics

from mfu_planner.observe.logs.averages import averages
from mfu_planner.observe.logs.quantities import gather
from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.record import Record
from mfu_planner.observe.logs.report import Segment
from mfu_planner.observe.logs.steady import choose
from mfu_planner.observe.logs.store import Store

#: A speed has changed for good where each side has so many records, scatters less and differs by more than this.
_SIDE, _TIGHT, _OTHER = 5, 0.05, 0.2
#: The last segment speaks for the log where it has at least this many records.
_ENOUGH = 3
#: A step so low, behind higher ones, is the beginning of another run.
_START = 2
_SCANNED = 4000


@dataclasses.dataclass(frozen=True)
class RunOfLog:
    """Records of one run, as a Reading of their own, and what began it."""

    log: Reading
    why: str


def parts(log: Reading) -> list[RunOfLog]:
    """The runs of a log in order; one where nothing tells them apart."""
    log.store.one_rank()
    groups: list[tuple[str, list[list[Record]]]] = []
    before: Record | None = None
    for block in log.store.blocks:
        fresh = True
        for record in block:
            why = _begins(before, record)
            if why is not None or not groups:
                groups.append((why or "", [[]]))
            elif fresh:
                groups[-1][1].append([])
            fresh = False
            groups[-1][1][-1].append(record)
            before = before if record.evaluation else record
    split = [(why, piece) for why, blocks in groups for why, piece in _by_speed(log, why, blocks)]
    if len(split) < 2:
        return [RunOfLog(log, "")]
    return [RunOfLog(_reading(log, blocks), why) for why, blocks in split]


def _begins(before: Record | None, record: Record) -> str | None:
    if before is None or record.evaluation:
        return None
    if record.segment != before.segment:
        return "other devices"
    if record.step is None or before.step is None or record.step >= before.step:
        return None
    if record.time is not None:
        return "a restart"
    bar = record.tag.startswith("of ")  # counts from one in each epoch
    return "another run" if record.step <= _START and before.step > _SIDE and not bar else None


def _by_speed(log: Reading, why: str, blocks: list[list[Record]]) -> list[tuple[str, list[list[Record]]]]:
    """Two pieces where the step time changes once and for good; start-up, ramps and scatter do not count."""
    records = [r for block in blocks for r in block if not r.evaluation]
    times = [r.step_time_s or 0.0 for r in records]
    if log.uneven or "step_time_s" in log.running or not 2 * _SIDE <= len(times) <= _SCANNED or min(times) <= 0:
        return [(why, blocks)]
    at = _edge(times)
    first, second = times[:at], times[at:]
    a, b = statistics.median(first), statistics.median(second)
    if max(_scatter(first), _scatter(second)) > _TIGHT or max(a, b) / min(a, b) < 1 + _OTHER:
        return [(why, blocks)]
    edge = id(records[at])
    flat = [r for block in blocks for r in block]
    cut = next(i for i, r in enumerate(flat) if id(r) == edge)
    return [(why, [flat[:cut]]), ("another step time", [flat[cut:]])]


def _edge(times: list[float]) -> int:
    """The place at which the two sides fit their own medians best, among those of the greatest contrast."""
    contrasts = {i: _contrast(times, i) for i in range(_SIDE, len(times) - _SIDE + 1)}
    greatest = max(contrasts.values())
    near = [i for i, c in contrasts.items() if c > 0.98 * greatest][: 4 * _SIDE]
    return min(near, key=lambda i: _misfit(times[i - _SIDE : i]) + _misfit(times[i : i + _SIDE]))


def _misfit(times: list[float]) -> float:
    middle = statistics.median(times)
    return sum(abs(t - middle) for t in times)


def _contrast(times: list[float], at: int) -> float:
    """How far the records around a place differ: the medians of five on each side."""
    a, b = statistics.median(times[at - _SIDE : at]), statistics.median(times[at : at + _SIDE])
    return max(a, b) / min(a, b)


def _scatter(times: list[float]) -> float:
    middle = statistics.median(times)
    return statistics.median(abs(t - middle) for t in times) / middle


def _reading(log: Reading, blocks: list[list[Record]]) -> Reading:
    """A Reading of some records; notes and what was dropped go to the whole log's."""
    part = copy.copy(log)
    part.store = Store()
    part.store.blocks = [block for block in blocks if block] or [[]]
    part.store.dropped, part.store.drop_counts = log.store.dropped, log.store.drop_counts
    part.header = copy.copy(log.header)
    segment = next((r.segment for block in blocks for r in block), 0)
    if segment in log.devices_of:
        part.header.values = log.header.values | {"devices": log.devices_of[segment]}
    return part


def speaking(found: list[RunOfLog]) -> RunOfLog:
    """The part that the figures are of: the last with enough records, else the longest."""
    sizes = [sum(map(len, part.log.store.blocks)) for part in found]
    if sizes[-1] >= _ENOUGH or len(found) == 1:
        return found[-1]
    return found[max(range(len(found)), key=lambda i: sizes[i])]


def described(found: list[RunOfLog], warmup: int, given: dict[str, float | None]) -> tuple[Segment, ...]:
    """Each part with its steps, rates and devices; empty for a log of one run."""
    return tuple(_describe(part, warmup, given) for part in found) if len(found) > 1 else ()


def _describe(part: RunOfLog, warmup: int, given: dict[str, float | None]) -> Segment:
    quiet = copy.copy(part.log)
    quiet.notes, quiet.store = [], Store()
    quiet.store.blocks = part.log.store.blocks
    window = choose(quiet, warmup)
    own = {k: v for k, v in given.items() if k != "devices" or "devices" not in part.log.header.values}
    q = gather(quiet, window, averages(quiet, window), own)
    steps = [r.step for r in itertools.chain.from_iterable(part.log.store.blocks) if r.step is not None]
    devices = q.value("devices")
    return Segment(
        first_step=min(steps, default=None),
        last_step=max(steps, default=None),
        records=sum(map(len, part.log.store.blocks)),
        step_time_s=q.value("step_time_s"),
        tokens_per_s=q.value("tokens_per_s"),
        tokens_per_s_per_device=q.value("tokens_per_s_per_device"),
        devices=None if devices is None else round(devices),
        why=part.why,
    )
