"""A GGUF file says what its run says, to the error of its form, to straw, to transformers and to llama.cpp."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.small_runs import train
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from straw.cli import main
from straw.engines.local.build import starting_again
from straw.engines.local.forward.hf_reader import plainly
from straw.engines.local.models.in_transformers import in_transformers
from straw.engines.local.models.resolve import load_model
from straw.errors import ModelError, RunError
from straw.export import gguf_file
from straw.export.gguf_file import Places, export_gguf, write_gguf
from straw.export.gguf_tensors import TYPES, GgufType
from straw.export.gguf_tokenizer import CASES, REST
from straw.runs.checkpoints.config_match import page_of
from straw.text.chat.chat import Chat
from straw.types import Message

WORDS = "algorithm=sft n_batches=4 learning_rate=1e-2"
OFF_BY: dict[str, float] = {"f32": 1e-5, "f16": 5e-3, "bf16": 5e-2, "q8_0": 2e-1}  # nats, any token of a prompt
TALK = [Message("user", "What is 17 + 5?\nIt is 22, isn't it?  äöü 数 🙂")]
SPLIT = CASES + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + REST


def of_run(folder: Path, step: int) -> tuple[Chat, torch.Tensor]:
    """Log-probabilities of every token behind every prefix of a conversation, under the run's own weights."""
    engine = starting_again(page_of(folder), folder)
    engine.load(folder / "checkpoints" / f"step-{step:06d}")
    with torch.no_grad(), plainly(in_transformers(engine.model)) as model:
        return engine.chat, logprobs(model, engine.chat.tokenizer, engine.chat)


def logprobs(model: Any, tokenizer: PreTrainedTokenizerBase, chat: Chat) -> torch.Tensor:
    tokens = tokenizer.encode(chat.written(TALK))
    with torch.no_grad():
        return model.eval()(torch.tensor([tokens])).logits.float().log_softmax(-1)


def by_transformers(file: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    model = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)
    return model, AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)


def check_says_the_same(file: Path, chat: Chat, own: torch.Tensor, off_by: float) -> None:
    theirs, loaded = by_transformers(file), load_model(str(file))
    for model, tokenizer in (theirs, (loaded.model, loaded.tokenizer)):
        assert tokenizer.encode(chat.written(TALK)) == chat.tokenizer.encode(chat.written(TALK))
        assert (logprobs(model, tokenizer, chat) - own).abs().max() < off_by
    again = loaded.chat()
    assert (again.closes, again.end, again.template) == (chat.closes, chat.end, chat.template)
    assert again.opening(TALK) == chat.opening(TALK)


@pytest.mark.parametrize("words", [pytest.param("", marks=pytest.mark.slow), "lora_rank=2"])
def test_a_file_says_what_the_run_says(home: Path, tmp_path: Path, words: str) -> None:
    """All of 357 x 50 log-probabilities; of LoRA the merged ones."""
    run = train(tmp_path / "run", WORDS, words).folder
    chat, own = of_run(run, 4)
    for kind in TYPES if words else ("f32",):
        places = Places.in_folder(tmp_path / "gguf", "run", kind)
        assert export_gguf(run, places, print, kind=kind, replaces=True)[0] == 4
        check_says_the_same(places.gguf, chat, own, OFF_BY[kind])


