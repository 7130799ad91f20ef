"""A server of tiny-1M while two SDK clients train and one samples: its page in Chromium, /metrics, OpenAI's client."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from tests.report.browser import CHROMIUM, Browser
from tests.server.running import Server, running

from straw.engines.tinker import sdk

pytest.importorskip("starlette", reason="straw[serve] is not installed")
tinker = pytest.importorskip("tinker", reason="straw[tinker] is not installed")
openai = pytest.importorskip("openai", reason="openai is not installed")
pytestmark = pytest.mark.slow
PROMPT, REPLY = [5, 6, 7, 8], [9, 10, 11]
NUM_STEPS = 6


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("live"), "model=tiny-1M") as found:
        yield found


@pytest.fixture(scope="module")
def clients(server: Server) -> list[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINKER_TELEMETRY", "0")
        service = tinker.ServiceClient(base_url=server.url, api_key="tml-test")
        return [sdk.ready(service.create_lora_training_client(base_model="tiny-1M", rank=r, seed=1)) for r in (4, 8)]


def trained(client: Any, num_steps: int, learning_rate: float = 0.01) -> None:
    datum = tinker.Datum(
        model_input=tinker.ModelInput.from_ints(PROMPT + REPLY[:-1]),
        loss_fn_inputs={"target_tokens": [0, 0, 0, *REPLY], "weights": [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]},
    )
    for _ in range(num_steps):
        client.forward_backward([datum], "cross_entropy")
        client.optim_step(tinker.AdamParams(learning_rate=learning_rate)).result()


def page_address(server: Server) -> str:
    """As the server printed it, with its token."""
    found = re.findall(r"http://\S+/\?token=\S+", server.log.read_text())
    return str(found[-1])


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")
def test_the_page_shows_who_trains_and_what_was_saved(server: Server, clients: list[Any], tmp_path: Path) -> None:
    rows = "document.querySelectorAll('#tenants tbody tr').length"
    with Browser(tmp_path, width=1280, height=900) as page:
        page.visit(page_address(server), "document.documentElement.dataset.ready === 'yes'")
        sampler = sdk.ready(clients[0].save_weights_and_get_sampling_client())
        waiting = sampler.sample(tinker.ModelInput.from_ints(PROMPT), 4, tinker.SamplingParams(max_tokens=64, seed=1))
        for client in clients:
            trained(client, NUM_STEPS)
        waiting.result()
        path = clients[0].save_state("shown").result().path
        page.wait(f"{rows} === 2 && document.querySelectorAll('#learn .line').length >= 2")
        page.wait(f"document.querySelector('#checkpoints').textContent.includes({json.dumps(path)})")
        line = page.run("document.querySelector('#checkpoints .line code').textContent")
        assert re.fullmatch(r"cp -r '.*/checkpoints/.*' \./shown", line)
        for width, height, phone in ((1280, 900, False), (390, 844, True)):
            page.resize(width, height, phone=phone)
            page.wait(f"{rows} === 2")
            assert page.run("document.documentElement.scrollWidth") <= width
        assert page.problems == [] and page.refused == []


def test_metrics_count_what_was_done(server: Server, clients: list[Any]) -> None:
    def read() -> dict[str, float]:
        with urlopen(f"{server.url}/metrics", timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        return {
            line.split()[0]: float(line.split()[1]) for line in lines if line.startswith("straw_") and "{" not in line
        }

    before = read()
    trained(clients[0], 3)
    after = read()
    assert after["straw_steps_total"] - before["straw_steps_total"] == 3
    assert after["straw_trained_tokens_total"] - before["straw_trained_tokens_total"] == 3 * (len(PROMPT + REPLY) - 1)


def test_openai_s_client_writes_with_the_base_a_checkpoint_and_the_newest_step(
    server: Server, clients: list[Any]
) -> None:
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="tml-test", max_retries=0)
    talk: list[Any] = [{"role": "user", "content": "hi"}]

    def logprobs(model: str) -> list[float]:
        found = client.completions.create(model=model, prompt=PROMPT + REPLY, max_tokens=0, echo=True, logprobs=1)
        return [float(one) for one in found.choices[0].logprobs.token_logprobs[1:]]

    chat = client.chat.completions.create(model="tiny-1M", messages=talk, max_tokens=4, seed=1, logprobs=True)
    assert chat.usage.completion_tokens <= 4 and chat.choices[0].logprobs.content
    trained(clients[0], 30)  # it has learned characters; an untrained model writes bytes that are no text
    path = clients[0].save_state("asked").result().path
    asked: dict[str, Any] = {"model": path, "prompt": PROMPT, "max_tokens": len(REPLY), "temperature": 0}
    whole = client.completions.create(**asked).choices[0].text
    pieces = [one.choices[0].text for one in client.completions.create(**asked, stream=True) if one.choices]
    assert "".join(pieces) == whole != ""
    run = clients[0].get_info().model_id
    assert {"tiny-1M", path, run} <= {one.id for one in client.models.list()}
    kept = logprobs(path)
    assert kept != logprobs("tiny-1M") and kept == pytest.approx(logprobs(run), abs=1e-5)
    sampler = sdk.ready(clients[0].save_weights_and_get_sampling_client())
    judged = sampler.compute_logprobs(tinker.ModelInput.from_ints(PROMPT + REPLY)).result()[1:]
    assert kept == pytest.approx([float(one) for one in judged], abs=1e-5)
    trained(clients[0], 2)
    newest = sdk.ready(clients[0].save_weights_and_get_sampling_client())
    judged = newest.compute_logprobs(tinker.ModelInput.from_ints(PROMPT + REPLY)).result()[1:]
    assert logprobs(run) == pytest.approx([float(one) for one in judged], abs=1e-5)  # the step just done
    assert logprobs(path) == kept  # a checkpoint stays what it is
