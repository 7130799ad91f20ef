"""The page's answers, who may have them, and what Prometheus reads; the page itself in a Chromium (slow)."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="straw[serve] is not installed")
pytest.importorskip("uvicorn", reason="straw[serve] is not installed")

from starlette.applications import Starlette
from starlette.testclient import TestClient
from tests.report.browser import CHROMIUM, Browser
from tests.server.served import served

from straw.server.page.metrics import prometheus
from straw.server.page.routes import page_routes
from straw.server.page.state import Checkpoint, Counts, Curve, Now, Served, State, Tenant

TOKEN = "a-token-of-many-letters"
EVIL = "<img src=x onerror=window.stolen=1>\x1b[2J\u202e"
LONG = "tinker://0b5c2f9e-1111-2222-3333-444455556666:train:0/sampler_weights/step-000120-of-a-long-name"


def made(seconds: float = 0.0, tenants: int = 3) -> State:
    """As it would be after so many seconds."""
    steps = tuple(range(1, 41))
    curve = Curve(
        steps=steps,
        loss=tuple(2.5 / step for step in steps),
        reward=tuple(None if step < 3 else step / 40 for step in steps),
    )
    ids = [f"0b5c2f9e-1111-2222-3333-444455556666:train:{index}" for index in range(tenants)]
    labels, states = ["guess_number", "", EVIL], ["training", "idle", "on disk"]
    return State(
        served=Served(name="tiny-1M", arch="LlamaForCausalLM", num_parameters=1_104_512, max_context_length=2048,
                      vocabulary=357, names=("Qwen/Qwen3-8B",)),
        version="0.1", started=time.time() - 4000, time=1000.0 + seconds,
        counts=Counts(sampled_tokens=int(500 * seconds), trained_tokens=int(90 * seconds), errors=2, busy_s=1.5),
        now=Now(sessions=2, waiting=3, writing=64, models_in_memory=2, resident_bytes=512 << 20, store_bytes=39 << 20),
        tenants=tuple(
            Tenant(id=id, owner="a1b2c3", label=labels[index % 3], rank=index * 8, state=states[index % 3], step=40,
                   num_trained_tokens=123_456, last_request=time.time() - 5, curve=curve)
            for index, id in enumerate(ids)
        ),
        checkpoints=(
            Checkpoint(path=LONG, kind="sampler", time=1.7e9, size_bytes=5 << 20, export=f"straw export {LONG}"),
            Checkpoint(path="tinker://run/weights/b", time=1.7e9, expires=1.8e9),
        ),
        connect=("export TINKER_BASE_URL=http://127.0.0.1:8000 TINKER_API_KEY=tml-local", "export HF_HOME=/tmp/hub"),
        note="stable_reinforce is served as ppo",
    )  # fmt: skip


def asking(**more: Any) -> TestClient:
    routes = page_routes(made, token=TOKEN, port=80, **more)
    return TestClient(Starlette(routes=routes), base_url="http://127.0.0.1")


def test_the_page_is_behind_its_token() -> None:
    client = asking()
    for path in ("/", "/api/state", "/assets/serve.js", "/assets/style.css"):
        assert client.get(path).status_code == 403
    assert client.get(f"/?token={TOKEN}").status_code == 200  # and leaves a cookie
    page = client.get("/")
    assert page.status_code == 200 and "script-src 'self'" in page.headers["content-security-policy"]
    for name in set(re.findall(r"/assets/[\w.]+", page.text)) | {"/assets/chart.js", "/assets/parts.js"}:
        assert client.get(name).status_code == 200
    assert client.post("/api/state").status_code == 405
    assert client.get("/api/state", headers={"host": "evil.example"}).status_code == 421


def test_the_state_is_told_with_every_text_as_one_that_can_be_shown() -> None:
    client = asking()
    client.get(f"/?token={TOKEN}")
    state = client.get("/api/state").json()
    assert state["served"]["name"] == "tiny-1M" and state["tenants"][0]["curve"]["loss"][0] == 2.5
    assert state["tenants"][2]["label"] == "<img src=x onerror=window.stolen=1>\\u001b[2J\\u202e"


SAMPLE = re.compile(r'[a-z_]+(\{[a-z]+="(\\.|[^"\\])*"(,[a-z]+="(\\.|[^"\\])*")*\})? (-?[0-9.e+-]+|NaN|[+-]Inf)')


def test_metrics_are_what_prometheus_reads() -> None:
    text = prometheus(made(10))
    lines = text.splitlines()
    assert text.endswith("\n") and "straw_sampled_tokens_total 5000" in lines
    assert 'straw_build_info{model="tiny-1M",version="0.1"} 1' in lines
    assert "straw_replies" not in text and "straw_writing 64" in lines
    assert not any(line.startswith("straw_journal_bytes") for line in lines), "what is not known is not told"
    known = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(known) == len(set(known))
    for line in lines:
        assert line.startswith(("# HELP ", "# TYPE ")) or SAMPLE.fullmatch(line), line


def test_metrics_are_open_here_and_behind_the_token_elsewhere() -> None:
    assert asking().get("/metrics").headers["content-type"].startswith("text/plain; version=0.0.4")
    assert asking().get("/metrics", headers={"host": "evil.example"}).status_code == 421
    away = asking(on_the_network=True)
    assert away.get("/metrics").status_code == 401
    assert away.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200


# --- in a browser


@pytest.fixture(scope="module")
def looking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Browser, dict[str, Any], str]]:
    now: dict[str, Any] = {"began": time.monotonic(), "tenants": 3}

    def state() -> State:
        if now.get("dead"):
            raise RuntimeError
        return made(time.monotonic() - now["began"], now["tenants"])

    app = Starlette()
    with served(app) as address, Browser(tmp_path_factory.mktemp("browser"), width=1280, height=900) as page:
        app.router.routes += page_routes(state, token=TOKEN, port=int(address.rpartition(":")[2]))
        page.visit(f"{address}/?token={TOKEN}", "document.documentElement.dataset.ready === 'yes'")
        yield page, now, address


browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")


@pytest.mark.slow
@browser
def test_the_page_shows_what_there_is_and_stays_live(looking: tuple[Browser, dict[str, Any], str]) -> None:
    page, now, _ = looking
    assert page.run("document.getElementById('name').textContent") == "tiny-1M"
    page.wait("Math.abs(parseFloat(document.querySelector('.count').textContent.replace(/,/g, '')) - 500) < 60")
    assert page.run("document.querySelectorAll('#tenants tbody tr').length") == 3
    assert page.run("document.querySelectorAll('#learn .line').length") == 6  # three models, loss and reward
    assert page.run("document.querySelector('#checkpoints code').textContent") == LONG
    assert "straw export" in page.run("document.querySelector('#checkpoints .line code').textContent")
    assert "TINKER_BASE_URL" in page.run("document.getElementById('connect').textContent")
    assert page.run("window.stolen ?? 0") == 0
    now["tenants"] = 30
    page.wait("document.querySelectorAll('#tenants tbody tr').length === 30")
    now["tenants"] = 0
    page.wait("document.querySelector('#tenants .nothing')")
    now["tenants"] = 3
    page.wait("document.querySelectorAll('#tenants tbody tr').length === 3")
    assert page.problems == [] and page.refused == []


@pytest.mark.slow
@browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height", "phone"), [(1360, 860, False), (390, 844, True), (320, 600, True)])
def test_it_fits_a_desk_and_a_phone(
    looking: tuple[Browser, dict[str, Any], str], tmp_path: Path, scheme: str, width: int, height: int, phone: bool
) -> None:
    page, _, _ = looking
    page.light(scheme)
    page.resize(width, height, phone=phone)
    page.wait("document.querySelectorAll('#tenants tbody tr').length === 3 && document.querySelector('#learn .line')")
    assert page.picture(tmp_path / "page.png").stat().st_size > 10_000
    assert page.run("document.documentElement.scrollWidth") <= width
    wide = "[...document.querySelectorAll('.scroll')].filter(one => one.scrollWidth > one.clientWidth).length"
    assert not phone or page.run(wide) == 0  # a row is a card there
    small = "[...document.querySelectorAll('main button')].filter(b => b.getBoundingClientRect().height < 24).length"
    assert page.run(small) == 0


@pytest.mark.slow
@browser
def test_a_server_that_is_gone_is_said_so_and_comes_back(looking: tuple[Browser, dict[str, Any], str]) -> None:
    page, now, _ = looking
    now["dead"] = True
    page.wait("document.getElementById('live').dataset.state === 'lost'")
    now["dead"] = False
    page.wait("document.getElementById('live').dataset.state === 'live'")
    page.problems.clear()
