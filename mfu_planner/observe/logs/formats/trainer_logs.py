"""The dictionaries of Hugging Face's Trainer: losses between the bars, counted tokens, and the results at the end."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mfu_planner.observe.logs import documents
from mfu_planner.observe.logs.formats.bars import Progressed
from mfu_planner.observe.logs.metric_names import as_number
from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.record import Record
from mfu_planner.observe.logs.text import resolution

_MOST = 20_000
#: So many stated step times tell more than the run time of the whole.
_ENOUGH = 4
#: A bar whose total is as near as this to the steps of the results is theirs.
_SAME_STEPS = 0.02
#: A bar that begins this many times further than its later pace explains was resumed; told over at least this long.
_LEAP, _LONG_S = 5.0, 20.0
#: Keys that count tokens since the start, the surest first: without padding, with padding.
_COUNTERS = ("num_tokens", "tokens/total", "num_input_tokens_seen")
_TABLE = re.compile(r"(?<![\w/.])(train_\w{3,60}|num_input_tokens_seen|epoch) {1,60}= {1,40}([\w.:,+\-]{1,40})\s{0,8}$")
_AXOLOTL = "tokens/train_per_sec_per_gpu"
#: Keys that state the seconds of a step: TRL's, that of trainers which time each step.
_STEP_TIMES = ("step_time", "train_step_runtime")
#: A dictionary with one of these is of a step.
_SPEAKS = ("loss", "reward", *_COUNTERS, *_STEP_TIMES)


class TrainerLogs:
    """Collects dictionaries; at the end says what they mean."""

    def __init__(self, log: Reading) -> None:
        self.log = log
        self._rows: list[tuple[float | None, dict[str, Any]]] = []
        self._results: dict[str, Any] = {}
        self._table: dict[str, str] = {}
        self.trl = False

    @property
    def any(self) -> bool:
        """Whether the Trainer's own lines were seen."""
        return bool(self._rows or self._results)

    def dictionary(self, row: dict[str, Any], step: float | None) -> None:
        """Take a dictionary that stands after a bar at this step."""
        if not row or any(k.startswith(("eval_", "test_")) for k in row):
            return
        if "train_runtime" in row and ("train_samples_per_second" in row or "train_loss" in row):
            if self._results:  # every rank prints its own
                self.log.store.copies += 1
            else:
                self._results = row
        elif len(self._rows) < _MOST and (
            "loss" in row or "reward" in row or any(k in row for k in (*_COUNTERS, *_STEP_TIMES))
        ):
            own = as_number(row.get("step")) or as_number(row.get("global_step"))
            self._rows.append((own or step, row))

    def row_of_table(self, line: str) -> None:
        """Take a line of the table of results."""
        if found := _TABLE.search(line):
            self._table.setdefault(found[1], found[2])

    def end(self, bars: Mapping[float, Sequence[Progressed]] | None = None) -> None:
        """Results of the whole run, tokens of a step, times of a step; ``bars`` are those of the log by their total."""
        results, s = self._results or self._table, self.log.summary
        if results:
            if bars is not None:
                self.log.total_steps = self._of_the_training(bars, results)
            if self.log.total_steps and "global_step" not in results:
                s["steps"] = self.log.total_steps
            documents.read_results(results, self.log)
            self.log.job |= {k: v for k, v in s.items() if k != "steps_per_s"}
            self._resumed((bars or {}).get(s.get("steps", 0.0), ()))
        self.trl = any("num_tokens" in row for _, row in self._rows)
        self._running_time()
        self._tokens()
        self._step_times()
        rates = [v for _, row in self._rows if (v := as_number(row.get(_AXOLOTL)))]
        if rates:
            s["trainable_tokens_per_s_of_unknown_scope"] = sum(rates[len(rates) // 2 :]) / len(rates[len(rates) // 2 :])

    def _of_the_training(self, bars: Mapping[float, Sequence[Progressed]], results: Mapping[str, Any]) -> float | None:
        """The total of the bar that the results are of: others evaluate, predict, load; ``None`` where none is."""
        rate, runtime = as_number(results.get("train_steps_per_second")), as_number(results.get("train_runtime"))
        if not rate or not runtime or not bars:
            return self.log.total_steps
        steps, slack = rate * runtime, _SAME_STEPS + resolution(str(results["train_steps_per_second"]))
        total = min(bars, key=lambda t: abs(t - steps))
        return total if abs(total - steps) <= max(1.0, slack * steps) else None

    def _resumed(self, bar: Sequence[Progressed]) -> None:
        """A resumed run's bar leaps to where it was: its time is of the steps since, its rates are of all of them."""
        s = self.log.summary
        if len(bar) < 2 or "runtime_s" not in s or bar[1].elapsed_s - bar[0].elapsed_s < _LONG_S:
            return
        first, last = bar[0], bar[1]
        rate = (last.step - first.step) / (last.elapsed_s - first.elapsed_s)
        if rate <= 0 or first.step < _LEAP * max(1.0, rate * first.elapsed_s) or first.step < _SAME_STEPS * last.step:
            return
        if samples := s.pop("samples_per_s", None):
            s["global_batch"] = samples * s["runtime_s"] / s["steps"]
        s.pop("steps_per_s", None)
        s["steps"] = last.step - first.step + rate * first.elapsed_s
        self.log.note(
            "log/resumed", "warning",
            f"the run was resumed at about step {first.step:g}: its run time is of the {s['steps']:.0f} steps since, "
            "the stated rates count all steps", resumed_at=first.step,
        )  # fmt: skip

    def _running_time(self) -> None:
        """``train_runtime`` between the losses counts from the start, and leaves the last checkpoint out."""
        s = self.log.summary
        timed = [(step, row) for step, row in self._rows if as_number(row.get("train_runtime"))]
        if not timed:
            return
        step, row = timed[-1]
        runtime, seen = as_number(row["train_runtime"]), as_number(row.get("num_input_tokens_seen"))
        if not runtime or ("tokens_total" in s and seen != s["tokens_total"]):
            return
        steps = s.get("steps") or step or self.log.total_steps
        s["runtime_s"] = runtime
        if seen:
            s["tokens_total"], s["tokens_per_s"] = seen, seen / runtime
        if steps:
            s["steps"] = steps
        for stale in ("samples_per_s", "steps_per_s"):
            if self.log.job.get("runtime_s") and stale in s:
                s[stale] *= self.log.job["runtime_s"] / runtime

    def _counts(self) -> list[tuple[float, float, float]]:
        """Step, tokens so far and their half-width, of the surest counter."""
        for key in _COUNTERS:
            found = [(step, row[key]) for step, row in self._rows if as_number(row.get(key))]
            if found:
                if all(step is None for step, _ in found):  # one dictionary a step, as far as anything tells
                    found = [(float(i + 1), raw) for i, (_, raw) in enumerate(found)]
                return [(step, as_number(raw) or 0.0, resolution(str(raw))) for step, raw in found if step]
        return []

    def _tokens(self) -> None:
        """Tokens of a step that were really there."""
        counts = self._counts()
        if not counts:
            return
        first, last = counts[0], counts[-1]
        if len(counts) > 1 and last[0] > first[0] and last[1] > first[1]:
            each = (last[1] - first[1]) / (last[0] - first[0])
        else:
            each = last[1] / last[0]
        if "tokens_per_s" not in self.log.summary:
            self.log.summary["tokens_per_step"] = each
            self.log.see({"tokens_per_step": last[2]})
        self.log.summary.setdefault("tokens_total", last[1])

    def _step_times(self) -> None:
        """Stated seconds of a step replace the bars."""
        key = next((k for k in _STEP_TIMES if any(as_number(row.get(k)) for _, row in self._rows)), "")
        timed = [(step, row) for step, row in self._rows if as_number(row.get(key))]
        summary, store = self.log.summary, self.log.store
        if len(timed) < (_ENOUGH if "runtime_s" in summary else 2):
            return
        store.clear()
        unnumbered = all(step is None for step, _ in timed)
        each = max(1.0, round(summary.get("steps", 0.0) / len(timed))) if unnumbered else 1.0
        for name in ("runtime_s", "tokens_per_s", "samples_per_s", "steps_per_s", "steps"):
            summary.pop(name, None)  # of the whole run: in job
        if unnumbered and "steps" not in self.log.job:
            self.log.note(
                "log/one-dictionary-a-step", "warning",
                "nothing in the log numbers its steps: each dictionary is taken for one step (logging_steps 1)",
            )  # fmt: skip
        self.log.uneven = True
        self.log.running.discard("step_time_s")
        self.log.notes = [n for n in self.log.notes if n.code != "log/smoothed-rate"]  # the bars are gone
        before: tuple[float, float] | None = None
        for i, (step, row) in enumerate(timed):
            at = step or (i + 1) * each
            record = Record(step=at, step_time_s=as_number(row[key]))
            total = as_number(row.get("num_tokens"))
            if total and before and at > before[0] and total > before[1]:
                record.tokens_per_step = (total - before[1]) / (at - before[0])
            before = (at, total) if total else before
            record.tokens_total = total
            store.add(record)
        self.log.summary.pop("tokens_per_step", None)
