"""Jobs that run: a clock and a sleep of the test's own, so that nothing waits."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mfu_planner.errors import InputError
from mfu_planner.observe.watch import watch
from mfu_planner.observe.watch.look import Look
from mfu_planner.observe.watch.tail import HEAD_BYTES, RECENT_BYTES, Followed, Kept

FLAGS = {"params": "8B", "hardware": "h100-sxm", "devices": 8, "seq_len": 4096, "global_batch": 16}


def line(step: int, seconds: float = 2.0) -> str:
    return json.dumps({"step": step, "step_time_s": seconds, "tokens_per_step": 65536}) + "\n"


class Script:
    """A clock whose every sleep lets something happen to the logs."""

    def __init__(self, *happenings: Callable[[], Any]) -> None:
        self.now, self._happenings = 0.0, list(happenings)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self._happenings:
            self._happenings.pop(0)()


def seen_by(files: list[str], script: Script, rounds: int, **more: Any) -> list[tuple[str, Look]]:
    seen: list[tuple[str, Look]] = []
    watch(
        files,
        rounds=rounds,
        shown=lambda job, look: seen.append((job, look)),
        clock=script.clock,
        sleep=script.sleep,
        **{**FLAGS, **more},
    )
    return seen


def append(path: Path, text: str) -> Callable[[], Any]:
    return lambda: path.write_text(path.read_text() + text)


def test_the_mfu_of_a_growing_log_is_the_arithmetic(tmp_path: Path) -> None:
    """6 · 8e9 · 65,536 tokens in 2 s on 8 × 989.4 TFLOP/s is 19.87%; 30 steps of 2 s are done of 100."""
    log = tmp_path / "train.jsonl"
    log.write_text("".join(line(i) for i in range(1, 21)))
    script = Script(append(log, "".join(line(i) for i in range(21, 31))))
    seen = seen_by([str(log)], script, 2, target_tokens="6553600 tokens", price="2 $/h")

    assert [look.step for _, look in seen] == [20, 30]
    assert seen[-1][1].mfu == pytest.approx(6 * 8e9 * 65536 / 2 / (8 * 989.4e12))
    assert seen[-1][1].remaining_s == pytest.approx(70 * 2)
    assert seen[-1][1].remaining_cost_usd == pytest.approx(140 / 3600 * 8 * 2)
    assert seen[-1][1].model_flops == pytest.approx(6 * 8e9 * 30 * 65536)
    assert seen[-1][1].alarms == ()


def test_alarms_for_a_job_that_slows_down_and_then_stands_still(tmp_path: Path) -> None:
    log = tmp_path / "train.jsonl"
    log.write_text("".join(line(i) for i in range(1, 3000)))
    slow = "".join(line(i, 3.0) for i in range(3000, 5500))
    seen = seen_by([str(log)], Script(append(log, slow)), 4, every_s=60.0)

    assert seen[0][1].alarms == ()
    assert any("slower than before" in alarm for alarm in seen[1][1].alarms)
    assert any("stalled: nothing written for 120 s" in alarm for alarm in seen[-1][1].alarms)


def test_a_job_below_its_prediction_says_so(tmp_path: Path) -> None:
    log = tmp_path / "train.jsonl"
    log.write_text("".join(line(i) for i in range(1, 21)))
    [(_, look)] = seen_by([str(log)], Script(), 1, predicted_mfu=0.4)

    assert look.alarms == ("slower than predicted: MFU 19.9%, predicted 40.0%",)


def test_a_log_that_is_rotated_begins_anew(tmp_path: Path) -> None:
    log = tmp_path / "train.jsonl"
    log.write_text("".join(line(i) for i in range(1, 21)))

    def rotate() -> None:
        log.rename(tmp_path / "train.jsonl.1")
        log.write_text("".join(line(i) for i in range(1, 6)))

    seen = seen_by([str(log)], Script(rotate), 2)

    assert [look.step for _, look in seen] == [20, 5]


def test_every_log_of_a_folder_is_a_job_also_those_that_come_later(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("".join(line(i) for i in range(1, 9)))
    new = tmp_path / "b.jsonl"
    seen = seen_by([str(tmp_path)], Script(lambda: new.write_text("".join(line(i) for i in range(1, 5)))), 2)

    assert [job for job, _ in seen] == ["a.jsonl", "b.jsonl"]


def test_a_command_runs_its_output_is_passed_on_and_its_status_returned(capfdbinary: Any) -> None:
    text = "".join(line(i) for i in range(1, 21))
    program = f"import sys; sys.stdout.write({text!r}); sys.exit(5)"
    seen: list[Look] = []
    status = watch(
        command=[sys.executable, "-c", program], every_s=30, shown=lambda _, look: seen.append(look), **FLAGS
    )

    assert status == 5
    assert seen[-1].step == 20
    assert capfdbinary.readouterr().out.decode() == text


def test_what_is_kept_of_an_endless_log_is_bounded() -> None:
    kept = Kept()
    for step in range(200):
        kept.add(line(step).encode() * 1000)

    assert kept.size > HEAD_BYTES + RECENT_BYTES
    assert len(kept.text()) <= HEAD_BYTES + RECENT_BYTES
    assert kept.text().startswith('{"step": 0,')
    assert kept.newest().endswith(line(199))


@pytest.mark.parametrize(
    ("files", "more", "field"), [((), {}, "FILE"), (("missing.log",), {}, "FILE"), (("x",), {"every_s": 0.0}, "every")]
)
def test_nothing_to_watch_is_one_line(files: tuple[str, ...], more: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError, match=rf"^{field}: got"):
        watch(files, rounds=1, **more)


def test_only_regular_files_are_followed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a regular file"):
        Followed(Path("/dev/zero")).refresh()
