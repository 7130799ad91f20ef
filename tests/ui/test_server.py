"""Who gets which answer, and that no text, path or file does harm."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.test_escapes import EVIL, evil_run
from tests.made_runs import curve_rows, rollout, write_run

from straw.cli.commands.ui import check_host
from straw.errors import ConfigError

pytest.importorskip("starlette", reason="straw[ui] is not installed")
pytest.importorskip("uvicorn", reason="straw[ui] is not installed")
pytest.importorskip("httpx2", reason="starlette's TestClient needs httpx2")

from starlette.testclient import TestClient
from tests.ui.served import TOKEN

from straw.ui.page.files import FILES, file_named
from straw.ui.reading.runs import Runs
from straw.ui.server.app import Server

PORT = 8765
HOME = f"http://127.0.0.1:{PORT}"


def client_of(folder: Path, *, inside: bool = True, **more: Any) -> TestClient:
    app = Server(Runs(folder)).app(token=TOKEN, port=PORT, **more)
    client = TestClient(app, base_url=HOME, follow_redirects=False, raise_server_exceptions=True)
    if inside:
        assert client.get("/", params={"token": TOKEN}).status_code == 200
    return client


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    write_run(tmp_path / "a", curve_rows(0.0, 1.0, 3.0), [(1, rollout("37", 1.0)), (2, rollout("12", 0.0))], N=16)
    write_run(tmp_path / "b", curve_rows(0.0, 2.0), N=16, learning_rate=1e-3)
    return client_of(tmp_path)


def ids(client: TestClient) -> dict[str, str]:
    for _ in range(10):
        told = client.get("/api/runs").json()
        if not told["reading"]:
            break
    return {row["name"]: row["id"] for row in told["runs"]}


# --- who may ask


def test_without_the_token_nobody_gets_an_answer(tmp_path: Path) -> None:
    client = client_of(tmp_path, inside=False)
    for path in ("/", "/?token=wrong", "/api/runs", "/api/stream", "/assets/page.js", f"/api/runs?token={TOKEN}"):
        assert client.get(path).status_code == 403
    client.cookies.set(f"straw_ui_{PORT}", "wrong")
    assert client.get("/api/runs").status_code == 403


def test_the_printed_address_leaves_a_cookie_that_no_other_site_sends_and_no_script_reads(tmp_path: Path) -> None:
    answer = client_of(tmp_path, inside=False).get("/", params={"token": TOKEN})
    assert answer.status_code == 200 and "0;url=/" in answer.text and TOKEN not in answer.text
    kept = answer.headers["set-cookie"].lower()
    assert "samesite=strict" in kept and "httponly" in kept and f"straw_ui_{PORT}" in kept


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example:8765", "127.0.0.1:80", "", "192.168.0.7:8765"]
)
def test_another_host_gets_nothing(client: TestClient, host: str) -> None:
    answer = client.get("/api/runs", headers={"host": host})
    assert answer.status_code == 421 and "runs" not in answer.text


@pytest.mark.parametrize("host", ["localhost:8765", "127.0.0.1:8765", "[::1]:8765", "LOCALHOST:8765"])
def test_our_own_names_get_an_answer(client: TestClient, host: str) -> None:
    cookie = f"straw_ui_{PORT}={client.cookies[f'straw_ui_{PORT}']}"
    assert client.get("/api/runs", headers={"host": host, "cookie": cookie}).status_code == 200


def test_on_the_network_addresses_are_good_and_names_are_not(tmp_path: Path) -> None:
    client = client_of(tmp_path, on_the_network=True)
    cookie = {"cookie": f"straw_ui_{PORT}={client.cookies[f'straw_ui_{PORT}']}"}
    assert client.get("/api/runs", headers={"host": "192.168.0.7:8765", **cookie}).status_code == 200
    assert client.get("/api/runs", headers={"host": "evil.example:8765", **cookie}).status_code == 421


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
def test_everything_but_get_is_refused(client: TestClient, method: str) -> None:
    assert client.request(method, "/api/runs").status_code == 405


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_sites_page_may_not_ask(client: TestClient, site: str) -> None:
    assert client.get("/api/runs", headers={"sec-fetch-site": site}).status_code == 403


def test_every_answer_carries_the_policy_and_none_opens_itself_to_others(client: TestClient) -> None:
    for path in ("/", "/api/runs", "/assets/page.js", "/nothing", "/api/run?id=x"):
        headers = client.get(path, headers={"origin": "https://evil.example"}).headers
        policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'" and policy["script-src"] == policy["connect-src"] == "'self'"
        assert "unsafe" not in headers["content-security-policy"] and headers["x-content-type-options"] == "nosniff"
        assert not any(name.startswith("access-control") for name in headers)


def test_the_host_is_this_machine_unless_somebody_says_otherwise() -> None:
    for host in ("127.0.0.1", "localhost", "::1", "127.1.2.3"):
        check_host(host, False)
    for host in ("0.0.0.0", "::", "192.168.0.7"):
        with pytest.raises(ConfigError, match="--on-the-network"):
            check_host(host, False)
        check_host(host, True)
    with pytest.raises(ConfigError, match="in numbers"):
        check_host("evil.example", True)


# --- what is answered


def test_the_list_tells_state_numbers_and_a_sparkline(client: TestClient) -> None:
    ids(client)
    rows = {row["name"]: row for row in client.get("/api/runs").json()["runs"]}
    assert rows["a"]["state"] == "done" and rows["a"]["value"] == 3.0 and rows["a"]["ceiling"] == 4.0
    assert rows["a"]["spark"] == [0.0, 1.0, 3.0] and rows["a"]["measured"] == "bits_known"


def test_one_run_tells_its_page_and_its_numbers(client: TestClient) -> None:
    told = client.get("/api/run", params={"id": ids(client)["b"]}).json()
    (rate,) = [line for line in told["page"] if line["name"] == "learning_rate"]
    assert rate["value"] == "0.001" and rate["section"] == "optimizer"
    assert told["chosen"]["N"] == "16" and "versions" in told["about"] and "bits_known" in told["metrics"]


def test_curves_rollouts_and_a_comparison(client: TestClient) -> None:
    known = ids(client)
    both = ",".join(known.values())
    curves = client.get("/api/curves", params={"runs": both, "metric": "bits_known"}).json()
    assert {one["id"]: one["values"] for one in curves} == {known["a"]: [0, 1, 3], known["b"]: [0, 2]}
    told = client.get("/api/samples", params={"id": known["a"], "kind": "newest"}).json()
    assert [one["replies"] for one in told["rollouts"]] == [["12"], ["37"]]
    assert told["rollouts"][0]["turns"][0]["logprobs"] == [-0.1, -0.9]
    compared = client.get("/api/compare", params={"runs": both}).json()
    assert [one["label"] for one in compared["runs"]] == ["a", "b"]
    assert "learning_rate" in [option["name"] for option in compared["options"]]


def test_the_pages_own_files_come_and_no_other(client: TestClient) -> None:
    for name in FILES:
        assert client.get(f"/assets/{name}").content == file_named(name)[0]
    assert client.get("/favicon.ico").content == file_named("icon.svg")[0]
    for name in ("../server/app.py", "%2e%2e/files.py", "page.html", "files.py", "..%2f..%2fetc%2fpasswd"):
        assert client.get(f"/assets/{name}").status_code == 404


@pytest.mark.parametrize("id", ["", "a", "../a", "/etc/passwd", "%00", "ffffffffffffffff", "a" * 4000])
def test_runs_are_named_by_ids_alone(client: TestClient, id: str) -> None:
    assert client.get("/api/run", params={"id": id}).status_code == 404
    assert client.get("/api/samples", params={"id": id}).status_code == 404
    assert client.get("/api/curves", params={"runs": id, "metric": "reward"}).json() == []


def test_questions_out_of_bounds_are_refused(client: TestClient) -> None:
    id = ids(client)["a"]
    for wrong in ({"kind": "all"}, {"count": "-1"}, {"count": "1e9"}, {"count": "٣"}):
        assert client.get("/api/samples", params={"id": id, **wrong}).status_code == 400
    assert client.get("/api/runs", params={"x": "y" * 9000}).status_code == 414


# --- texts and files of a stranger


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for one in value.items() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
        yield from strings(list(one) if isinstance(one, tuple) else one)


def test_no_answer_holds_a_character_that_cannot_be_seen(tmp_path: Path) -> None:
    name = EVIL.replace("/", "")
    evil_run(tmp_path / name)
    client = client_of(tmp_path)
    (id,) = ids(client).values()
    answers = [
        client.get("/api/runs"),
        client.get("/api/run", params={"id": id}),
        client.get("/api/compare", params={"runs": id}),
    ]
    answers += [client.get("/api/samples", params={"id": id, "kind": kind}) for kind in ("newest", "best", "changed")]
    for answer in answers:
        assert answer.status_code == 200
        for text in strings(answer.json()):
            assert text.replace("\n", "").isprintable(), text
    assert "\\u001b" in answers[3].json()["rollouts"][-1]["replies"][0]


def test_the_script_writes_texts_and_never_html() -> None:
    for name in FILES:
        source = file_named(name)[0].decode()
        for way in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "srcdoc",
        ):
            assert way not in source
        assert "http://" not in source.replace("http://www.w3.org/2000/svg", "") and "https://" not in source
    page = file_named("")[0].decode()
    assert "<style" not in page and " style=" not in page and "onclick" not in page


@pytest.mark.parametrize(
    "file", ["metrics.jsonl", "rollouts.jsonl", "events.jsonl", "config.toml", "about.json", "done.json"]
)
@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "sparse", "garbage"])
def test_files_that_are_traps_are_named_and_the_rest_is_shown(tmp_path: Path, file: str, kind: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text('{"step": 1, "stolen": 1.0}\n')
    runs = tmp_path / "runs"
    path = write_run(runs / "trap", curve_rows(0.0, 1.0), [(1, rollout("37", 1.0))]) / file
    write_run(runs / "good", curve_rows(0.0, 1.0))
    path.unlink()
    {
        "link": lambda: path.symlink_to(secret), "pipe": lambda: os.mkfifo(path), "folder": path.mkdir,
        "sparse": lambda: (path.touch(), os.truncate(path, 1 << 40)),
        "garbage": lambda: path.write_bytes(os.urandom(5000)),
    }[kind]()  # fmt: skip
    client, began = client_of(runs), time.monotonic()
    rows = {row["name"]: row for row in client.get("/api/runs").json()["runs"]}
    id = rows["trap"]["id"]
    for url in (f"/api/run?id={id}", f"/api/samples?id={id}", f"/api/samples?id={id}&kind=best"):
        answer = client.get(url)
        assert answer.status_code == 200 and "stolen" not in answer.text
    assert rows["good"]["state"] == "done" and time.monotonic() - began < 20
