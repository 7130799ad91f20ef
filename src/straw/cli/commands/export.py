"""straw export: a run's weights for transformers, PEFT, llama.cpp and everything that reads their files."""

from __future__ import annotations

from pathlib import Path

from straw.cli.arguments import take_flag, take_option, take_trust, wants_help
from straw.errors import ConfigError, did_you_mean
from straw.text.shown.say import say, say_lines, warn

EXPORT = """straw export RUN [-o FOLDER] [--at last|STEP|best:METRIC] [--adapter | --gguf] [--dtype ...] [--type ...]
straw export RUN --hub OWNER/NAME [--push [--private]]

Write the weights of a run as a folder in Hugging Face's form, or as one GGUF file, each with its tokenizer and a model
card (README.md): base model, page, seeds, ledger, what was measured before and after, hashes, licence, limits.

  straw export runs/mine                               runs/mine-model: a plain model, adapters merged into it
  straw export runs/mine --adapter -o mine-adapter     the adapter alone, for PEFT
  straw export runs/mine --gguf                        runs/mine-gguf: mine-f16.gguf, and a Modelfile for ollama
  straw export runs/mine --gguf --type q8_0 -o it.gguf that file; beside it it.Modelfile and it.md, the card
  straw export runs/mine --hub me/mine                 the folder as a hub of models shows it; nothing is sent
  straw export runs/mine --hub me/mine --push          and sent, to huggingface.co or HF_ENDPOINT
  straw export runs/mine --at best:bits_known          the checkpoint with the most bits, where keep_best kept it

  --dtype float32|bfloat16|float16   of the folder's weights; float32 where nobody says
  --type f32|bf16|f16|q8_0           of the GGUF file's; f16 where nobody says. q8_0 is half of f16, and each weight is
                                     off by at most 1/225 of the largest of its 32 neighbours
  -o, out=PATH                       where it goes; with --gguf a folder, or a file that ends in .gguf
  --force                            with --gguf or --push: replace files of those names. Nothing else is overwritten
  --private                          with --push: a repository that is yours alone

For a hub the card names no path of this machine, and straw.json has ledger, seeds and hashes for programs. A folder
that was written of these weights for this name before is sent as it is. Who you are is what hf auth login or HF_TOKEN
says, and is told nobody else.

GGUF is for Llama, Mistral and Qwen2 (and the embedded models, which are small Llamas); the file is read back before it
gets its name. A run whose model came with code of its own says trust_remote_code=true again, whatever was said before.

  AutoModelForCausalLM.from_pretrained("runs/mine-model")          reads it
  straw train secret model_name=runs/mine-model warmup=none        trains it further
  AutoModelForCausalLM.from_pretrained("runs/mine-gguf", gguf_file="mine-f16.gguf")
  straw eval gsm8k model=runs/mine-gguf/mine-f16.gguf              asks it; straw train trains it further
  llama-cli -m runs/mine-gguf/mine-f16.gguf                        llama.cpp; lines for ollama and vLLM are printed
"""
DTYPES, TYPES = ("float32", "bfloat16", "float16"), ("f32", "bf16", "f16", "q8_0")


def export(words: list[str]) -> int:
    if wants_help(words) or not words:
        say_lines(EXPORT)
        return 0 if words else 2
    words[:] = ["--out" if word == "-o" else word for word in words]
    out, at, dtype, kind, hub = (take_option(words, name) for name in ("out", "at", "dtype", "type", "hub"))
    adapter, gguf, force = (take_flag(words, name) for name in ("--adapter", "--gguf", "--force"))
    push, private = take_flag(words, "--push"), take_flag(words, "--private")
    trusts = take_trust(words)
    if len(words) != 1:
        raise ConfigError(
            f"straw export takes one run; got {' '.join(words)!r}. Write for example straw export runs/mine."
        )
    check_one_of("--dtype", dtype, DTYPES)
    check_one_of("--type", kind, TYPES)
    check_go_together(adapter, gguf, force and not push, dtype, kind)
    check_hub(hub, gguf, push, private)
    from straw.report.runs.listing import run_named

    run, goal = run_named(words[0]), Path(out).expanduser() if out else None
    if gguf:
        return as_gguf(run, goal, at or "last", kind or "f16", trusts, force)
    if hub:
        return for_hub(run, goal, at or "last", adapter, dtype or "float32", trusts, hub, sends=push, private=private,
                       force=force)  # fmt: skip
    return as_folder(run, goal, at or "last", adapter, dtype or "float32", trusts)