def made(tokens: int = 400) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer as Qwen2 has it, with an added token that is no control."""
    core = Tokenizer(models.BPE())
    core.normalizer = normalizers.NFC()
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(SPLIT), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)]
    )
    core.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=tokens, initial_alphabet=alphabet, show_progress=False)
    core.train_from_iterator(
        ["What is the answer? It is 22, is it not?", "isn't it the number that it is"] * 4, trainer
    )
    core.add_special_tokens([AddedToken(name, special=True) for name in ("<|end|>", "<|im_start|>", "<|im_end|>")])
    core.add_tokens([AddedToken("<think>", normalized=False)])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<|im_end|>", pad_token="<|end|>")
    tokenizer.chat_template = (
        "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}"
        "{{ '<|im_start|>system\\nBe kind.<|im_end|>\\n' }}{% endif %}"
        "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
    )
    return tokenizer


SIZES: dict[str, Any] = {
    "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 48, "max_position_embeddings": 128,
}  # fmt: skip


def made_model(kind: str, rows: int, **others: Any) -> PreTrainedModel:
    """Drawn, biases and norms too, since zeros and ones would hide what is lost."""
    config, model = {
        "llama": (LlamaConfig, LlamaForCausalLM), "mistral": (MistralConfig, MistralForCausalLM),
        "qwen2": (Qwen2Config, Qwen2ForCausalLM),
    }[kind]  # fmt: skip
    torch.manual_seed(0)
    drawn = model(config(vocab_size=rows, eos_token_id=0, bos_token_id=None, **SIZES | others))
    for parameter in drawn.parameters():
        torch.nn.init.normal_(parameter, mean=float(parameter.ndim == 1), std=0.2)
    return drawn.eval()


FAMILIES = [
    ("llama", {"tie_word_embeddings": True}),
    ("llama", {"tie_word_embeddings": False, "head_dim": 32, "rope_theta": 5e4, "rms_norm_eps": 1e-3}),
    ("mistral", {"sliding_window": None}),
    ("qwen2", {"tie_word_embeddings": True}),
    ("qwen2", {"tie_word_embeddings": False}),
]


@pytest.mark.parametrize(("kind", "others"), FAMILIES)
def test_every_family_is_read_as_it_was(tmp_path: Path, kind: str, others: dict[str, Any]) -> None:
    """Shared keys, heads of a width of their own, biases, an output layer of its own, and rows without a token."""
    chat = Chat(tokenizer := made())
    model = made_model(kind, len(tokenizer) + 5, **others)
    write_gguf(model, chat, tmp_path / "it.gguf", "f32", "mistral", "made")
    check_says_the_same(tmp_path / "it.gguf", chat, logprobs(model, tokenizer, chat), 1e-4)


def test_each_form_is_as_near_as_it_promises_and_norms_are_whole(tmp_path: Path) -> None:
    """48 columns are no whole number of blocks of 32, so those matrices are f16 in a q8_0 file."""
    chat, model = Chat(tokenizer := made()), made_model("qwen2", len(made()))
    own = model.state_dict()
    for kind in TYPES:
        write_gguf(model, chat, tmp_path / f"{kind}.gguf", kind, "it", "made")
        theirs = by_transformers(tmp_path / f"{kind}.gguf")[0].state_dict()
        for name, tensor in own.items():
            torch.testing.assert_close(theirs[name], as_stored(tensor, kind), rtol=0, atol=largest_error(tensor, kind))
    assert len(tokenizer) == model.config.vocab_size


def as_stored(tensor: torch.Tensor, kind: GgufType) -> torch.Tensor:
    if tensor.ndim == 1 or kind == "f32":
        return tensor
    if kind == "bf16":
        return tensor.bfloat16().float()
    return tensor.half().float() if kind == "f16" or tensor.shape[1] % 32 else tensor


def largest_error(tensor: torch.Tensor, kind: GgufType) -> float:
    is_in_blocks = kind == "q8_0" and tensor.ndim == 2 and tensor.shape[1] % 32 == 0
    return float(tensor.abs().max()) / 225 if is_in_blocks else 0.0


def sentencepiece() -> PreTrainedTokenizerFast:
    """As Llama 2 and Mistral have it: blanks are ▁, one is put first, and bytes stand in for what is unknown."""
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *"Whatisnumber25+,?.'x()"]
    merges = [("t", "h"), ("a", "t"), ("▁", "i"), ("▁i", "s"), ("W", "h"), ("Wh", "at"), ("i", "s")]
    words = list(dict.fromkeys([*pieces, *"ei=\n", *("".join(pair) for pair in merges)]))
    vocabulary = {word: index for index, word in enumerate(words)}
    core = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    core.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    core.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in ("<unk>", "<s>", "</s>")])
    return PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def test_sentencepiece_is_written_with_scores_and_bytes(tmp_path: Path) -> None:
    chat = Chat(tokenizer := sentencepiece())
    model = made_model("llama", len(tokenizer))
    write_gguf(model, chat, tmp_path / "it.gguf", "f32", "it", "made")
    check_says_the_same(tmp_path / "it.gguf", chat, logprobs(model, tokenizer, chat), 1e-4)


REFUSED = [
    ({"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}}, "scaled positions"),
    ({"attention_bias": True}, "has biases"),
    ({"hidden_act": "gelu"}, "the activation 'gelu'"),
]


@pytest.mark.parametrize(("others", "reason"), REFUSED)
def test_what_a_reader_would_leave_out_is_refused(tmp_path: Path, others: dict[str, Any], reason: str) -> None:
    with pytest.raises(ModelError, match=reason) as error:
        write_gguf(made_model("llama", 404, **others), Chat(made()), tmp_path / "it.gguf", "f32", "it", "made")
    assert "\n" not in str(error.value) and not any(tmp_path.iterdir())


def test_other_families_windows_tokenizers_and_numbers_are_refused(tmp_path: Path) -> None:
    chat, file = Chat(made()), tmp_path / "it.gguf"
    with pytest.raises(ModelError, match="Llama, Mistral and Qwen2 as GGUF, and this model is 'gpt2'"):
        small = GPT2LMHeadModel(GPT2Config(vocab_size=404, n_embd=8, n_layer=1, n_head=1))
        write_gguf(small, chat, file, "f32", "it", "made")
    with pytest.raises(ModelError, match="a sliding window of 16 tokens"):
        write_gguf(made_model("mistral", 404, sliding_window=16), chat, file, "f32", "it", "made")
    with pytest.raises(ModelError, match="tokenizer has one of its own"):
        odd = made()
        odd.backend_tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        write_gguf(made_model("llama", 404), Chat(odd), file, "f32", "it", "made")
    large = made_model("llama", 404)
    large.model.layers[0].mlp.up_proj.weight.data[0, 0] = 1e5
    with pytest.raises(ModelError, match=r"ffn_up.* is larger than f16 holds"):
        write_gguf(large, chat, file, "f16", "it", "made")


def test_a_tokenizer_that_would_be_read_otherwise_is_refused(tmp_path: Path) -> None:
    odd = made()
    odd.add_tokens([AddedToken("<hm>", lstrip=True)])  # it takes the blank before it, and GGUF cannot say so
    with pytest.raises(ModelError, match="the tokenizer in the GGUF file would read"):
        write_gguf(made_model("llama", len(odd)), Chat(odd), tmp_path / "it.gguf", "f32", "it", "made")


def test_nothing_is_left_of_an_export_that_fails(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It fails when the file lies there whole, before it has its name; and what was there stays as it was."""
    run = train(tmp_path / "run", WORDS).folder
    places = Places.in_folder(tmp_path / "new" / "gguf", "run", "f16")

    def refuse(*_: object) -> None:
        raise ModelError("it would be read otherwise")

    with monkeypatch.context() as patch:
        patch.setattr(gguf_file, "check_reads_alike", refuse)
        with pytest.raises(ModelError):
            export_gguf(run, places, print)
    assert not (tmp_path / "new").exists()
    export_gguf(run, places, print)
    before = places.gguf.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(gguf_file, "check_reads_alike", refuse)
        with pytest.raises(ModelError):
            export_gguf(run, places, print, replaces=True)
    assert places.gguf.read_bytes() == before
    assert sorted(path.name for path in places.gguf.parent.iterdir()) == sorted(places.names)


