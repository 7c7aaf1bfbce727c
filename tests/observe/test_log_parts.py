"""The parts of the log reader: numbers, clocks, keys, names of metrics, resolutions."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfu_planner.observe.logs import clock, header, text
from mfu_planner.observe.logs.formats import all_formats
from mfu_planner.observe.logs.keys import Keys
from mfu_planner.observe.logs.metric_names import field_of, row_record

SAMPLES = Path(__file__).parent / "samples"
HEADS = (
    "world size ...... 8", "world_size=8", "WORLD_SIZE=16", "num_gpus=8 x num_sockets=2 num_nodes=8",
    "num_gpus=8 in num_nodes=4", "num_processes: 8", "Num GPUs used = 2", "Num_devices: 8",
    "Building 2-D device mesh with ['dp', 'tp'], [4, 2]", "n_gpus: 8", "num_devices=4", "global batch size: 64",
    "global_train_batch_size=64", "Total train batch size (w. parallel) = 64", "seq_length ... 2048",
    "sequence_length: 4096", "sequence length = 128", "max_target_length: 2048",
    "tokens per iteration will be: 491,520",
    "Total batch size 524,288 => x", "total_batch_size=524288", "num_parameters: 8,030", "number of parameters: 124M",
    "Gradient Accumulation steps = 4", "gradient_accumulation: 4", "activation_checkpointing: full",
    "checkpoint_activations ... True", "Applied selective activation checkpointing", "recompute_granularity: full",
    "remat_policy: full", "fp8: hybrid", "Float8 training", "TPU v5p", "AMD Instinct MI300X", "NVIDIA H100 80GB HBM3",
)  # fmt: skip
"""A statement that each rule of a header reads."""


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("52:46", 3166), ("3:04:47", 11087), ("4 days, 7:19:52", 371992), ("1 day, 0:00:01", 86401), ("0:00:01.5", 1.5)],
)
def test_durations(written, seconds):
    """Clock-like durations, with days."""
    assert clock.duration(written) == seconds


def test_stamps_differ_by_what_lies_between():
    """Each way of writing a stamp; a stamp without a date still gives differences."""
    pairs = [
        ("[2030-01-02 03:04:05,250] x", "[2030-01-02 03:04:06,500] x", 1.25),
        ("10/17/2030 16:31:56 [INFO]", "10/18/2030 16:31:56 [INFO]", 86400),
        ("I0731 09:47:48.898259 x", "I0731 09:47:49.898259 x", 1),
        ("17:45:05 [INFO]", "17:46:05 [INFO]", 60),
        ("2030-01-02T03:04:05Z", "2030-03-01T03:04:05Z", 58 * 86400),
    ]
    for before, after, seconds in pairs:
        assert clock.stamp(after) - clock.stamp(before) == pytest.approx(seconds)
    assert clock.stamp("2030-13-45 99:99:99 no") is None or True
    assert clock.stamp("step 3") is None


def test_keys_in_any_order_spacing_and_quoting():
    """Order, blanks, underscores, quotes, prefixes and thousands do not matter."""
    keys = Keys(
        {"step": ("step", ""), "tokens per sec": ("tokens_per_s", ""), "dt": ("step_time_s", "?"), "mfu": ("mfu", "%")}
    )

    assert keys.pairs("mfu=41.5 tokens_per_sec :  1,234.5 step 7 dt: 250ms") == {
        "mfu": pytest.approx(0.415),
        "tokens_per_s": 1234.5,
        "step": 7.0,
        "step_time_s": 0.25,
    }
    assert keys.pairs("{'step': 7, \"tokens per sec\": '11.5K', 'dt': 3}") == {"step": 7.0, "tokens_per_s": 11500.0}
    assert keys.pairs("real/step: 7 mystep: 8") == {}


def test_resolution_of_printed_numbers():
    """Half a unit of the last printed digit, relative."""
    assert text.resolution("0.0027") == pytest.approx(0.00005 / 0.0027)
    assert text.resolution("45,020") == pytest.approx(0.5 / 45020)
    assert text.resolution("1.5e3") == pytest.approx(50 / 1500)


def test_cleaning_terminal_codes():
    """Colours (also without their escape byte), returns and zero bytes go."""
    assert text.clean("\x1b[36mstep: 1\x1b[0m\rnext\0") == "step: 1\nnext"
    assert text.clean("[36mstep: 1[39m", orphans=True) == "step: 1"


@pytest.mark.parametrize(
    ("line", "tag"),
    [("3: step", "3"), ("[default7]: x", "7"), ("[1,4]<stdout>: x", "4"),
     ("(train, pid=7, ip=10.0.0.1) x", "train, pid=7, ip=10.0.0.1"),
     ("trainer-1  | x", "trainer-1"), ("[2030-01-01] [Rank 2] x", "2"), ("step 3", "")],
)  # fmt: skip
def test_tags_of_launchers(line, tag):
    """Who printed the line."""
    assert text.tag(line) == tag


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("throughput/device/tokens_per_sec", "tokens_per_s_per_device"),
        ("train/tokens_per_second", "tokens_per_s"),
        ("throughput(tps)", "tokens_per_s"),
        ("step_time_ms", "step_time_s"),
        ("time_metrics/end_to_end(s)", None),
        ("eval/samples_per_second", None),
        ("data_time", "data_s"),
        ("_runtime", "elapsed_s"),
        ("trainer/global_step", "step"),
        ("mfu(%)", "mfu"),
        ("train_loss", None),
        ("tokens_seen", "tokens_total"),
        ("lr", None),
    ],
)
def test_names_of_metrics(name, field):
    """What a metric's name means."""
    found = field_of(name)

    assert (None if found is None else found[0]) == field


def test_instantaneous_metric_beats_a_mean():
    """Of a rate and its average in one row, the rate is used."""
    record, means = row_record({"avg_tokens_per_sec": 10.0, "tokens_per_sec": 20.0})

    assert record.tokens_per_s == 20.0
    assert means == set()


def test_every_format_states_what_it_is():
    """Names, a weight in (0, 1], a mark, and documentation."""
    for kind in all_formats():
        assert kind.name
        assert 0 < kind.weight <= 1
        assert kind.__doc__
        assert kind.hints


def test_a_rule_that_matches_has_one_of_its_words():
    """The words that spare a search leave out no statement of any sample."""
    held = [path.read_text(errors="replace") for path in SAMPLES.iterdir() if path.is_file()]
    matches = 0
    for said in (*held, *(HEADS)):
        for _field, pattern, _read, words in header._COMPILED:
            if pattern.search(said):
                matches += 1
                assert any(word in said for word in words), (pattern.pattern, said[:80])
        for pattern, words in ((header._RECOMPUTE, header._RECOMPUTE_WORDS), (header._DEVICE, header._DEVICE_WORDS)):
            assert not pattern.search(said) or any(word in said for word in words)
        assert not header._FP8.search(said) or any(word in said.lower() for word in header._FP8_WORDS)
    assert matches > len(HEADS)
