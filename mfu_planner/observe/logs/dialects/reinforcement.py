"""Reinforcement learning: verl and its forks, NeMo-RL, prime-rl, OpenRLHF, slime, AReaL, TRL's trainers."""

from __future__ import annotations

from dataclasses import replace

from mfu_planner.observe.logs.dialects.base import Dialect

GENERATION, LOG_PROBABILITIES, REFERENCE, VALUES = "generation", "log-probabilities", "reference", "values"
REWARD, ADVANTAGE, TRAINING, CRITIC = "reward", "advantage", "training", "critic training"
SYNC, WAITING, CHECKPOINT, EVALUATION, DATA = "weight sync", "waiting", "checkpoint", "evaluation", "data"

#: Phases in which a model of the policy's size is run forward only, over all tokens of the step.
FORWARD_ONLY = (GENERATION, LOG_PROBABILITIES, REFERENCE)
#: Phases in which the trainer's devices work.
TRAINERS = (LOG_PROBABILITIES, REFERENCE, VALUES, TRAINING, CRITIC)

#: ``timing_s/…`` in releases with the Ray trainer, ``timing/…`` before.
_VERL_PHASES = {
    "gen": GENERATION,
    "old_log_prob": LOG_PROBABILITIES,
    "ref": REFERENCE,
    "ref_log_prob": REFERENCE,
    "values": VALUES,
    "reward": REWARD,
    "reward_model": REWARD,
    "verify": REWARD,
    "adv": ADVANTAGE,
    "update_actor": TRAINING,
    "update_critic": CRITIC,
    "update_weights": SYNC,
    "sync_rollout_weights": SYNC,
    "param_sync": SYNC,
    "timing_s/param_sync": SYNC,  # so is it called since a timer's own name is put behind the prefix
    "wait_prev_gen": WAITING,  # one step off: generation runs beside the training
    "wait_prev_teacher": WAITING,
    "save_checkpoint": CHECKPOINT,
    "testing": EVALUATION,
}

VERL = Dialect(
    name="verl",
    about="``perf/throughput`` is tokens/s per GPU of the whole step, ``perf/total_num_tokens`` is of one step, "
    "``perf/mfu/actor`` of the update alone.",
    marks=(
        ("perf/total_num_tokens", "perf/throughput"),
        ("timing_s/step",),
        ("timing_s/update_actor",),
        ("perf/time_per_step",),
        ("timing/update_actor", "timing/gen"),
        ("perf/mfu/actor", "actor/grad_norm"),
        ("perf/delta_time/step", "perf/delta_time/actor"),
    ),
    keys={
        "training/global_step": ("step", ""),
        "step": ("step", ""),
        "perf/time_per_step": ("step_time_s", "s"),
        "timing_s/step": ("step_time_s", "s"),
        "perf/delta_time/step": ("step_time_s", "s"),
        "perf/throughput": ("tokens_per_s_per_device", ""),
        "perf/total_num_tokens": ("tokens_per_step", ""),
        "perf/mfu/actor": ("mfu", ""),
    },
    totals={"seq_len": ("prompt_length/mean", "response_length/mean")},
    phases={f"{head}/{key}": phase for head in ("timing_s", "timing") for key, phase in _VERL_PHASES.items()}
    | {
        "perf/delta_time/rollout": GENERATION,
        "perf/delta_time/actor_log_prob": LOG_PROBABILITIES,
        "perf/delta_time/reference": REFERENCE,
        "perf/delta_time/reward": REWARD,
        "perf/delta_time/advantage": ADVANTAGE,
        "perf/delta_time/actor": TRAINING,
        "perf/delta_time/data_loading": DATA,
    },
    uneven=True,
    phase_mfu=True,
)

VERL_ASYNC = replace(
    VERL,
    name="verl-async",
    about="Of verl's fully asynchronous trainer: ``timing_s/gen`` is its wait for samples, ``perf/throughput`` is per "
    "GPU of trainers and generators together.",
    marks=(
        ("fully_async/trainer/idle_ratio",),
        ("fully_async/processing_time/avg",),
        ("fully_async/count/current_param_version",),
    ),
    phases={**VERL.phases, "timing_s/gen": WAITING},
    apart=True,
)

VERL_IMAGES = replace(
    VERL,
    name="verl-images",
    about="Of verl's diffusion trainers: ``perf/throughput`` is images/s per GPU.",
    marks=(("perf/total_num_images",),),
    keys={
        **{key: spec for key, spec in VERL.keys.items() if key not in ("perf/throughput", "perf/total_num_tokens")},
        "perf/throughput": ("samples_per_s_per_device", ""),
        "perf/total_num_images": ("global_batch", ""),
    },
    totals={},
)

