"""Progress bars (tqdm) and the dictionaries that the Hugging Face Trainer prints between them.

Hugging Face Trainer, axolotl and torchtune all look like this.
"""

from __future__ import annotations

import re

from mfu_planner.observe.logs import clock
from mfu_planner.observe.logs.formats import bars
from mfu_planner.observe.logs.formats.base import Format, register
from mfu_planner.observe.logs.formats.dictionaries import pairs
from mfu_planner.observe.logs.formats.trainer_logs import TrainerLogs
from mfu_planner.observe.logs.keys import Keys
from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.record import Record
from mfu_planner.observe.logs.text import number, resolution

_BAR = re.compile(
    r"(?P<n>\d{1,10})/(?P<total>\d"
    r"{1,10}) {1,3}\[(?P<elapsed>(?:\d{1,4} days?, ?)?[\d:]{4,12})<(?P<left>[^,\]\n]{1,30}),"
    r"[ \t]{0,12}(?P<rate>[\d.]+|\?) ?(?P<unit>s/\w{1,12}|\w{1,12}/s)"
)
_NOTEBOOK = re.compile(r"\[ {0,2}(?P<n>\d{1,9})/(?P<total>\d{1,9}) {1,3}(?P<elapsed>[\d:]{4,12})(?: ?<[^,\]]{0,20})?,")
_OTHER_WORK = re.compile(r"\b(?:Map|Filter|Loading|Downloading|Generating|Tokeniz|Running tokenizer|Grouping|Saving"
                         r"|Packing|Casting|mAP50|Class {2,20}Images"
                         r"|Fetching|Evaluat|Validat|Sanity Check|Testing|Predict|Process(?:ing|ed)|Dropping|Sampl"
                         r"|examples/s|shards?)", re.I)  # fmt: skip
_SPEED = re.compile(r"train_speed\((iter/s|s/it)\)['\"]?: ?['\"]?([\d.]{1,20})")
_AT = re.compile(r"(?:global_step/max_steps|iteration)['\"]?: ?['\"]?(\d{1,12})/(\d{1,12})")
_STEP = re.compile(r"'global_step': ?(\d{1,12})")
_ELAPSED = re.compile(r"'elapsed_time': '([\w :]{2,30})'")
#: Nothing trains at so many steps a second: such a bar reads, tokenises or downloads.
TOO_FAST = 2000.0
#: Bars of more totals than this are no longer told apart.
_BARS = 64
#: A bar that has come this far is over when the next begins.
_NEARLY = 0.9


