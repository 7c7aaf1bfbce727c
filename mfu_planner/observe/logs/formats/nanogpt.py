"""The family of small trainers: nanoGPT, build-nanogpt, nanochat, llm.c, modded-nanogpt."""

from __future__ import annotations

import re

from mfu_planner.observe.logs.formats.base import Format, register
from mfu_planner.observe.logs.keys import Keys
from mfu_planner.observe.logs.record import Record
from mfu_planner.observe.logs.text import NUMBER, number


@register
class NanoGPT(Format):
    """``iter 240: loss 1.6524, time 895.31ms, mfu 16.62%``: the MFU is a running mean against one A100."""

    name = "nanogpt"
    hints = ("iter ",)
    mark = re.compile(r"\biter {1,6}\d+: loss [^\n]{1,40}?, time [\d.]+ ?m?s")
    keys = Keys({
        "iter": ("step", ""),
        "time": ("step_time_s", "?"),
        "mfu": ("mfu", "%"),
        "tok/s": ("tokens_per_s", ""),
        "tokens/sec": ("tokens_per_s", ""),
    })  # fmt: skip
    running = frozenset({"mfu"})
    warmup = 1

    def record(self, line: str) -> Record | None:
        """The record of a line, or ``None`` where it states no speed."""
        record = super().record(line)
        return record if record is not None and record.step_time_s is not None else None


#: nanochat's default ``total_batch_size``, the peak it divides by (H100 bf16, base_train.py), and FLOPs per token
#: that none of its models reaches.
TOKENS_PER_STEP, PEAK, LARGEST_MODEL = 524_288.0, 989e12, 5e10


@register
class NanoChat(Format):
    """``step 00004/21400 … | dt: 989.44ms | tok/sec: 529,882 | mfu: 74.13``: rates are of the whole job."""

    name = "nanochat"
    hints = ("dt:", "dt ")
    mark = re.compile(
        r"\bstep {0,6}:? {0,6}\d+[^\n]{0,200}?\bdt:? {0,4}[\d.]+ ?m?s[^\n]{0,40}?tok/s(?:ec)?:? {0,4}[\d,]+"
    )
    keys = Keys({
        "step": ("step", ""),
        "dt": ("step_time_s", "?"),
        "tok/sec": ("tokens_per_s", ""),
        "tok/s": ("tokens_per_s", ""),
        "mfu": ("mfu", "%"),
        "bf16_mfu": ("mfu", "%"),
        "fp8_mfu": ("mfu", "%"),
    })  # fmt: skip
    warmup = 2

    def end(self) -> None:
        """Early releases divide the tokens of one micro-batch by the time of a step; ``mfu`` counts the whole batch."""
        records = [r for r in self.log.store.records() if r.mfu and r.tokens_per_s and r.step_time_s]
        if not records:
            return
        devices = self.log.header.values.get("devices", 1.0)
        last = records[-1]
        each = (last.mfu or 0.0) * PEAK * devices / (last.tokens_per_s or 1.0)
        if each < LARGEST_MODEL:
            return
        product = (last.tokens_per_s or 0.0) * (last.step_time_s or 0.0)
        for record in records:
            record.tokens_per_s = None
        self.log.header.values.setdefault("tokens_per_step", TOKENS_PER_STEP)
        self.log.note(
            "log/rate-of-a-micro-batch", "warning",
            f"tok/sec × dt is {product:,.0f} tokens: one micro-batch, not "
            f"the step that mfu counts; a step is taken to have nanochat's {TOKENS_PER_STEP:,.0f} tokens",
        )  # fmt: skip


_LLMC = re.compile(
    rf"\bstep {{1,6}}(\d{{1,15}})/\d+[^\n]{{0,160}}?({NUMBER}) ms ?["
    rf"|,] ?(?:(?P<mfu>{NUMBER})% (?:\w+ )?MFU ?\| ?)?({NUMBER}) tok/s"
)


@register
class LlmC(Format):
    """``step 61/74 | … | 44.57 ms | -100.0% bf16 MFU | 91886 tok/s``: the rate is a smoothed mean of the whole job."""

    name = "llm.c"
    hints = ("tok/s",)
    mark = _LLMC
    running = frozenset({"tokens_per_s"})
    warmup = 2

    def record(self, line: str) -> Record | None:
        """The record of a line, or ``None`` where it states no speed."""
        found = _LLMC.search(line)
        if found is None:
            return None
        values = [None if g is None else number(g) for g in found.groups()]
        step, milliseconds, mfu, rate = values
        if milliseconds is None:
            return None
        percent = None if mfu is None else mfu / 100
        return Record(step=step, step_time_s=milliseconds / 1e3, mfu=percent, tokens_per_s=rate)

    def resolutions(self, line: str) -> None:
        """Milliseconds with two decimals and rates without: both fine enough."""


_DECIMAL = r"\d{1,15}(?:\.\d{1,15})?"
_MODDED = re.compile(
    r"\bstep:(?P<step>\d{1,15})/(?P<total>\d{1,15}) [^\n]{0,160}?"
    rf"train_time:(?P<time>{_DECIMAL})(?P<unit>m?s)(?: step_avg:(?P<mean>{_DECIMAL}|nan)(?P<mean_unit>m?s))?"
)


@register
class ModdedNanoGPT(Format):
    """``step:993/6200 train_loss:… train_time:212971ms step_avg:216.65ms``: cumulative time and its mean."""

    name = "modded-nanogpt"
    hints = ("train_time:",)
    mark = _MODDED
    warmup = 10  # the script itself starts counting at step 10
    tagged = False

    def record(self, line: str) -> Record | None:
        """The record of a line, or ``None`` where it states no speed."""
        found = _MODDED.search(line)
        if found is None:
            return None
        scale = 1e-3 if found["unit"] == "ms" else 1.0
        self.log.total_steps = float(found["total"])
        self.log.elapsed_tick_s = scale
        if found["mean"] and found["mean"] != "nan":
            mean_scale = 1e-3 if found["mean_unit"] == "ms" else 1.0
            self.log.summary["running_step_time_s"] = float(found["mean"]) * mean_scale
        return Record(step=float(found["step"]), elapsed_s=float(found["time"]) * scale)
