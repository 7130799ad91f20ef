"""TRL's side: GRPOTrainer as it comes, paused between rounds.

The trainer's loop is its own; a callback waits at the end of a round until the next one is asked for, and the
clock runs from there to the next such end. Nothing that TRL needs for a step is left out or done twice. What it
trains on is looked at where its loss receives it.

Off by choice: gradient checkpointing, logging, saving, the KL (beta = 0, TRL's default).
"""

from __future__ import annotations

import tempfile
import warnings
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from job import BETAS, Clock, Job, Round, TokenCount, Work, describe, fingerprints, num_updates, reward, share_moved
from safetensors.torch import save_file
from same_work import FirstStep
from transformers import PrinterCallback, TrainerCallback
from transformers.utils import logging
from trl import GRPOConfig, GRPOTrainer

from straw.engines.local.models.resolve import load_model


def config_of(job: Job, folder: str) -> GRPOConfig:
    return GRPOConfig(
        output_dir=folder,
        per_device_train_batch_size=job.group_size,
        num_generations=job.group_size,
        max_completion_length=job.reply_tokens,
        generation_kwargs={"min_new_tokens": job.reply_tokens, "use_cache": True},
        max_steps=1_000_000,
        learning_rate=job.learning_rate,
        lr_scheduler_type="constant",
        adam_beta1=BETAS[0],
        adam_beta2=BETAS[1],
        max_grad_norm=job.grad_clip,
        temperature=1.0,
        top_p=1.0,
        top_k=0,
        beta=0.0,
        gradient_checkpointing=False,
        bf16=False,
        use_cpu=True,
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )


class Observed(GRPOTrainer):
    """The trainer, with its last batch in view."""

    seen: dict[str, Any]

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **options: Any) -> Any:
        self.seen = inputs
        return super().compute_loss(model, inputs, *args, **options)


class Turns(TrainerCallback):
    """Lets the trainer go on for as many steps as a message says; None ends it."""

    def __init__(self, pipe: Connection, job: Job, folder: Path) -> None:
        self.pipe, self.job, self.folder = pipe, job, folder
        self.trainer: Observed
        self.count: TokenCount
        self.rewards: list[float] = []
        self.left = 0

    def pay(self, completion_ids: list[list[int]], **_: Any) -> list[float]:
        self.rewards = [reward(reply) for reply in completion_ids]
        return self.rewards

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._wait(control)

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == 0:  # the warm-up step, which is not timed
            model = self.trainer.model
            gradient = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
            save_file(gradient, self.folder / "gradient.safetensors")

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.left -= 1
        if self.left == 0:
            spent = Clock.now().since(self.start)
            self.pipe.send(Round(spent=spent, work=self._work()))
            self._wait(control)

    def _wait(self, control: Any) -> None:
        asked = self.pipe.recv()
        if asked is None:
            control.should_training_stop = True
            return
        self.left = self.steps = asked
        self.before = fingerprints(self.trainer.model.parameters())
        self.updates = num_updates(self.trainer.optimizer) if self.trainer.optimizer else 0
        self.read, self.start = self.count.total, Clock.now()

    def _work(self) -> Work:
        seen, model, optimizer = self.trainer.seen, self.trainer.model, self.trainer.optimizer
        prompts = {tuple(p[m.bool()].tolist()) for p, m in zip(seen["prompt_ids"], seen["prompt_mask"], strict=True)}
        if len(prompts) != 1:
            raise RuntimeError(f"all episodes of the job stand on one prompt; TRL read {len(prompts)}")
        replies = zip(seen["completion_ids"], seen["completion_mask"], strict=True)
        return Work(
            steps=self.steps,
            updates=num_updates(optimizer) - self.updates,
            tokens_read=(self.count.total - self.read) // self.steps,
            prompt=prompts.pop(),
            replies=tuple(tuple(ids[mask.bool()].tolist()) for ids, mask in replies),
            rewards=tuple(self.rewards),
            advantages=tuple(seen["advantages"].flatten().tolist()),
            moved=share_moved(self.before, fingerprints(model.parameters())),
            optimizer=describe(optimizer.param_groups[0], self.trainer.args.max_grad_norm),
            dtypes=tuple(sorted({str(p.dtype) for p in model.parameters()})),
            threads=torch.get_num_threads(),
        )


def serve(pipe: Connection, job: Job, folder: Path) -> None:
    """Answer each number of steps with a Round, until there is no more to do."""
    warnings.simplefilter("ignore")
    logging.set_verbosity_error()
    loaded = load_model(job.model)
    turns = Turns(pipe, job, folder)
    with tempfile.TemporaryDirectory() as output:
        trainer = Observed(
            model=loaded.model,
            processing_class=loaded.tokenizer,
            reward_funcs=turns.pay,
            args=config_of(job, output),
            train_dataset=Dataset.from_list([{"prompt": job.text}] * job.group_size),
            callbacks=[turns],
        )
        trainer.remove_callback(PrinterCallback)
        turns.trainer, turns.count = trainer, TokenCount(loaded.model)
        trainer.train()


def first_step(warm_up: Round, folder: Path) -> FirstStep:
    return FirstStep(
        replies=warm_up.work.replies, advantages=warm_up.work.advantages, gradient=folder / "gradient.safetensors"
    )