VERL_SFT = Dialect(
    name="verl-sft",
    about="``train/time(s)`` and ``train/global_tokens`` are of one step.",
    marks=(("train/loss", "train/time(s)"), ("loss", "time(s)"), ("train/global_tokens", "train/mfu")),
    keys={
        "step": ("step", ""),
        "train/time(s)": ("step_time_s", "s"),
        "time(s)": ("step_time_s", "s"),
        "train/global_tokens": ("tokens_per_step", ""),
        "train/mfu": ("mfu", ""),
    },
    uneven=True,
)

_NEMO_RL_PHASES = {
    "generation": GENERATION,
    "policy_training": TRAINING,
    "policy_and_reference_logprobs": LOG_PROBABILITIES,
    "policy_and_reference_logprobs/total": LOG_PROBABILITIES,
    "value_training": CRITIC,
    "reward_calculation": REWARD,
    "checkpointing": CHECKPOINT,
    "prepare_for_generation/total": SYNC,
    "weight_sync": SYNC,
    "exposed_generation": WAITING,
    "data_processing": DATA,
}

NEMO_RL = Dialect(
    name="nemo-rl",
    about="``total_num_tokens`` is of one step; FLOPS and utilization are of the training phase alone.",
    marks=(
        ("timing/train/total_step_time",),
        ("performance/tokens_per_sec_per_gpu",),
        ("total_step_time", "policy_training"),
    ),
    keys={
        "step": ("step", ""),
        "timing/train/total_step_time": ("step_time_s", "s"),
        "total_step_time": ("step_time_s", "s"),
        "performance/tokens_per_sec_per_gpu": ("tokens_per_s_per_device", ""),
        "performance/tokens_per_sec": ("tokens_per_s", ""),
        "train/total_num_tokens": ("tokens_per_step", ""),
        "total_num_tokens": ("tokens_per_step", ""),
        "train/train_fp_utilization": ("mfu", ""),
        "train/tokens_per_sec_per_gpu": ("tokens_per_s_per_device", ""),
    },
    phases={f"{head}{key}": phase for head in ("timing/train/", "") for key, phase in _NEMO_RL_PHASES.items()},
    uneven=True,
    phase_mfu=True,
)

PRIME_RL = Dialect(
    name="prime-rl",
    about="``perf/throughput`` is of the whole job, ``perf/mfu`` in percent.",
    marks=(("perf/throughput", "perf/mfu"), ("perf/throughput_per_gpu",), ("perf/throughput", "time/step")),
    keys={
        "step": ("step", ""),
        "time/step": ("step_time_s", "s"),
        "perf/throughput": ("tokens_per_s", ""),
        "perf/throughput_per_gpu": ("tokens_per_s_per_device", ""),
        "perf/mfu": ("mfu", "%"),
    },
    phases={
        "time/forward_backward": TRAINING,
        "time/wait_for_batch": WAITING,
        "time/load_data": DATA,
        "time/broadcast_weights": SYNC,
        "time/save_ckpt": CHECKPOINT,
        "time/generate_completions": GENERATION,
        "time/recompute_logprobs": LOG_PROBABILITIES,
    },
    uneven=True,
)

OPENRLHF = Dialect(
    name="openrlhf",
    about="``timing/step_total`` is the step; the other ``timing/…`` are its phases.",
    marks=(("timing/step_total",), ("timing/make_experience", "timing/ppo_train")),
    keys={"step": ("step", ""), "global_step": ("step", ""), "timing/step_total": ("step_time_s", "s")},
    phases={
        "timing/make_experience": "experience",
        "timing/generation": GENERATION,
        "timing/ppo_train": TRAINING,
        "timing/broadcast": SYNC,
    },
    uneven=True,
)

SLIME = Dialect(
    name="slime",
    about="``perf/step_time`` is waiting and training; FLOP/s are per GPU, of the training phase.",
    marks=(("perf/actor_train_time",), ("perf/actor_train_tok_per_s",), ("perf/step_time", "perf/wait_time_ratio")),
    keys={
        "rollout/step": ("step", ""),
        "step": ("step", ""),
        "perf/step_time": ("step_time_s", "s"),
        "perf/actor_train_tflops": ("flops_per_s_per_device", "TFLOP/s"),  # of the training phase
    },
    products={"tokens_per_step": ("perf/actor_train_tok_per_s", "perf/actor_train_time")},
    phases={
        "perf/rollout_time": GENERATION,
        "perf/log_probs_time": LOG_PROBABILITIES,
        "perf/ref_log_probs_time": REFERENCE,
        "perf/actor_train_time": TRAINING,
        "perf/critic_train_time": CRITIC,
        "perf/update_weights_time": SYNC,
        "perf/save_model_time": CHECKPOINT,
        "perf/data_preprocess_time": DATA,
        "perf/train_wait_time": WAITING,
    },
    uneven=True,
    phase_mfu=True,
)

