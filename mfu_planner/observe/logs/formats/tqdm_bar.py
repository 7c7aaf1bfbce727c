"""Progress bars (tqdm) and the dictionaries that the Hugging Face Trainer prints between them.

Hugging Face Trainer, axolotl and torchtune all look like this.
"""

from __future__ import annotations

import re

from mfu_planner.observe.logs import clock
from mfu_planner.observe.logs.formats.base import Format, register
from mfu_planner.observe.logs.keys import Keys
from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.record import Record
from mfu_planner.observe.logs.text import number, resolution

_BAR = re.compile(
    r"(?P<n>\d{1,10})/(?P<total>\d"
    r"{1,10}) {1,3}\[(?P<elapsed>(?:\d{1,4} days?, ?)?[\d:]{4,12})<(?P<left>[^,\]\n]{1,30}),"
    r"[ \t]{0,12}(?P<rate>[\d.]+|\?) ?(?P<unit>s/\w{1,12}|\w{1,12}/s)"
)
_NOTEBOOK = re.compile(r"\[ {0,2}(?P<n>\d{1,9})/(?P<total>\d{1,9}) {1,3}(?P<elapsed>[\d:]{4,12})(?:<[^,\]]{0,20})?,")
_OTHER_WORK = re.compile(r"\b(?:Map|Filter|Loading|Downloading|Generating|Tokeniz|Running tokenizer|Grouping|Saving"
                         r"|Packing|Casting|Fetching|Evaluat|Validat|Processing|Dropping|Sampl|examples/s"
                         r"|shards?)", re.I)  # fmt: skip
_GLOBAL_STEP = re.compile(r"global_step=(\d{1,15})")
_RUNTIME = re.compile(r"train_runtime\s{1,20}=\s{1,4}([\d:.]+)")
_SPEED = re.compile(r"train_speed\((iter/s|s/it)\)['\"]?: ?['\"]?([\d.]{1,20})")
_AT = re.compile(r"global_step/max_steps['\"]?: ?['\"]?(\d{1,12})/")
#: An elapsed time of this many printed seconds is finer than a smoothed rate.
_FINE_ELAPSED_S = 100.0


