"""Reinforcement learning consoles: verl and its forks, NeMo-RL, OpenRLHF, slime, AReaL."""

from __future__ import annotations

import re
from typing import Any

from mfu_planner.observe.logs.dialects import reinforcement as rl
from mfu_planner.observe.logs.formats.base import register
from mfu_planner.observe.logs.formats.dictionaries import DictLines
from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.text import NUMBER, UNITS, number

MOST_DEVICES = 1e6
_VALUE = rf"(?:np\.\w{{3,12}}\()?({NUMBER})"
_VERL_PAIR = re.compile(rf"(?:^|\s)([A-Za-z][\w/@.()\-]{{0,80}}): ?{_VALUE}(?=\)?(?:\s|$))")
_VERL_STEP = re.compile(r"(?<![\w/])step:(\d{1,9})(?![\d.])")


class _Blocks(DictLines):
    """Records that spread over lines: collected until the next begins."""

    def __init__(self, log: Reading) -> None:
        super().__init__(log)
        self.begin()

    def begin(self, *, new_file: bool = False) -> None:
        """Forget what was half read."""
        del new_file
        self._row: dict[str, Any] = {}
        self._step: float | None = None
        self._first = ""

    def flush(self) -> None:
        """Keep what was collected."""
        row, step, first = self._row, self._step, self._first
        self.begin()
        if row:
            self.take(row, step, first)

    def end(self) -> None:
        """Finish: all text has been read."""
        self.flush()


@register
class Verl(_Blocks):
    """``step:3 - perf/throughput:… - timing_s/gen:…``: the throughput is per GPU over the whole step."""

    name = "verl"
    weight = 0.97
    hints = ("step:", " - ")
    dialect = rl.VERL
    mark = re.compile(
        r"(?:^|\s|- )(?:perf/(?:throughput|mfu/actor|total_num_tokens|time_per_step|delta_time/step)"
        r"|timing(?:_s)?/(?:step|gen|update_actor|reward_model)): ?(?:np\.\w+\()?[\d.]"
    )

    def line(self, line: str) -> None:
        """Take a line that holds a hint."""
        if found := _VERL_STEP.search(line):
            self.flush()
            self._step, self._first = float(found[1]), line
        for key, value in _VERL_PAIR.findall(line):
            self._row.setdefault(key, value)

    def flush(self) -> None:
        """Keep what was collected; a step that only validates is none."""
        if self._row and all(k.startswith(("val", "step")) for k in self._row):
            self.begin()
        super().flush()
        if self._rows.dialect in (rl.VERL_ASYNC, rl.VERL_IMAGES):
            self.name = self._rows.dialect.name


@register
class VerlSft(DictLines):
    """verl's supervised trainer: ``step:3 - train/loss:… - train/time(s):…``."""

    name = "verl-sft"
    weight = 0.965
    hints = ("train/time(s)", "train/global_tokens")
    dialect = rl.VERL_SFT
    mark = re.compile(r"step:\d+ - [^\n]{0,300}train/(?:time\(s\)|global_tokens):")

    def line(self, line: str) -> None:
        """Take a line that holds a hint."""
        found = _VERL_STEP.search(line)
        self.take(dict(_VERL_PAIR.findall(line)), float(found[1]) if found else None, line)


_NEMO_STEP = re.compile(r"\bStep (\d{1,9})/(\d{1,9})\b")
_NEMO_FLOPS = re.compile(rf"Training FLOPS: ({NUMBER}) TFLOPS \(({NUMBER}) TFLOPS per rank\)")
_NEMO_PART = re.compile(rf"• ([\w/ ]{{3,60}}): ({NUMBER})s\b")
_NEMO_RATE = re.compile(rf"E2E \((Tokens|Samples)/sec(/gpu)?\): ({NUMBER})")
_NEMO_GROUP = re.compile(rf"(Training|Generation) Worker Group \(Tokens/sec(/gpu)?\): ({NUMBER})")
_NEMO_USE = re.compile(rf"Training Model Floating Point Utilization: ({NUMBER})%")


