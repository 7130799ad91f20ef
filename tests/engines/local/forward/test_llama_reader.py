"""The parts of the Llama that is written by hand, and which models it serves."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tests.engines.local.kinds import make_engine
from torch import nn

from straw.engines.local.forward.attention import Rule
from straw.engines.local.forward.hf_reader import ModulesReader, attention_through_layout, recomputing
from straw.engines.local.forward.llama.llama_reader import LlamaReader, as_multiplied, reader_of, residual_linear
from straw.engines.local.forward.llama.norms import RmsNorm, Rotate, inverse_rms, rms_norm, rotate
from straw.engines.local.forward.packing import Pack
from straw.engines.local.models.tiny import make_bare
from straw.errors import ModelError

CPU = torch.device("cpu")


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


# --- which models


@pytest.mark.parametrize(
    ("kind", "act", "serves"),
    [
        ("llama", "silu", True),
        ("mistral", "silu", True),
        ("qwen2", "silu", True),
        ("gemma3", "silu", False),
        ("llama", "gelu", False),
    ],
)
def test_it_serves_its_family_with_its_activation(kind: str, act: str, serves: bool) -> None:
    model: Any = SimpleNamespace(config=SimpleNamespace(model_type=kind, hidden_act=act))
    assert LlamaReader.serves(model) is serves


def windows(kind: str, *of_layers: dict[str, int | None]) -> list[int | None]:
    """As the reader finds them in a model of so many layers whose config names 7."""
    layers = [SimpleNamespace(self_attn=SimpleNamespace(**own)) for own in of_layers]
    model: Any = SimpleNamespace(
        config=SimpleNamespace(model_type=kind, rms_norm_eps=1e-5, sliding_window=7),
        get_decoder=lambda: SimpleNamespace(layers=layers),
    )
    return LlamaReader(model).windows


def test_mistral_has_one_window_for_all_layers_and_others_have_what_each_layer_says() -> None:
    assert windows("mistral", {}, {}) == [7, 7]
    assert windows("qwen2", {"sliding_window": 5}, {"sliding_window": None}) == [5, None]
    assert windows("llama", {}) == [None]


def test_a_model_is_read_by_hand_where_it_is_served_and_that_is_wanted() -> None:
    bare, theirs, other = make_bare("tiny-0.2M", 0)[0], make_engine("llama").model, make_engine("gemma3").model
    assert isinstance(reader_of(bare, False, False), LlamaReader)
    assert isinstance(reader_of(theirs, False, True), LlamaReader)
    assert isinstance(reader_of(theirs, False, False), ModulesReader)
    assert isinstance(reader_of(other, False, True), ModulesReader)
    for checkpointing in (True, False):
        assert reader_of(bare, checkpointing, True).checkpointing is checkpointing  # type: ignore[attr-defined]
    assert LlamaReader(bare).checkpointing is False and LlamaReader(bare).is_by_token
    assert reader_of(theirs, True, False).recomputed and not ModulesReader(theirs).recomputed  # type: ignore[attr-defined]


# --- its parts


def test_a_norm_divides_by_the_root_of_the_mean_square() -> None:
    x, weight = torch.tensor([[3.0, 4.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]), torch.tensor([1.0, 2.0, 3.0, 4.0])
    assert inverse_rms(x, 0.75)[0].item() == pytest.approx((25 / 4 + 0.75) ** -0.5)
    wanted = [[3 / 7**0.5, 8 / 7**0.5, 0.0, 0.0], [0.0] * 4]
    with torch.no_grad():
        torch.testing.assert_close(rms_norm(x, weight, 0.75), torch.tensor(wanted))
    torch.testing.assert_close(rms_norm(x, weight, 0.75), torch.tensor(wanted))


def test_gradients_of_norm_and_rotation_are_those_of_differences() -> None:
    x, weight = draw(3, 4).double().requires_grad_(), (1 + draw(4)).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x, w: RmsNorm.apply(x, w, 1e-2), (x, weight))
    frozen = weight.detach()
    assert torch.autograd.gradcheck(lambda x: RmsNorm.apply(x, frozen, 1e-2), (x,))
    angles = draw(3, 1, 2).double()
    cos, sin = torch.cat([angles.cos()] * 2, -1), torch.cat([-angles.sin(), angles.sin()], -1)
    heads = draw(3, 2, 4).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda h: Rotate.apply(h, cos, sin), (heads,))


def test_a_rotation_turns_the_halves_against_each_other() -> None:
    """By 90 degrees: the first half becomes minus the second, and the second the first."""
    x = torch.tensor([[[1.0, 2.0, 3.0, 4.0]]])
    cos, sin = torch.zeros(1, 1, 4), torch.tensor([[[-1.0, -1.0, 1.0, 1.0]]])
    assert rotate(x, cos, sin).tolist() == [[[-3.0, -4.0, 1.0, 2.0]]]
    assert rotate(rotate(x, cos, sin), cos, -sin).tolist() == x.tolist()


class Doubled(nn.Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(x)


@torch.no_grad()
def test_what_a_layer_adds_is_added_to_the_residual_whatever_the_layer_is() -> None:
    x, residual = draw(5, 4), draw(5, 3) + 7
    plain, biased, doubled = nn.Linear(4, 3, bias=False), nn.Linear(4, 3), Doubled(4, 3, bias=False)
    half = nn.Linear(4, 3, bias=False, dtype=torch.float64)
    torch.testing.assert_close(residual_linear(plain, x, residual), residual + x @ plain.weight.t())
    torch.testing.assert_close(residual_linear(biased, x, residual), residual + x @ biased.weight.t() + biased.bias)
    torch.testing.assert_close(residual_linear(doubled, x, residual), residual + 2 * x @ doubled.weight.t())
    wide = residual_linear(half, x.double(), residual)
    torch.testing.assert_close(wide, residual + x.double() @ half.weight.t())
    wrapper: Any = SimpleNamespace(plain=plain)
    torch.testing.assert_close(residual_linear(wrapper, x, residual), residual + x @ plain.weight.t())


def test_what_several_matrices_read_is_rounded_once_where_autocast_would_and_no_gradient_comes_back() -> None:
    x = draw(3, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert as_multiplied(x) is x
        with torch.no_grad():
            assert torch.equal(as_multiplied(x), x.bfloat16())
    with torch.no_grad():
        assert as_multiplied(x) is x


@torch.no_grad()
def test_layers_are_told_one_by_one_and_the_last_norm_makes_the_hidden_states() -> None:
    engine = make_engine("llama")
    reader: Any = engine.reader
    tokens, pack = torch.arange(5, 12), Pack([7], [[]], CPU)
    layers = reader.layers(tokens, pack.positions, pack)
    assert len(layers) == engine.model.config.num_hidden_layers
    hidden = reader.hidden(tokens, pack.positions, pack)
    assert torch.equal(rms_norm(layers[-1], reader.body.norm.weight, reader.eps), hidden)
    assert reader.eps == engine.model.config.rms_norm_eps


# --- through transformers' modules


class Looking:
    """A layout that writes down what it is asked, and answers with the values of the first heads."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, Rule]] = []

    def attend(self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, rule: Rule) -> torch.Tensor:
        self.asked.append((layer, rule))
        assert q.shape == (3, 4, 16) and k.shape == v.shape == (3, 2, 16)
        return v