def check_one_of(option: str, value: str | None, known: tuple[str, ...]) -> None:
    if value not in (None, *known):
        raise ConfigError(f"{option} is one of {', '.join(known)}; got {value!r}, {did_you_mean(str(value), known)}")


def check_go_together(adapter: bool, gguf: bool, force: bool, dtype: str | None, kind: str | None) -> None:
    if gguf and adapter:
        raise ConfigError("a GGUF file is a whole model; got --gguf and --adapter. Leave one of them out.")
    if gguf and dtype:
        raise ConfigError(f"--dtype is for folders; got it with --gguf. Write --type {' or '.join(TYPES)}.")
    if not gguf and (kind or force):
        raise ConfigError(
            f"--{'type' if kind else 'force'} is for GGUF files; got no --gguf. Add it, or leave that out."
        )


def check_hub(hub: str | None, gguf: bool, push: bool, private: bool) -> None:
    if hub is not None:
        from straw.export.hub import check_name

        check_name(hub)
    if hub and gguf:
        raise ConfigError("--hub is for folders of transformers or PEFT; got it with --gguf. Leave one of them out.")
    if push and not hub:
        raise ConfigError("--push sends a model to a hub; got no --hub. Write for example --hub me/mine --push.")
    if private and not push:
        raise ConfigError("--private is for what is sent; got no --push. Add it, or leave --private out.")


def for_hub(
    run: Path, goal: Path | None, at: str, adapter: bool, dtype: str, trusts: bool, hub: str, *, sends: bool,
    private: bool, force: bool,
) -> int:  # fmt: skip
    """A folder that is there already, of these weights and this name, is not written again."""
    from straw.export.hub import host, push

    folder = goal or run.with_name(f"{run.name}-{'adapter' if adapter else 'model'}")
    if not (sends and is_there(folder, run, at, hub, "adapter" if adapter else "merged", dtype)):
        as_folder(run, folder, at, adapter, dtype, trusts, hub)
    if not sends:
        say(f"nothing was sent; the same command with --push sends it to {host()} as {hub}")
        return 0
    say(f"sent: {push(folder, hub, private=private, replaces=force)}")
    return 0


def is_there(folder: Path, run: Path, at: str, hub: str, form: str, dtype: str) -> bool:
    from straw.export.manifest import is_written_for
    from straw.runs.checkpoints.integrity import checkpoint_named
    from straw.runs.reading import run_folder

    found = run_folder(run)
    return folder.is_dir() and is_written_for(
        folder, found, int(checkpoint_named(found, at, warn)["step"]), hub, form, dtype
    )


def as_folder(run: Path, goal: Path | None, at: str, adapter: bool, dtype: str, trusts: bool, hub: str = "") -> int:
    from straw.export import export_run
    from straw.runs.store import check_is_free

    folder = goal or run.with_name(f"{run.name}-{'adapter' if adapter else 'model'}")
    check_is_free(folder, "choose another folder with -o FOLDER")
    step = export_run(
        run, folder, warn, at=at, form="adapter" if adapter else "merged", dtype=dtype, trusts=trusts, hub=hub
    )  # fmt: skip
    say(f"the weights of step {step} are in {folder}")
    return 0


def as_gguf(run: Path, goal: Path | None, at: str, kind: str, trusts: bool, force: bool) -> int:
    from straw.export.gguf_file import Places, export_gguf
    from straw.export.gguf_tensors import TYPES as FORMS

    form = next(form for form in FORMS if form == kind)
    folder = goal or run.with_name(f"{run.name}-gguf")
    is_named = folder.suffix.lower() == ".gguf"
    places = Places.beside(folder) if is_named else Places.in_folder(folder, run.name, form)
    step, lines = export_gguf(run, places, warn, at=at, kind=form, trusts=trusts, replaces=force)
    say(f"the weights of step {step} are in {places.gguf}, the model card is {places.card}; these lines use it:")
    for line in lines:
        say(f"  {line}")
    return 0