@register
class NemoRL(_Blocks):
    """Blocks of ``📊 Training Results`` and ``⏱️ Timing``; FLOPS and utilization are of the training phase alone."""

    name = "nemo-rl"
    weight = 0.97
    hints = ("Step ", "Training Results", "•", "E2E (", "Worker Group (")
    dialect = rl.NEMO_RL
    mark = re.compile(
        r"• Total step time: [\d.]+s|Training Model Floating Point Utilization: |E2E \(Tokens/sec/gpu\): "
    )

    def begin(self, *, new_file: bool = False) -> None:
        """Forget what was half read."""
        super().begin(new_file=new_file)
        self._more: dict[str, float] = {}
        self._rates: dict[tuple[str, bool], float] = {}  # (group, of one device) → tokens/s

    def line(self, line: str) -> None:
        """Take a line that holds a hint."""
        if "=" in line and (found := _NEMO_STEP.search(line)):
            self.flush()
            self._step, self._first = float(found[1]), line
            self.log.total_steps = float(found[2])
        elif "Training Results" in line:
            step, first = (None, line) if self._row or self._more else (self._step, self._first or line)
            self.flush()
            self._step, self._first = step, first
        elif flops := _NEMO_FLOPS.search(line):
            job, each = number(flops[1]), number(flops[2])
            if each:
                self._more["flops_per_s_per_device"] = each * UNITS["TFLOP/s"]
                if job and 0.5 < job / each < MOST_DEVICES:
                    self.log.header.values.setdefault("devices", float(round(job / each)))
        elif use := _NEMO_USE.search(line):
            self._more["mfu"] = float(use[1]) / 100
        elif group := _NEMO_GROUP.search(line):
            self._rates[group[1].lower(), bool(group[2])] = number(group[3]) or 0.0
        elif rate := _NEMO_RATE.search(line):
            field = f"{rate[1].lower()}_per_s{'_per_device' if rate[2] else ''}"
            self._more[field] = number(rate[3]) or 0.0
        elif part := _NEMO_PART.search(line):
            self._row.setdefault(part[1].strip().lower().replace(" ", "_"), part[2])

    def flush(self) -> None:
        """Keep what was collected."""
        more, row, step, first = self._more, self._row, self._step, self._first
        for group in ("training", "generation"):
            job, each = self._rates.get((group, False)), self._rates.get((group, True))
            if job and each and 0.5 < job / each < MOST_DEVICES:
                self.log.groups[group] = float(round(job / each))
        self.begin()
        if row or more:
            record = self._rows.record(row)
            record.step = step
            for field, value in more.items():
                setattr(record, field, value)
            job, each = record.tokens_per_s, record.tokens_per_s_per_device
            if job and each and 0.5 < job / each < MOST_DEVICES:  # of all groups; FLOPS are of the training group
                self.log.header.values["devices"] = float(round(job / each))
            if record.step_time_s is not None or record.mfu is not None:
                self.keep(record, first)


@register
class OpenRLHF(DictLines):
    """``Global step 3: {'timing/ppo_train': …, 'timing/step_total': …}``; the bars count micro-steps of the update."""

    name = "openrlhf"
    weight = 0.97
    hints = ("timing/",)
    dialect = rl.OPENRLHF
    at = re.compile(r"[Gg]lobal[_ ]step[ :=]{1,3}(\d{1,9})")
    mark = re.compile(r"['\"]timing/(?:step_total|ppo_train|make_experience|generation)['\"]: ")


@register
class Slime(DictLines):
    """``perf 3: {'perf/step_time': …, 'perf/actor_train_tflops': …}``: FLOP/s are per GPU, of the training phase."""

    name = "slime"
    weight = 0.97
    hints = ("perf/",)
    dialect = rl.SLIME
    at = re.compile(r"\b(?:perf|rollout|step)[ _:=]{1,2}(\d{1,9})\b")
    mark = re.compile(
        r"\bperf \d+: \{'(?:perf|rollout)/|['\"]perf/(?:actor_train_time|step_time|train_wait_time)['\"]: "
    )


_CELL = re.compile(rf"[│|] {{0,2}}([\w/]{{3,80}}) {{1,60}}[│|] {{0,2}}({NUMBER}) {{1,20}}(?=[│|])")


@register
class AReaL(_Blocks):
    """A boxed table of statistics after ``… Train step 3/500 done.``; the trainer's phases make up its step."""

    name = "areal"
    weight = 0.97
    hints = ("rain step ", "│", "timeperf", "time_perf")
    dialect = rl.AREAL
    mark = re.compile(r"[│|] {0,2}time_?perf/\w+ {1,60}[│|]")

    def line(self, line: str) -> None:
        """Take a line that holds a hint."""
        if found := re.search(r"[Tt]rain step (\d{1,9})/(\d{1,9})", line):
            self.flush()
            self._step, self._first = float(found[1]), line
            self.log.total_steps = float(found[2])
        at = 0
        while cell := _CELL.search(line, at):
            self._row.setdefault(cell[1], cell[2])
            at = cell.end()