def test_the_command_and_what_it_never_overwrites(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    train(tmp_path / "run", WORDS)
    (tmp_path / "README.md").write_text("mine")
    assert main(["export", "run", "--gguf", "--type", "q8_0", "-o", "it.gguf"]) == 0
    shown = capsys.readouterr().out
    assert "llama-cli -m it.gguf --temp 1" in shown and "ollama create it -f it.Modelfile" in shown
    assert "vllm serve it.gguf" in shown and all(
        line.strip() in Path("it.md").read_text() for line in shown.splitlines()[1:]
    )
    assert Path("README.md").read_text() == "mine"
    model = Path("it.Modelfile").read_text()
    assert model.startswith('FROM ./it.gguf\nTEMPLATE """{{ range') and 'PARAMETER stop "<|end|>"' in model
    Path("it.Modelfile").write_text("changed")
    assert main(["export", "run", "--gguf", "-o", "it.gguf"]) == 2
    assert "it.gguf is there: name another with -o, or write --force" in capsys.readouterr().err
    assert main(["export", "run", "--gguf", "-o", "it.gguf", "--force"]) == 0
    assert Path("it.Modelfile").read_text() == model
    assert main(["export", "run", "--gguf"]) == 0 and Path("run-gguf/run-f16.gguf").exists()
    for words, message in (
        (["--adapter"], "a GGUF file is a whole model"), (["--dtype", "float16"], "--dtype is for folders"),
        (["--type", "q4"], "--type is one of f32, bf16, f16, q8_0"),
    ):  # fmt: skip
        assert main(["export", "run", "--gguf", "-o", "new.gguf", *words]) == 2
        assert message in capsys.readouterr().err
    assert main(["export", "run", "--type", "f16"]) == 2 and not Path("new.gguf").exists()


def test_a_folder_in_the_place_of_a_file_is_never_replaced(home: Path, tmp_path: Path) -> None:
    run = train(tmp_path / "run", WORDS).folder
    (tmp_path / "it.gguf").mkdir()
    with pytest.raises(RunError, match=r"it\.gguf is there: name another with -o$"):
        export_gguf(run, Places.beside(tmp_path / "it.gguf"), print, replaces=True)