def test_attention_of_transformers_is_handed_to_the_layout_head_by_head() -> None:
    layout, module = Looking(), SimpleNamespace(layer_idx=2)
    q, k, v = draw(1, 4, 3, 16), draw(1, 2, 3, 16), draw(1, 2, 3, 16) + 1
    out, weights = attention_through_layout(module, q, k, v, None, straw_layout=layout)
    assert weights is None and torch.equal(out, v.transpose(1, 2))
    attention_through_layout(module, q, k, v, None, straw_layout=layout, scaling=0.0, sliding_window=5, softcap=30.0)
    assert layout.asked == [(2, Rule(0.25, None, None)), (2, Rule(0.0, 5, 30.0))]


def test_layers_are_computed_again_only_inside_and_are_as_they_were_afterwards() -> None:
    """Where something goes wrong in between, too."""
    calls: list[int] = []

    def times(n: int, x: torch.Tensor) -> torch.Tensor:
        calls.append(n)
        return n * x * x

    layers: list[Any] = [SimpleNamespace(forward=partial(times, n)) for n in (2, 3)]
    forwards = [layer.forward for layer in layers]
    x = torch.ones(1, requires_grad=True)
    with pytest.raises(KeyError), recomputing(layers):
        out = layers[1].forward(layers[0].forward(x))
        assert calls == [2, 3]
        out.backward()  # 12 x^4
        assert sorted(calls) == [2, 2, 3, 3] and x.grad is not None and x.grad.item() == 48.0
        raise KeyError
    assert [layer.forward for layer in layers] == forwards


def test_sinks_and_a_model_that_hands_nothing_on_are_refused() -> None:
    x = draw(1, 4, 3, 16)
    with pytest.raises(ModelError, match="cannot share prefixes for a model with attention sinks"):
        attention_through_layout(SimpleNamespace(layer_idx=0), x, x, x, None, straw_layout=Looking(), s_aux=x)
    with pytest.raises(ModelError, match="does not hand on what its attention needs"):
        attention_through_layout(SimpleNamespace(layer_idx=0), x, x, x, None)
