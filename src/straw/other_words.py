"""What other libraries call our options: who types their word is told ours.

They are not accepted as they are, since some count otherwise: TRL's batch is one of completions, ours one of groups.
"""

from __future__ import annotations

WORDS = {
    "group_size": ("num_generations", "generations", "rollouts_per_example", "num_samples", "n_samples"),
    "max_tokens": ("max_completion_length", "max_new_tokens", "max_response_length", "response_length"),
    "kl_coef": ("beta", "kl_penalty_coef", "kl_beta", "kl_loss_coef", "init_kl_coef"),
    "clip_low": ("epsilon", "cliprange", "clip_range", "clip_ratio", "epsilon_low"),
    "clip_high": ("epsilon_high", "clip_ratio_high"),
    "n_batches": ("max_steps", "steps", "total_steps", "training_steps", "iterations", "num_iters"),
    "num_epochs": ("num_train_epochs", "epochs", "n_epochs", "total_epochs"),
    "run_dir": ("output_dir", "log_path", "log_dir", "out", "output"),
    "batch_size": (
        "per_device_train_batch_size", "train_batch_size", "generation_batch_size", "groups_per_batch",
        "prompts_per_step",
    ),
    "accumulation": ("gradient_accumulation_steps", "grad_accum"),
    "tokens_per_microbatch": ("micro_batch_size", "per_device_batch_size"),
    "updates_per_batch": ("num_iterations", "ppo_epochs", "num_ppo_epochs", "num_substeps"),
    "schedule": ("lr_scheduler_type", "lr_schedule", "scheduler"),
    "grad_clip": ("max_grad_norm", "clip_grad_norm"),
    "lora_rank": ("rank", "lora_r", "r"),
    "lora_targets": ("target_modules", "lora_target_modules"),
    "eval_every": ("eval_steps", "eval_interval"),
    "eval_answers": ("eval_size", "num_eval"),
    "save_every": ("save_steps", "save_interval", "checkpoint_every"),
    "keep_last": ("save_total_limit",),
    "keep_best": ("load_best_model_at_end",),
    "patience": ("early_stopping_patience",),
    "max_lag": ("max_steps_off_policy", "async_level", "staleness"),
    "reward_type": ("reward_funcs", "reward_fn", "reward_func", "rubric", "channel"),
    "entropy_coef": ("ent_coef", "entropy_bonus"),
    "gae_lambda": ("lam", "lambda"),
    "model_name": ("model_name_or_path", "base_model", "pretrained"),
    "kind": ("dataset", "environment", "env_id"),
    "track": ("report_to", "wandb_project", "logger"),
    "from_checkpoint": ("resume_from_checkpoint", "load_checkpoint_path", "checkpoint"),
    "dtype": ("bf16", "fp16", "precision", "torch_dtype"),
    "replay": ("replay_buffer",),
    "loss_fn": ("loss_type", "policy_loss"),
    "baseline": ("scale_rewards", "advantage_estimator", "adv_estimator"),
    "problem_order": ("shuffle_dataset", "shuffle"),
    "use_ir": ("intrinsic", "intrinsic_reward"),
}  # fmt: skip

FLAGS = {"quiet": "--quiet", "dry_run": "--dry-run", "resume": "--resume", "help": "--help"}  # of the command

OURS = {word: ours for ours, theirs in WORDS.items() for word in theirs}


def ours_for(word: str) -> str | None:
    """Our name of what others call `word`."""
    return OURS.get(word.lower())
