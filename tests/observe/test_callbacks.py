"""The meter inside the real Trainer and Lightning: its values arrive where their docstrings say."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

from mfu_planner import Meter
from mfu_planner.observe.callbacks import hf_callback, lightning_callback

pytestmark = [pytest.mark.extra, pytest.mark.filterwarnings("ignore")]


def meter() -> Meter:
    return Meter(flops_per_token=6e3, peak=1e9, devices=1, rank=0)


def trained(folder: Path, callback_of: Any, **more: Any) -> Any:
    """Six steps of a GPT-2 of one layer on eight tokens a sequence."""
    torch = pytest.importorskip("torch", reason="needs torch")
    transformers = pytest.importorskip("transformers", reason="needs transformers")
    pytest.importorskip("accelerate", reason="the Trainer needs accelerate")
    config = transformers.GPT2Config(vocab_size=16, n_positions=8, n_embd=8, n_layer=1, n_head=1)
    rows = [{"input_ids": torch.zeros(8, dtype=torch.long), "labels": torch.zeros(8, dtype=torch.long)}] * 12
    arguments = transformers.TrainingArguments(
        output_dir=str(folder), max_steps=6, per_device_train_batch_size=2, logging_steps=1, use_cpu=True,
        save_strategy="no", disable_tqdm=True, **more,
    )  # fmt: skip
    trainer = transformers.Trainer(model=transformers.GPT2LMHeadModel(config), args=arguments, train_dataset=rows)
    callback_of(trainer)
    trainer.train()
    return trainer


def test_the_values_reach_log_history_and_tensorboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="needs tensorboard"
    )
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "board"))
    held = meter()
    trainer = trained(tmp_path, lambda t: hf_callback(held, tokens_per_step=16, trainer=t), report_to=["tensorboard"])
    logged = [entry["mfu"] for entry in trainer.state.log_history if "mfu" in entry]
    board = accumulator.EventAccumulator(str(tmp_path / "board")).Reload()

    assert len(logged) >= 5
    assert logged[-1] == pytest.approx(held.mfu)
    assert [e.value for e in board.Scalars("train/mfu")] == pytest.approx(logged, rel=1e-6)


def test_the_trainer_may_count_the_tokens(tmp_path: Path) -> None:
    held = meter()
    trained(tmp_path, lambda t: t.add_callback(hf_callback(held)), report_to=[], include_num_input_tokens_seen="all")

    assert held.steps == 6
    assert held.tokens == 6 * 16


def test_without_counts_nothing_is_metered_and_it_is_said_once(tmp_path: Path) -> None:
    held = meter()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        trainer = trained(tmp_path, lambda t: t.add_callback(hf_callback(held)), report_to=[])

    assert held.steps == 0
    assert not any("mfu" in entry for entry in trainer.state.log_history)
    assert sum("no MFU: give" in str(w.message) for w in said) == 1


def test_lightning_logs_the_mfu_of_each_step(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="needs torch")
    lightning = pytest.importorskip("lightning.pytorch", reason="needs lightning")

    class Line(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(4, 1)

        def training_step(self, batch: Any, _: int) -> Any:
            return self.layer(batch).mean()

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    held = meter()
    logger = lightning.loggers.CSVLogger(str(tmp_path))
    trainer = lightning.Trainer(
        max_steps=5, accelerator="cpu", devices=1, logger=logger, log_every_n_steps=1, enable_progress_bar=False,
        enable_checkpointing=False, enable_model_summary=False,
        callbacks=[lightning_callback(held, tokens_per_step=32)],
    )  # fmt: skip
    trainer.fit(Line(), torch.utils.data.DataLoader(torch.zeros(20, 4), batch_size=4))

    assert held.tokens == 5 * 32
    assert "mfu" in (Path(logger.log_dir) / "metrics.csv").read_text().splitlines()[0].split(",")
