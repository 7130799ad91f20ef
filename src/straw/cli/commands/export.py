"""straw export: a run's weights for transformers, PEFT and everything that reads their folders."""

from __future__ import annotations

from pathlib import Path

from straw.cli.arguments import take_flag, take_option, take_trust, wants_help
from straw.errors import ConfigError, did_you_mean
from straw.text.shown.say import say, say_lines

EXPORT = """straw export RUN [out=FOLDER] [--at last|STEP|best:METRIC] [--adapter] [--dtype float32|bfloat16|float16]

Write the weights of a run as a folder in Hugging Face's form, with its tokenizer.

  straw export runs/mine                               runs/mine-model: a plain model, adapters merged into it
  straw export runs/mine --adapter out=mine-adapter    the adapter alone, for PEFT
  straw export runs/mine --at best:bits_known          the checkpoint with the most bits, where keep_best kept it

A run whose model came with code of its own says trust_remote_code=true again, whatever was said when it began.

  AutoModelForCausalLM.from_pretrained("runs/mine-model")          reads it
  straw train secret model_name=runs/mine-model warmup=none        trains it further
"""
DTYPES = ("float32", "bfloat16", "float16")


def export(words: list[str]) -> int:
    if wants_help(words) or not words:
        say_lines(EXPORT)
        return 0 if words else 2
    out, at, dtype = (take_option(words, name) for name in ("out", "at", "dtype"))
    adapter, trusts = take_flag(words, "--adapter"), take_trust(words)
    if len(words) != 1:
        raise ConfigError(
            f"straw export takes one run; got {' '.join(words)!r}. Write for example straw export runs/mine."
        )
    if dtype not in (None, *DTYPES):
        raise ConfigError(f"--dtype is one of {', '.join(DTYPES)}; got {dtype!r}, {did_you_mean(str(dtype), DTYPES)}")
    from straw.export import export_run
    from straw.report.runs.listing import run_named
    from straw.runs.store import check_is_free

    run = run_named(words[0])
    folder = Path(out).expanduser() if out else run.with_name(f"{run.name}-{'adapter' if adapter else 'model'}")
    check_is_free(folder)
    step = export_run(
        run, folder, lambda line: say(f"straw: {line}", error=True),
        at=at or "last", form="adapter" if adapter else "merged", dtype=dtype or "float32",
        trusts=trusts,
    )  # fmt: skip
    say(f"the weights of step {step} are in {folder}")
    return 0