@register
class HfTrainer(Format):
    """``{'train_runtime': …}`` is of the whole run and beats rounded rates; the bars' rates are smoothed."""

    name = "hf-trainer"
    weight = 0.6
    hints = ("train_", "s/", "/s", ", Epoch", "tokens", "'loss':")
    mark = re.compile(
        r"['\"]train_runtime['\"]: |train_speed\((?:iter/s|s/it)\)['\"]?:|\btrain_runtime\s{1,20}="
        r"|\d{1,10}/\d{1,10} {1,3}\[[^\]\n]{4,40}<[^\]\n]{1,40}, {0,8}[\d.]+ ?(?:s/it|it/s)"
    )
    keys = Keys({
        "train_runtime": ("elapsed_s", "s"),
        "train_samples_per_second": ("samples_per_s", ""),
        "train_steps_per_second": ("steps_per_s", ""),
        "train_tokens_per_second": ("tokens_per_s", ""),
        "tokens/train_per_sec_per_gpu": ("tokens_per_s_per_device", ""),
        "tokens_per_second_per_gpu": ("tokens_per_s_per_device", ""),
        "tokens/total": ("tokens_total", ""),
        "num_input_tokens_seen": ("tokens_total", ""),
        "total_flos": ("flops_per_s", ""),  # operations of the whole run, made a rate below
    })  # fmt: skip
    tagged = False
    warmup = 1

    def __init__(self, log: Reading) -> None:
        super().__init__(log)
        self._dictionaries = False  # whether the Trainer's own lines were seen
        self._resolution = 1.0

    def count(self, text: str) -> int:
        """How many bars a stretch holds that is only counted."""
        return sum("s/" in line or "/s" in line for line in text.split("\n"))

    def line(self, line: str) -> None:
        """Take a line that holds a hint."""
        if "train_runtime" in line:
            self._summary(line)
            return
        self._dictionaries = self._dictionaries or "'loss':" in line
        bar = _BAR.search(line) if "<" in line else None
        if bar is not None:
            if not (_OTHER_WORK.search(line[:120]) or _OTHER_WORK.search(bar["unit"])):
                self._bar(bar)
        elif "[" in line and (note := _NOTEBOOK.search(line)):
            self.log.summary["notebook_steps"] = float(note["n"])
            self.log.summary["notebook_elapsed_s"] = clock.duration(note["elapsed"]) or 0.0
        if "train_speed" in line:
            self._swift(line)
        pairs = self.keys.pairs(line) if "tokens" in line else {}
        if pairs:
            self.log.add(Record(tag="dict", step=None, **pairs))  # type: ignore[arg-type]

    def _swift(self, line: str) -> None:
        """ms-swift prints the mean speed in its dictionaries."""
        speed, at = _SPEED.search(line), _AT.search(line)
        if speed is None or at is None or not (value := number(speed[2])):
            return
        self.log.running.add("step_time_s")
        self.log.see({"step_time_s": resolution(speed[2])})
        self.log.add(Record(step=float(at[1]), step_time_s=value if speed[1] == "s/it" else 1 / value, tag="swift"))

    def _bar(self, bar: re.Match[str]) -> None:
        rate = number(bar["rate"])
        record = Record(step=float(bar["n"]), elapsed_s=clock.duration(bar["elapsed"]), tag=f"of {bar['total']}")
        if rate:
            record.step_time_s = rate if bar["unit"].startswith("s/") else 1 / rate
            if self._seen < 64:
                self._seen, self._resolution = self._seen + 1, resolution(bar["rate"])
        if record.step and self.log.add(record):
            self.log.total_steps = float(bar["total"])

    def _summary(self, line: str) -> None:
        pairs = self.keys.pairs(line)
        if "elapsed_s" not in pairs and (found := _RUNTIME.search(line)):
            pairs["elapsed_s"] = clock.duration(found[1]) or number(found[1]) or 0.0
        s = self.log.summary
        if not pairs.get("elapsed_s"):
            return
        if "runtime_s" in s:  # every rank prints the summary
            self.log.store.copies += 1
            return
        s["runtime_s"] = pairs["elapsed_s"]
        self.log.see(self.keys.resolutions(line))
        for field in ("samples_per_s", "steps_per_s", "tokens_per_s"):
            if pairs.get(field):
                s[field] = pairs[field]
        if pairs.get("flops_per_s"):
            s["total_flops"] = pairs["flops_per_s"]
        if found := _GLOBAL_STEP.search(line):
            s["steps"] = float(found[1])

    def end(self) -> None:
        """A long bar's elapsed time is finer than its smoothed rate; a short one's rate is all there is."""
        records = [r for r in self.log.store.records() if r.elapsed_s is not None]
        self.log.elapsed_tick_s = 1.0
        self.log.see({"step_time_s": self._resolution})
        if records and (records[-1].elapsed_s or 0) - (records[0].elapsed_s or 0) >= _FINE_ELAPSED_S:
            for r in records:
                r.step_time_s = None
        else:
            self.log.running.add("step_time_s")
            for r in records:
                r.elapsed_s = None
            if records:
                self.log.note(
                    "log/smoothed-rate", "note", "the progress bar's rate is smoothed: its last value is used"
                )
        summary = self.log.summary
        if type(self) is HfTrainer and not summary and not self._dictionaries:
            self.name = "progress-bar"  # type: ignore[misc]
        if "runtime_s" in summary and "steps" not in summary and summary.get("notebook_steps"):
            summary["steps"] = summary["notebook_steps"]


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
    mark = re.compile(r"\d+\|\d+\|Loss: [^\n]{1,400}?(?:s/it|it/s)")


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
