"""What monitoring systems get: read back with their own parsers."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import urllib.request
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from mfu_planner import Meter
from mfu_planner.errors import InputError
from mfu_planner.observe.watch import watch

FLAGS = {"params": "8B", "hardware": "h100-sxm", "devices": 8, "seq_len": 4096, "global_batch": 16}
RULES = resources.files("mfu_planner.observe.watch") / "alerts.yaml"
DASHBOARD = resources.files("mfu_planner.observe.watch") / "dashboard.json"


@pytest.fixture
def log(tmp_path: Path) -> str:
    path = tmp_path / "train.jsonl"
    rows = [{"step": i, "step_time_s": 2.0, "tokens_per_step": 65536} for i in range(1, 31)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def parsed(text: str) -> dict[str, float]:
    parser = pytest.importorskip("prometheus_client.parser", reason="needs the extra watch")
    return {s.name: s.value for family in parser.text_string_to_metric_families(text) for s in family.samples}


@pytest.mark.extra
def test_a_textfile_holds_the_counters_and_gauges(log: str, tmp_path: Path) -> None:
    pytest.importorskip("prometheus_client", reason="needs the extra watch")
    watch([log], rounds=1, textfile=str(tmp_path / "mfu.prom"), predicted_mfu=0.2, **FLAGS)
    found = parsed((tmp_path / "mfu.prom").read_text())

    assert found["training_steps_total"] == 30
    assert found["training_tokens_total"] == 30 * 65536
    assert found["training_model_flops_total"] == pytest.approx(6 * 8e9 * 30 * 65536)
    assert found["training_peak_flops_per_second"] == pytest.approx(8 * 989.4e12)
    assert found["training_mfu_ratio"] == pytest.approx(6 * 8e9 * 65536 / 2 / (8 * 989.4e12))
    assert found["training_predicted_mfu_ratio"] == 0.2


@pytest.mark.extra
def test_the_server_answers_on_this_machine(log: str) -> None:
    pytest.importorskip("prometheus_client", reason="needs the extra watch")
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    pages: list[str] = []

    def ask(_: float) -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
            pages.append(answer.read().decode())

    watch([log], rounds=2, address=f":{port}", sleep=ask, **FLAGS)
    found = parsed(pages[0])

    assert found["training_steps_total"] == 30


@pytest.mark.extra
@pytest.mark.parametrize("address", ["nowhere", "127.0.0.1:0", "127.0.0.1:99999", ":x"])
def test_an_address_that_makes_no_sense_is_one_line(log: str, address: str) -> None:
    pytest.importorskip("prometheus_client", reason="needs the extra watch")
    with pytest.raises(InputError, match=r"^prometheus: got"):
        watch([log], rounds=1, address=address, **FLAGS)


@pytest.mark.extra
def test_opentelemetry_carries_the_same_values(log: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("opentelemetry.sdk.metrics", reason="needs the extra watch")
    from opentelemetry.exporter.otlp.proto.http import metric_exporter
    from opentelemetry.sdk.metrics import export

    made: list[Any] = []

    class Reader(export.InMemoryMetricReader):
        def __init__(self, exporter: Any) -> None:
            super().__init__()
            made.append(self)

    monkeypatch.setattr(export, "PeriodicExportingMetricReader", Reader)
    monkeypatch.setattr(metric_exporter, "OTLPMetricExporter", lambda: None)
    watch([log], rounds=1, opentelemetry=True, **FLAGS)
    data = json.loads(made[0].get_metrics_data().to_json())
    metrics = data["resource_metrics"][0]["scope_metrics"][0]["metrics"]
    found = {m["name"]: m["data"]["data_points"][0]["value"] for m in metrics if m["data"]["data_points"]}

    assert found["training_steps"] == 30
    assert found["training_mfu_ratio"] == pytest.approx(6 * 8e9 * 65536 / 2 / (8 * 989.4e12))


@pytest.mark.extra
def test_promtool_accepts_the_metrics_and_the_alert_rules(log: str, tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("needs promtool (Debian package prometheus)")
    watch([log], rounds=1, textfile=str(tmp_path / "mfu.prom"), **FLAGS)
    metrics = subprocess.run(
        [promtool, "check", "metrics"], input=(tmp_path / "mfu.prom").read_bytes(), capture_output=True, check=False
    )
    rules = subprocess.run([promtool, "check", "rules", str(RULES)], capture_output=True, check=False)

    assert (metrics.returncode, metrics.stderr) == (0, b"")
    assert rules.returncode == 0, rules.stderr


@pytest.mark.extra
def test_the_meter_writes_there_too(tmp_path: Path) -> None:
    """Three steps of 2 s with 1e6 tokens; the first is left out of the mean."""
    pytest.importorskip("prometheus_client", reason="needs the extra watch")
    times = iter([0.0, 4.0, 6.0, 8.0])
    path = tmp_path / "meter.prom"
    meter = Meter(flops_per_token=6e9, peak=1e15, devices=4, clock=lambda: next(times), textfile=str(path), rank=0)
    for _ in range(3):
        meter.step(1e6)
    meter.close()
    found = parsed(path.read_text())

    assert found["training_steps_total"] == 3
    assert found["training_tokens_total"] == 3e6
    assert found["training_model_flops_total"] == pytest.approx(1.8e16)
    assert found["training_mfu_ratio"] == pytest.approx(6e9 * 1e6 / 2 / 4e15)


def test_the_dashboard_and_the_rules_use_only_metrics_that_are_exported() -> None:
    from mfu_planner.observe.watch.exports import COUNTERS, GAUGES

    known = {f"{name}_total" for name in COUNTERS} | set(GAUGES)
    import re

    for text in (RULES.read_text("utf-8"), DASHBOARD.read_text("utf-8")):
        assert set(re.findall(r"\btraining_[a-z_]+", text)) <= known
    assert json.loads(DASHBOARD.read_text("utf-8"))["panels"]
