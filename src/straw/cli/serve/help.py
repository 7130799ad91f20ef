"""What `straw serve --help` teaches, and the lines that it prints to paste."""

from __future__ import annotations

PORT, HOST = 8000, "127.0.0.1"
IN_MEMORY = 16
SERVE = f"""straw serve model=NAME [port={PORT}] [key=value ...]

A server that speaks the Tinker protocol: programs written with `pip install tinker` train and sample on this machine,
unchanged. It holds one base model; every training client has LoRA adapters of its own on it.

  straw serve model=tiny-1M                 straw's own small model, up in seconds
  straw serve model=smollm2                 after `straw models add smollm2`
  straw serve model=runs/first-model        a folder in Hugging Face's form; a name on the hub does too
  straw serve model=tiny-1M as=meta-llama/Llama-3.1-8B
                                            answers to that name as well (as=A,B several, as=* every name)

It prints what to paste in the shell of the program: the address, a key, and where its tokenizer is found. Then, with
FOLDER/ and every accepted request in it, it can be killed at any moment: started again, it goes on, and so do clients.

  folder=PATH             where it keeps its journal and checkpoints (serve/MODEL); one server at a time
  checkpoint tinker://RUN/weights/NAME=FOLDER
                          a path that a program names, and the PEFT adapter that it is here
  stand_in=stable_reinforce:ppo
                          a loss whose formula is not public, and the one that stands in for it
  --full                  one client trains all weights of the model itself (lora_rank=0); one that ended, or was not
                          heard of for a minute, makes room for the next
  disk=100                GiB that checkpoints may take
  in_memory=16            models in memory, and as many samplers; the others sleep on the disk and wake up the same
  dtype=bfloat16 device=cuda
                          as the engine of straw train

On another address than this machine's own it wants keys, and a certificate is advised:

  host=0.0.0.0 key=tml-SECRET               or key_file=FILE, a key a line; keys cannot read each other's weights
  cert=FILE cert_key=FILE                   TLS

GET / is a page for people, /metrics for Prometheus, /v1/ for OpenAI's clients. Ctrl-C ends it.
"""


def lines(url: str, page: str, key: str, cache: str, model: str, rank: int) -> str:
    """What to paste, and a program that works."""
    return f"""paste this where your program runs:
  export TINKER_BASE_URL={url} TINKER_API_KEY={key}
  export HF_ENDPOINT={url} HF_HOME={cache}
and try (pip install tinker):
  import tinker
  client = tinker.ServiceClient().create_lora_training_client({model!r}, rank={rank})
  tokens = client.get_tokenizer().encode("hello")
  sampler = client.save_weights_and_get_sampling_client()
  print(sampler.sample(tinker.ModelInput.from_ints(tokens), 1, tinker.SamplingParams(max_tokens=8)).result())
a page on what it does, with a token: {page}
Ctrl-C ends it"""
