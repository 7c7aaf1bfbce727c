"""Any console that prints a step and a rate: the last resort among text formats."""

from __future__ import annotations

import re

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
    rf"|(?P<it>(?:steps?|its?|iters?|iterations?) ?/ ?{_SECOND})|(?P<samples>(?:samples?|sequences?"
    rf"|examples?) ?/ ?{_SECOND}))",
    re.I,
)
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
    ("samples_per_s", ""): ("samples/sec", "samples/s", "samples_per_sec", "samples_per_second"),
    ("steps_per_s", ""): ("steps/s", "it/s", "steps_per_second"),
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
    mark = re.compile(
        rf"\b(?:step|iter|iteration|global_step|update|batch)\b['\"#=:\s]{{1,10}}\d+[^\n]{{0,300}}?"
        rf"(?:{_TOKENS}(?: ?/ ?|_per_| per )(?:{_DEVICE}/)?{_SECOND}|\b(?:step|iter|iteration|batch)[_ ]time(?:_m?s)?\b"
        rf"|\bdt\b|\btime[:=]|\bMFU\b|\b(?:ms|s)/(?:it|step)|(?:it|steps?)/s\b|samples?/s(?:ec)?\b)"
        r"|\b(?:step|iter|iteration|batch)[_ ]time['\"]?[:=] ?[\d.]+ ?m?s\b",
        re.I,
    )
    keys = Keys(_RATE_KEYS | _OTHER_KEYS)
    warmup = 2

    def record(self, line: str) -> Record | None:
        """The record of a line, or ``None`` where it states no speed."""
        record = self.keys.record(line)
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


_GROUPS = {"ms": "step_time_s", "s": "step_time_s", "it": "steps_per_s", "samples": "samples_per_s"}