AREAL = Dialect(
    name="areal",
    about="``timeperf/…`` are the trainer's phases, one after another; ``n_tokens`` of one step.",
    marks=(("timeperf/train_step",), ("timeperf/rollout",), ("time_perf/e2e",), ("timeperf/e2e",)),
    keys={
        "step": ("step", ""),
        "timeperf/e2e": ("step_time_s", "s"),
        "time_perf/e2e": ("step_time_s", "s"),
        "ppo_actor/n_tokens": ("tokens_per_step", ""),
        "ppo_actor/update/n_tokens": ("tokens_per_step", ""),
        "sft/n_tokens": ("tokens_per_step", ""),
    },
    phases={
        "timeperf/rollout": GENERATION,
        "timeperf/recompute_logp": LOG_PROBABILITIES,
        "timeperf/ref_logp": REFERENCE,
        "timeperf/teacher_logp": REFERENCE,
        "timeperf/critic_values": VALUES,
        "timeperf/critic_train_step": CRITIC,
        "timeperf/compute_advantage": ADVANTAGE,
        "timeperf/compute_advantages": ADVANTAGE,
        "timeperf/train_step": TRAINING,
        "timeperf/update_weights": SYNC,
        "timeperf/save": CHECKPOINT,
        "timeperf/checkpoint_for_recover": CHECKPOINT,
        "timeperf/eval": EVALUATION,
        "timeperf/clear_batches": DATA,
    },
    sums=True,
    uneven=True,
)

TRL = Dialect(
    name="trl",
    about="``num_tokens`` counts from the start, without padding; ``step_time`` is of one step.",
    marks=(("num_tokens", "step_time"), ("num_tokens", "completions/mean_length"), ("num_tokens", "reward"),
           ("num_tokens", "mean_token_accuracy"), ("num_tokens", "completion_length"), ("num_tokens", "loss")),
    keys={
        "step": ("step", ""),
        "global_step": ("step", ""),
        "step_time": ("step_time_s", "s"),
        "num_tokens": ("tokens_total", ""),  # since the start
    },
    uneven=True,
)  # fmt: skip

OPEN_INSTRUCT = Dialect(
    name="open-instruct",
    about="``global_step`` counts episodes, ``training_step`` steps; ``…_overall`` is a mean since the start.",
    marks=(("learner_tokens_per_second_overall",), ("learner_tokens_per_second_step",)),
    keys={
        "training_step": ("step", ""),
        "time/total": ("step_time_s", "s"),
        "learner_tokens_per_second_step": ("tokens_per_s", ""),
        "val/num_step_tokens": ("tokens_per_step", ""),
    },
    phases={"time/training": TRAINING, "time/weight_sync": SYNC, "time/saving": CHECKPOINT},
    uneven=True,
)

SKYRL = Dialect(
    name="skyrl",
    about="``timing/step`` is the step; the other ``timing/…`` are its phases.",
    marks=(("timing/step", "timing/policy_train"), ("timing/step", "trainer/global_step")),
    keys={"trainer/global_step": ("step", ""), "timing/step": ("step_time_s", "s")},
    phases={
        "timing/generate": GENERATION,
        "timing/wait_for_generation_buffer": WAITING,
        "timing/fwd_logprobs_values_reward": LOG_PROBABILITIES,
        "timing/policy_train": TRAINING,
        "timing/sync_weights": SYNC,
        "timing/save_checkpoints": CHECKPOINT,
    },
    uneven=True,
)

MINDSPEED_RL = Dialect(
    name="mindspeed-rl",
    about="``timing/all`` is the step; ``e2e_tps`` is per device over the whole step, other ``…_tps`` of its phases.",
    marks=(("timing/all", "e2e_tps"), ("timing/all", "timing/rollout", "timing/update")),
    keys={
        "iteration": ("step", ""),
        "step": ("step", ""),
        "_step": ("step", ""),
        "timing/all": ("step_time_s", "s"),
        "e2e_tps": ("tokens_per_s_per_device", ""),
    },
    totals={"seq_len": ("prompt_length/mean", "response_length/mean")},
    phases={
        "timing/rollout": GENERATION,
        "timing/old_log_p": LOG_PROBABILITIES,
        "timing/non_overlap_reference_model": REFERENCE,  # what does not run beside another phase
        "timing/non_overlap_rule_reward": REWARD,
        "timing/update": TRAINING,
        "timing/resharding_to_train": SYNC,
        "timing/resharding_to_infer": SYNC,
    },
    uneven=True,
)

#: OpenRLHF before verl: both print ``timing/…``, but other keys; verl's kinds before verl.
DIALECTS = (
    OPENRLHF, SLIME, VERL_ASYNC, VERL_IMAGES, VERL, VERL_SFT, NEMO_RL, PRIME_RL, AREAL, TRL, OPEN_INSTRUCT, SKYRL,
    MINDSPEED_RL,
)  # fmt: skip
