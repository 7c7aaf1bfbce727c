"""Sentences of the planner in another language: every message is found again in what it was filled to."""

from __future__ import annotations

import re
from typing import Any

import pytest

from mfu_planner import diagnose, plan, predict
from mfu_planner.errors import InputError
from mfu_planner.ui.sentences import Sentences
from mfu_planner.ui.text import translations

_PLACE = re.compile(r"{(\w+)[^{}]*}")
_ENGLISH = re.compile(r"(?<![\w-])[a-z]{2,} [a-z]{2,}(?!\d)")


@pytest.fixture(scope="module")
def chinese() -> Sentences:
    """The shipped catalogues."""
    return Sentences(
        {k: v for d in ("sentences", "mfu_planner") for k, v in vars(translations("zh", d))["_catalog"].items()}
    )


def test_every_message_is_found_with_its_values(chinese: Sentences) -> None:
    """A value of a number is kept, and no English is left of what stands around it."""
    catalogue = vars(translations("zh", "sentences"))["_catalog"]
    for identifier, translation in catalogue.items():
        if not identifier or identifier == translation:
            continue
        said = chinese.say(_PLACE.sub("4711", identifier))
        assert said.count("4711") == len(_PLACE.findall(translation)), (identifier, said)
        rest = _PLACE.sub("", translation)
        assert len(_ENGLISH.findall(said)) <= len(_ENGLISH.findall(rest)), (identifier, said)


@pytest.mark.parametrize(
    ("english", "expected"),
    [
        ("seven for ever", "seven for ever"),  # no message accounts for it: nothing is guessed
        ("budget", "预算"),
        ("this needs an MFU of 120%, above 100% of the peak: give more devices, a later deadline or fewer tokens",
         "这需要 120% 的 MFU，超过峰值的 100%：请给出更多设备、更晚的期限或更少的 token"),
        ("micro-batch 4 in place of 2; no recomputation", "微批次由 2 改为 4；不做重计算"),
    ],
)  # fmt: skip
def test_values_and_joints(chinese: Sentences, english: str, expected: str) -> None:
    """Values stand where the translation has them; what was joined is parted."""
    assert chinese.say(english) == expected


def _told(**given: Any) -> list[str]:
    try:
        found = plan(**given)
    except InputError as error:
        return [str(error.given), error.accepted]
    return [*found.warnings, *(found.range.basis for _ in "." if found.range)]


def test_real_answers_are_whole(chinese: Sentences) -> None:
    """Warnings, ranges, findings, actions and assumptions of real questions leave no English behind."""
    model = {"model": "llama-3.1-8b", "hardware": "h100-sxm"}
    said = _told(**model, tokens="1T", devices=64, mfu="40%") + _told(**model, devices="abc") + _told(**model)
    predicted = predict(**model, devices=64, global_batch=256, tp=8)
    said += [*predicted["assumptions"], *predicted["not_modelled"], *predicted["warnings"], predicted["range"]["basis"]]
    slow = diagnose(**model, devices=64, global_batch=256, tp=8, tokens_per_second_per_device=3000)
    said += [slow.answer, *slow.warnings, *slow.assumptions, *slow.not_known, *(f.message for f in slow.findings)]
    said += [text for action in slow.actions for text in (action.change, action.risk)]
    left = {text: chinese.say(text) for text in said}
    assert not {text: told for text, told in left.items() if _ENGLISH.search(told)}
