"""What one device is, and what people count instead: chips, cards, boards, slices, racks."""

import json

import pytest

from mfu_planner import measure, memory, plan, predict, search
from mfu_planner.cli.main import main
from mfu_planner.errors import InputError
from mfu_planner.hardware import lookup

RUN = {"model": "llama-3.1-8b", "seq_len": 8192}
OF_TRAINIUM2 = "one device is a core of AWS Trainium2: a chip is 4 devices"


@pytest.mark.parametrize(
    ("hardware", "devices", "rate", "mfu"),
    [
        ("trainium2", 16, 30000, 0.6512),
        ("trainium2", "16 chips", 30000, 0.1628),
        ("Trainium2 chip", 16, 30000, 0.1628),
        ("trn2.48xlarge", None, 60000, 0.3256),
        ("trainium2", "trn2.48xlarge", 60000, 0.3256),
        ("trainium2", "2x trn2.48xlarge", 120000, 0.3256),
    ],
)
def test_a_chip_named_anywhere_counts_its_devices(hardware, devices, rate, mfu):
    found = measure(**RUN, hardware=hardware, devices=devices, tokens_per_second=rate)
    assert found.mfu == pytest.approx(mfu, abs=5e-5)
    assert found.device_is == OF_TRAINIUM2
    assert found.counted_as["chip"] == 4


def test_an_mfu_gives_the_other_reading_only_where_nobody_said_the_unit():
    plain = measure(**RUN, hardware="trainium2", devices=16, tokens_per_second=30000)
    assert plain.mfu_if_counted_in == {"chip": pytest.approx(0.1628, abs=5e-5)}
    assert plain.device_reading == "16 devices are 4 chips; '16 chips' would be 64 devices"
    said = measure(**RUN, hardware="trainium2", devices="16 chips", tokens_per_second=30000)
    assert said.mfu_if_counted_in == {}
    assert said.device_reading == "64 devices are 16 chips"


def test_a_device_that_people_count_has_no_unit():
    found = measure(**RUN, hardware="h100-sxm", devices=8, tokens_per_second=60000)
    assert (found.device_is, found.counted_as, found.device_reading, found.mfu_if_counted_in) == (None, {}, None, {})


@pytest.mark.parametrize("rate", ["tokens_per_second_per_device", "flops_per_second_per_device", "peak"])
def test_a_figure_per_device_of_a_chip_is_refused(rate):
    value = 9 if rate == "tokens_per_second_per_device" else "600 TFLOP/s"
    given = {"tokens_per_second": 30000, "devices": 16, rate: value}
    with pytest.raises(InputError, match="chip ÷ 4"):
        measure(**RUN, hardware="Trainium2 chip", **given)


def test_every_answer_with_devices_says_what_one_is():
    layout = {"model": "llama-3.1-8b", "hardware": "mi250x", "devices": 16, "global_batch": 64}
    for found in (
        plan(model="llama-3.1-8b", hardware="mi250x", devices=16, tokens="1T", mfu="40%"),
        memory(**layout),
        predict(**layout),
        search(**layout, tp=1, pp=1),
    ):
        assert found.device_is == "one device is a GCD of AMD Instinct MI250X: a card is 2 devices"
        assert found.device_reading == "16 devices are 8 cards; '16 cards' would be 32 devices"


def test_the_first_line_says_it(capsys):
    flags = ["mfu", "--model", "llama-3.1-8b", "--hardware", "trainium2", "--devices", "16"]
    main([*flags, "--tokens-per-second", "30000"])
    shown = " ".join(capsys.readouterr().out.split())
    assert shown.startswith("One device is a core of AWS Trainium2: a chip is 4 devices. 16 devices are 4 chips;")
    assert "Counted in chips: MFU 16.28%." in shown


def test_a_deadline_asks_for_devices_that_the_instance_name_does_not_fix():
    goal = {"model": "llama-3.1-8b", "tokens": "1T", "mfu": "40%", "hardware": "trn2.48xlarge"}
    assert plan(**goal).devices == 64
    assert plan(**goal, deadline="30 days").devices == 384


@pytest.mark.parametrize(
    ("name", "accelerator", "devices"),
    [
        ("GB200 NVL72", "gb200", 72),
        ("Vera Rubin NVL72", "rubin", 72),
        ("VR200 NVL144", "rubin", 72),
        ("Helios", "mi455x", 72),
        ("DGX H100", "h100-sxm", 8),
        ("v4-1024", "tpu-v4", 512),
        ("v5p 4x4x4", "tpu-v5p", 64),
        ("LUMI", "mi250x", None),
        ("Alps", "gh200-96gb", None),
        ("JUPITER", "gh200-96gb", None),
        ("Leonardo", "a100-sxm-64gb", None),
        ("MareNostrum 5", "h100-sxm-64gb", None),
        ("aws-trn3-ultra", "trainium3", 576),
    ],
)
def test_a_machine_is_its_device_and_count(name, accelerator, devices):
    found = lookup(name)
    assert (found.accelerator.id, found.devices) == (accelerator, devices)


def test_a_slice_of_another_device_is_refused():
    with pytest.raises(InputError, match="this is tpu-v4"):
        memory(model="llama-3.1-8b", hardware="mi250x", devices="v4-1024")


def test_the_chips_own_figures_are_those_of_its_devices_together(capsys):
    main(["hardware", "trainium2", "--json"])
    one = json.loads(capsys.readouterr().out)
    main(["hardware", "Trainium2 chip", "--json"])
    chip = json.loads(capsys.readouterr().out)
    assert one["device_is"] == OF_TRAINIUM2
    assert chip["device_kind"] == "chip"
    assert chip["peak_flops_per_s"]["bf16"]["dense"] == pytest.approx(667e12, rel=2e-3)
    for key in ("memory_bytes", "memory_nominal_bytes", "memory_bandwidth_bytes_per_s"):
        assert chip[key] == pytest.approx(4 * one[key])
    assert chip["memory_nominal_bytes"] == 96 * 2**30
    assert chip["interconnect"]["scale_up"]["domain"] == 16
    assert "every figure here is of a chip: 4 devices" in chip["warnings"]
