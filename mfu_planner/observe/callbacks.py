"""The meter inside other people's loops: callbacks for the Hugging Face Trainer and for Lightning.

Both libraries are imported when a callback is made, never before.
"""

from __future__ import annotations

import time
from typing import Any

from mfu_planner.observe.meter import Meter


def hf_callback(meter: Meter, *, tokens_per_step: float | None = None) -> Any:
    """A ``transformers.TrainerCallback`` that ends a meter step at every optimizer step.

    Parameters
    ----------
    tokens_per_step
        Tokens of the whole job in one step; without it the Trainer must count them (``include_num_input_tokens_seen``).

    Notes
    -----
    The time between a step's end and the next one's begin counts as waiting for data.  The last values are logged as
    ``mfu`` and ``tokens_per_s``.
    """
    from transformers import TrainerCallback

    class MeterCallback(TrainerCallback):  # type: ignore[misc,unused-ignore]
        """Ends a step of the meter after every optimizer step."""

        def __init__(self) -> None:
            self._seen = 0.0
            self._ended: float | None = None

        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            del args, control, kwargs
            self._seen = float(state.num_input_tokens_seen or 0)
            meter.restart()

        def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            del args, state, control, kwargs
            if self._ended is not None:
                meter.waited(time.perf_counter() - self._ended)
                self._ended = None

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            del args, control, kwargs
            seen = float(state.num_input_tokens_seen or 0)
            tokens = seen - self._seen if tokens_per_step is None else tokens_per_step
            self._seen = seen
            meter.step(tokens)
            self._ended = time.perf_counter()

        def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            del args, state, control, kwargs
            self._resume()

        def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            del args, state, control, kwargs
            self._resume()

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
            del args, state, control, kwargs
            if isinstance(logs, dict) and meter.mfu is not None:
                logs["mfu"], logs["tokens_per_s"] = meter.mfu, meter.tokens_per_s

        def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            del args, state, control, kwargs
            meter.close()

        def _resume(self) -> None:
            meter.restart()
            self._ended = None

    return MeterCallback()


def lightning_callback(meter: Meter, *, tokens_per_step: float) -> Any:
    """A Lightning ``Callback`` that ends a meter step whenever ``trainer.global_step`` has advanced.

    Parameters
    ----------
    tokens_per_step
        Tokens of the whole job in one optimizer step.
    """
    try:
        from lightning.pytorch.callbacks import Callback
    except ImportError:
        from pytorch_lightning.callbacks import Callback  # type: ignore[import-not-found,assignment,unused-ignore]

    class MeterCallback(Callback):  # type: ignore[misc,unused-ignore]
        """Ends a step of the meter after every optimizer step."""

        def __init__(self) -> None:
            self._step = 0
            self._ended: float | None = None

        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            del pl_module
            self._step = int(trainer.global_step)
            meter.restart()

        def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
            del trainer, pl_module, batch, batch_idx
            if self._ended is not None:
                meter.waited(time.perf_counter() - self._ended)
                self._ended = None

        def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            del outputs, batch, batch_idx
            if int(trainer.global_step) > self._step:
                self._step = int(trainer.global_step)
                mfu = meter.step(tokens_per_step)
                pl_module.log("mfu", mfu, rank_zero_only=True)
            self._ended = time.perf_counter()

        def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
            del trainer, pl_module
            meter.restart()
            self._ended = None

        def on_train_end(self, trainer: Any, pl_module: Any) -> None:
            del trainer, pl_module
            meter.close()

    return MeterCallback()
