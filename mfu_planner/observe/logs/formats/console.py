"""Any console that prints a step and a rate: the last resort among text formats."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mfu_planner.observe.logs import cumulative
from mfu_planner.observe.logs.formats.base import Format, register
from mfu_planner.observe.logs.keys import Keys
from mfu_planner.observe.logs.record import SPEEDS, Record
from mfu_planner.observe.logs.text import NUMBER, number

_TOKENS = r"(?:tok|toks|tokens?)"
_SECOND = r"(?:s|sec|second)\b"
_DEVICE = r"(?:gpu|device|chip|rank)"
#: Number first, unit after it: ``91,886 tok/s``, ``45.2 ms/step``, ``3.4 it/s``.
_AFTER = re.compile(
    rf"(?<![\w.])({NUMBER}) ?((?-i:[kKM]?)) ?(?:(?P<tokens>{_TOKENS} ?/ ?{_SECOND}(?: ?/ ?{_DEVICE})?"
    rf"|{_TOKENS}/{_DEVICE}/{_SECOND})"
    rf"|(?P<ms>ms ?/ ?(?:step|it|iter|iteration|batch)\b)|(?P<s>s(?:ec)? ?/ ?(?:step|it|iter|iteration)\b)"
    rf"|(?P<it>(?:steps?|its?|iters?|iterations?) ?/ ?{_SECOND})|(?P<samples>(?:samples?|sequences?|seqs?"
    rf"|examples?|images?) ?/ ?{_SECOND}))",
    re.I,
)
#: Times of a part, of the run so far or of an epoch: none of a step.
_OTHER_TIME = re.compile(
    r"(?i)\b(?:trace|data|load(?:ing)?|compil\w{1,6}|eval\w{0,7}|val\w{0,7}|total|elapsed|forward|fwd|backward|bwd|comm\w{0,10}"
    r"|sav(?:e|ing)|checkpoint|ckpt|epoch|optim\w{0,4}|wait\w{0,3}|fetch|gen\w{0,7}|dispatch|host)[ _]time\b"
)
_BEHIND = 300
"""Characters between a step and its speed."""
_MICRO = re.compile(r"(?i)\bmicro[_ -]?(?:step|batch)[ =:]{0,3}\d{1,6} ?(?:/|of) ?(\d{1,6})\b")
_MULTIPLE = {"": 1.0, "k": 1e3, "M": 1e6, "K": 1e3}
_RATE_KEYS = {
    f"{tokens}{sep}{second}{extra}": (field, "")
    for tokens in ("tok", "toks", "token", "tokens")
    for sep, second in (
        ("/", "s"),
        ("/", "sec"),
        ("/", "second"),
        (" per ", "sec"),
        (" per ", "second"),
        (" per ", "s"),
    )
    for extra, field in (
        ("", "tokens_per_s"),
        ("/gpu", "tokens_per_s_per_device"),
        ("/device", "tokens_per_s_per_device"),
        (" per gpu", "tokens_per_s_per_device"),
        (" per device", "tokens_per_s_per_device"),
    )
}


#: Field and unit → the keys that mean it; a time under ``"?"`` must state its unit.
_MEANINGS: dict[tuple[str, str], tuple[str, ...]] = {
    ("step", ""): ("step", "iter", "iteration", "global step", "update", "batch", "Step #"),
    ("tokens_per_s_per_device", ""): (
        "tokens/gpu/sec",
        "tokens/gpu/s",
        "tok/gpu/s",
        "tokens/device/sec",
        "tokens_per_gpu_per_sec",
        "tgs",
        "tokens_per_device_per_second",
    ),
    ("samples_per_s_per_device", ""): ("img/sec/core",),
    ("samples_per_s", ""): ("samples/sec", "samples/s", "samples_per_sec", "samples_per_second"),
    ("steps_per_s", ""): ("steps/s", "steps/sec", "Steps/Sec", "it/s", "steps_per_second", "steps_per_sec"),
    ("step_time_s", "ms"): ("ms/step", "ms per step", "step_time_ms", "step time (ms)", "time_ms", "dt_ms"),
    ("step_time_s", "s"): ("s/step", "sec/step", "step_time_s", "step time (s)"),
    ("step_time_s", "?"): ("step time", "iter time", "iteration time", "batch time", "time/step", "time", "dt"),
    ("flops_per_s_per_device", "TFLOP/s"): ("tflops", "tflop/s", "tflops/gpu", "tflops per gpu"),
    ("mfu", "auto"): ("mfu",),
    ("tokens_total", ""): ("tokens seen", "total tokens", "consumed tokens"),
    ("global_batch", ""): ("global batch size",),
}
_OTHER_KEYS = {key: meaning for meaning, keys in _MEANINGS.items() for key in keys}


@register
class Console(Format):
    """Keys such as ``step``, ``tok/s``, ``tokens/gpu/sec``, ``step_time: 812ms``, ``MFU: 41.2%``.

    A time without a unit is not used.
    """

    name = "console"
    weight = 0.3
    hints = ("step", "iter", "Step", "Iter", "STEP", "update", "batch", "Batch")
    starts = re.compile(r"\b(?:step|iter|iteration|global_step|update|batch)\b['\"#=:\s]{1,10}\d+", re.I)
    speaks = re.compile(
        rf"(?:{_TOKENS}(?: ?/ ?|_per_| per )(?:{_DEVICE}/)?{_SECOND}|\b(?:step|iter|iteration|batch)[_ ]time(?:_m?s)?\b"
        rf"|\bdt\b|\btime[:=]|\bMFU\b|\b(?:ms|s)/(?:it|step)|(?:it|steps?)/s(?:ec)?\b|(?:samples?|seqs?|img)/s(?:ec)?\b"
        rf"|\bsteps_per_sec(?:ond)?\b)",
        re.I,
    )
    mark = re.compile(r"\b(?:step|iter|iteration|batch)[_ ]time['\"]?[:=] ?[\d.]+ ?m?s\b", re.I)
    keys = Keys(_RATE_KEYS | _OTHER_KEYS)
    warmup = 2

    @classmethod
    def marks(cls, text: str) -> Iterator[int]:
        """Where a step is followed by a speed on its line: both are found once, so that no text takes long."""
        speeds = cls.speaks.finditer(text)
        speed, taken, found = next(speeds, None), 0, False
        for start in cls.starts.finditer(text):
            while speed is not None and speed.start() < start.end():
                speed = next(speeds, None)
            if speed is None:
                break
            near = speed.start() - start.end() <= _BEHIND and "\n" not in text[start.end() : speed.start()]
            if near and start.start() >= taken:
                found, taken = True, speed.end()
                yield start.start()
        if not found:
            yield from (each.start() for each in cls.mark.finditer(text))

    def record(self, line: str) -> Record | None:
        """The record of a line, or ``None`` where it states no speed."""
        record = self.keys.record(_OTHER_TIME.sub(" ", line) if "ime" in line else line)
        if (of := _MICRO.search(line)) and int(of[1]) > 1:
            self.log.note(
                "log/micro-steps", "warning",
                f"the lines are of micro-batches, {of[1]} of them a step: the step time is {of[1]} times what they say",
                micro_batches=float(of[1]),
            )  # fmt: skip
        for found in _AFTER.finditer(line[:4000]):
            value = number(found[1])
            if value is None:
                continue
            value *= _MULTIPLE.get(found[2], 1e3)
            if found["tokens"]:
                per_device = re.search(_DEVICE, found["tokens"], re.I) is not None
                field = "tokens_per_s_per_device" if per_device else "tokens_per_s"
            else:
                field = next(f for g, f in _GROUPS.items() if found[g])
                value = value / 1e3 if found["ms"] else value
            if getattr(record, field) is None:
                setattr(record, field, value)
        if not any(getattr(record, f) is not None for f in SPEEDS) and record.mfu is None:
            return None
        return record

    def end(self) -> None:
        """Some print the time since the start of an epoch."""
        cumulative.since_the_start(self.log)


_GROUPS = {"ms": "step_time_s", "s": "step_time_s", "it": "steps_per_s", "samples": "samples_per_s"}