@register
class HfTrainer(Format):
    """``{'train_runtime': …}`` is of the whole run and beats rounded rates; the bars' rates are smoothed."""

    name = "hf-trainer"
    weight = 0.6
    hints = ("train_", "s/", "/s", ", Epoch", "tokens", "'loss':", "step_time", "step_runtime")
    mark = re.compile(
        r"['\"]train_runtime['\"]: |\[ {0,2}\d+/\d+ {1,3}[\d:]{4,12} ?<[^,\]\n]{1,20}, {1,3}[\d.]+ ?(?:it/s|s/it), Ep"
        r"|train_speed\((?:iter/s|s/it)\)['\"]?:|['\"]num_tokens['\"]: "
        r"|\d{1,10}/\d{1,10} {1,3}\[[^\]\n]{4,40}<[^\]\n]{1,40}, {0,8}[\d.]+ ?(?:s/it|it/s)"
    )
    tagged = False
    warmup = 1

    def __init__(self, log: Reading) -> None:
        super().__init__(log)
        self._logs = TrainerLogs(log)
        self._resolution = 1.0
        self._bar_step: float | None = None
        self._since_start: list[tuple[float, float, float]] = []  # step, rate × step, elapsed of the first bars
        self._bars: dict[float, list[bars.Progressed]] = {}  # total → first and last of its bars
        self._laps: dict[float, int] = {}  # total → how often its bar began anew
        self._before: dict[float, float] = {}  # total → seconds of the bars that are over
        self._offsets: dict[int, float] = {}  # id of a record → seconds of the bars before its own

    def count(self, text: str) -> int:
        """How many bars a stretch holds that is only counted."""
        return sum("s/" in line or "/s" in line for line in text.split("\n"))

    def line(self, line: str) -> None:
        """Take a line that holds a hint."""
        if "<" in line and (found := list(_BAR.finditer(line))):
            bar = found[-1]  # where line ends were lost
            if not (_OTHER_WORK.search(line[:120]) or _OTHER_WORK.search(bar["unit"])):
                self._bar(bar)
        elif "[" in line and (note := _NOTEBOOK.search(line)):
            self.log.summary["notebook_steps"] = float(note["n"])
            self.log.summary["notebook_elapsed_s"] = clock.duration(note["elapsed"]) or 0.0
        if "train_speed" in line:
            self._swift(line)
        if "{" in line:
            self._logs.dictionary(pairs(line), self._bar_step)
        elif "train_" in line and "=" in line:
            self._logs.row_of_table(line)

    def _swift(self, line: str) -> None:
        """ms-swift prints the mean speed since the start, and the time elapsed, in its dictionaries."""
        speed, elapsed = _SPEED.search(line), _ELAPSED.search(line)
        at = _AT.search(line) or _STEP.search(line)
        if speed is None or at is None or not (value := number(speed[2])):
            return
        self.log.running.add("step_time_s")
        self.log.see({"step_time_s": resolution(speed[2])})
        record = Record(step=float(at[1]), step_time_s=value if speed[1] == "s/it" else 1 / value, tag="swift")
        record.elapsed_s = clock.duration(elapsed[1]) if elapsed else None
        if at.re is _AT:
            self.log.total_steps = float(at[2])
        elif record.step and record.step_time_s and elapsed is None:  # releases without a clock of their own
            record.elapsed_s = record.step * record.step_time_s
            self.log.elapsed_tick_s = 0.0
        self.log.add(record)

    def _bar(self, bar: re.Match[str]) -> None:
        rate = number(bar["rate"])
        if rate and rate >= TOO_FAST and not bar["unit"].startswith("s/"):
            return
        total, done = float(bar["total"]), bars.Progressed(float(bar["n"]), clock.duration(bar["elapsed"]) or 0.0)
        record = Record(
            step=done.step + self._lap(total, done) * total, elapsed_s=done.elapsed_s, tag=f"of {bar['total']}"
        )
        self._bar_step = record.step
        if rate:
            record.step_time_s = rate if bar["unit"].startswith("s/") else 1 / rate
            if self._seen < 64:
                self._seen, self._resolution = self._seen + 1, resolution(bar["rate"])
                if done.step:
                    self._since_start.append((done.step, done.step * record.step_time_s, done.elapsed_s))
        if done.step and self.log.add(record):
            self.log.total_steps = total
            if self._before:
                self._offsets[id(record)] = self._before.get(total, 0.0)
            if total in self._bars or len(self._bars) < _BARS:
                self._bars[total] = [*self._bars.get(total, [])[:1], done]

    def _lap(self, total: float, done: bars.Progressed) -> int:
        """How often a bar of this total has begun anew: once for each epoch, where each has its own."""
        before = self._bars.get(total, [done])[-1]
        if before.step > _NEARLY * total and (done.step < before.step or done.elapsed_s < before.elapsed_s):
            self._laps[total] = self._laps.get(total, 0) + 1
            self._before[total] = self._before.get(total, 0.0) + before.elapsed_s
            self._bars[total] = self._bars[total][:1]
        return self._laps.get(total, 0)

    def end(self) -> None:
        """A long bar's elapsed time is finer than its smoothed rate; a short one's rate is all there is."""
        swift = any(r.tag == "swift" for r in self.log.store.records())
        records = [r for r in self.log.store.records() if r.elapsed_s is not None and not swift]
        if records:
            bars.decide(self.log, records, self._resolution, self._offsets, is_mean=self._is_mean())
        summary = self.log.summary
        self._logs.end(self._bars)
        if type(self) is HfTrainer and not summary and not self._logs.any:
            self.name = "progress-bar"
        elif type(self) is HfTrainer and self._logs.trl:
            self.name = "trl"
        self._notebook(bars=bool(records))

    def _notebook(self, *, bars: bool) -> None:
        """The table of a notebook: its steps, and its time since the start where nothing else has one."""
        summary = self.log.summary
        if not summary.get("notebook_steps") or "steps" in summary:
            return
        if not bars and summary.get("notebook_elapsed_s"):
            summary.setdefault("runtime_s", summary["notebook_elapsed_s"])
        if "runtime_s" in summary:
            summary["steps"] = summary["notebook_steps"]

    def _is_mean(self) -> bool:
        """Whether the bar's rate is its mean since the start (Lightning's): then steps × rate is the time elapsed."""
        seen = self._since_start
        return len(seen) >= 3 and all(abs(by_rate - elapsed) <= 1.0 + 0.01 * elapsed for _, by_rate, elapsed in seen)


@register
class Axolotl(HfTrainer):
    """The Trainer's lines in a log that names axolotl."""

    name = "axolotl"
    weight = 0.65
    mark = re.compile(r"\[axolotl\.|axolotl\.(?:train|cli|utils)|tokens/train_per_sec_per_gpu")


@register
class TorchTune(HfTrainer):
    """``1|3|Loss: 1.94:   0%| | 3/1617 [00:21<3:04:47,  6.87s/it]``."""

    name = "torchtune"
    weight = 0.8
    mark = re.compile(r"(?<!\d)\d{1,12}\|\d{1,12}\|Loss: [^\n]{1,400}?(?:s/it|it/s)")


@register
class TorchTuneMetrics(Format):
    """torchtune's metrics file: ``Step 1 | loss:1.94 lr:… tokens_per_second_per_gpu:1234.5 …``."""

    name = "torchtune"
    weight = 0.95
    hints = ("tokens_per_second_per_gpu",)
    mark = re.compile(r"\bStep {1,4}\d+ \| [^\n]{0,300}?tokens_per_second_per_gpu:")
    keys = Keys({
        "Step": ("step", ""),
        "tokens_per_second_per_gpu": ("tokens_per_s_per_device", ""),
    })  # fmt: skip
    warmup = 2


@register
class Ultralytics(HfTrainer):
    """A bar for each epoch, with the mean time of its batches; the bar below it is validation."""

    name = "ultralytics"
    weight = 0.75
    mark = re.compile(r"\bEpoch {2,12}(?:GPU_mem|gpu_mem)\b[^\n]{0,120}\b(?:Instances|labels|targets)\b")

    def __init__(self, log: Reading) -> None:
        super().__init__(log)
        self._epochs = 0

    def _bar(self, bar: re.Match[str]) -> None:
        rate = number(bar["rate"])
        if bar["n"] != bar["total"] or not rate:
            return
        self._epochs += 1
        self.log.see({"step_time_s": resolution(bar["rate"])})
        self.log.add(Record(
            step=float(self._epochs * int(bar["n"])), step_time_s=rate if bar["unit"].startswith("s/") else 1 / rate,
        ))  # fmt: skip

    def end(self) -> None:
        """Each record is an epoch with its mean."""
