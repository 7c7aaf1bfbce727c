"""The meter inside other people's loops: callbacks for the Hugging Face Trainer and for Lightning.

Both libraries are imported when a callback is made, never before.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

from mfu_planner.observe.meter import Meter

_UNCOUNTED = "no MFU: give hf_callback(tokens_per_step=…) or TrainingArguments(include_num_input_tokens_seen=…)"


def hf_callback(meter: Meter, *, tokens_per_step: float | None = None, trainer: Any = None) -> Any:
    """A ``transformers.TrainerCallback`` that ends a meter step at every optimizer step.

    Parameters
    ----------
    tokens_per_step
        Tokens of the whole job in one step; without it the Trainer must count them (``include_num_input_tokens_seen``).
        Where neither says, nothing is metered, which a warning says once.
    trainer
        The Trainer, where its own reports (TensorBoard, Weights & Biases) shall have the values too: the callback is
        then put before theirs.  Without it the values are in ``log_history`` and with the callbacks that come later.

    Notes
    -----
    The time between a step's end and the next one's begin counts as waiting for data.  The values since the warm-up are
    logged as ``mfu`` and ``tokens_per_s``.
    """
    from transformers import TrainerCallback

    made = type("MeterCallback", (_Metered, TrainerCallback), {})(meter, tokens_per_step)
    if trainer is not None:
        trainer.callback_handler.callbacks.insert(0, made)
    return made


class _Metered:
    """What a Trainer calls; the base class of the library joins it when a callback is made."""

    def __init__(self, meter: Meter, tokens_per_step: float | None) -> None:
        self._meter, self._tokens = meter, tokens_per_step
        self._seen = 0.0
        self._ended: float | None = None
        self._said = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        del args, control, kwargs
        self._seen = float(state.num_input_tokens_seen or 0)
        self._meter.restart()

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        del args, state, control, kwargs
        if self._ended is not None:
            self._meter.waited(time.perf_counter() - self._ended)
            self._ended = None

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        del args, control, kwargs
        seen = float(state.num_input_tokens_seen or 0)
        tokens = seen - self._seen if self._tokens is None else self._tokens
        self._seen = seen
        if tokens > 0:
            self._meter.step(tokens)
        elif not self._said:
            self._said = True
            warnings.warn(_UNCOUNTED, stacklevel=2)
        self._ended = time.perf_counter()

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        del args, state, control, kwargs
        self._resume()

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        del args, state, control, kwargs
        self._resume()

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        del args, control, kwargs
        if isinstance(logs, dict) and self._meter.mfu is not None:
            _put(self._meter, logs, state)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        del args, state, control, kwargs
        self._meter.close()

    def _resume(self) -> None:
        self._meter.restart()
        self._ended = None


def _put(meter: Meter, logs: dict[str, Any], state: Any) -> None:
    """The meter's values into what is logged, and into the entry that the Trainer wrote down before it asked."""
    values = {"mfu": meter.mfu, "tokens_per_s": meter.tokens_per_s}
    logs.update(values)
    if state.log_history and state.log_history[-1].get("step") == state.global_step:
        state.log_history[-1].update(values)


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
