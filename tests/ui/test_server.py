"""Who gets which answer, and that no text, path or file does harm."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.test_escapes import EVIL, evil_run
from tests.made_runs import curve_rows, rollout, write_run

from straw.cli import main
from straw.cli.commands.ui import check_host
from straw.errors import ConfigError

pytest.importorskip("starlette", reason="straw[ui] is not installed")
pytest.importorskip("uvicorn", reason="straw[ui] is not installed")
pytest.importorskip("httpx2", reason="starlette's TestClient needs httpx2")

from starlette.testclient import TestClient
from tests.ui.served import TOKEN, served

from straw.ui.page.files import FILES, file_named
from straw.ui.reading.runs import Runs
from straw.ui.server.app import Server
from straw.ui.server.serve import bound_to
from straw.ui.server.stream import Viewer

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


# --- what is new


def told_by(viewer: Viewer) -> dict[str, Any]:
    return {name: json.loads(value) for name, value in viewer.news()}


def test_a_viewer_is_told_what_is_new_and_nothing_twice(tmp_path: Path) -> None:
    path = write_run(tmp_path / "a", curve_rows(0.0, 1.0), done=False)
    runs = Runs(tmp_path)
    runs.refresh()
    (id,) = runs.by_id
    viewer = Viewer(runs, [id], ["bits_known"])
    first = told_by(viewer)
    assert first["points"][0]["values"] == [0.0, 1.0] and first["runs"]["runs"][0]["step"] == 1
    runs._due_at = 0.0
    assert viewer.news() == []
    (path / "metrics.jsonl").open("a").write('{"step": 2, "episodes": 20, "time_s": 4.0, "bits_known": 2.5}\n')
    runs._due_at = 0.0
    second = told_by(viewer)
    (points,) = second["points"]
    assert points["from"] == 2 and points["values"] == [2.5] and second["runs"]["runs"][0]["step"] == 2


def test_an_appended_row_comes_by_itself(tmp_path: Path) -> None:
    path = write_run(tmp_path / "a", curve_rows(0.0, 1.0), done=False)
    with served(tmp_path) as (port, _):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        cookie = {"cookie": f"straw_ui_{port}={TOKEN}"}
        connection.request("GET", "/api/runs", headers=cookie)
        (row,) = json.loads(connection.getresponse().read())["runs"]
        connection.request("GET", f"/api/stream?runs={row['id']}&metric=bits_known", headers=cookie)
        answer = connection.getresponse()
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = iter(answer.readline, b"")
        next(line for line in lines if b'"values":[0.0,1.0]' in line)
        (path / "metrics.jsonl").open("a").write('{"step": 2, "episodes": 20, "bits_known": 2.625}\n')
        assert b'"from":2' in next(line for line in lines if b"2.625" in line and b"values" in line)
        connection.close()


# --- the command


def test_help_teaches_and_mistakes_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ui", "--help"]) == 0
    assert "port=8765" in capsys.readouterr().out
    for words in (["ui", str(tmp_path / "no")], ["ui", str(tmp_path), "host=0.0.0.0"], ["ui", str(tmp_path), "port=x"]):
        assert main(words) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_without_its_packages_the_command_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["ui", str(tmp_path)]) == 2
    assert "pip install 'straw[ui]'" in capsys.readouterr().err


@pytest.mark.slow
def test_the_command_prints_an_address_that_answers_and_ends_at_once(tmp_path: Path) -> None:
    write_run(tmp_path / "a", curve_rows(0.0, 1.0))
    command = [sys.executable, "-m", "straw", "ui", str(tmp_path), "port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        said = [process.stdout.readline() for _ in range(3)]
        found = re.search(r"http://127\.0\.0\.1:(\d+)/\?token=(\S+)", said[1])
        assert found is not None
        connection = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=30)
        connection.request("GET", "/api/runs", headers={"cookie": f"straw_ui_{found[1]}={found[2]}"})
        assert json.loads(connection.getresponse().read())["runs"][0]["name"] == "a"
        connection.request("GET", "/api/stream", headers={"cookie": f"straw_ui_{found[1]}={found[2]}"})
        connection.getresponse().read1(10)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0 and process.stderr.read() == ""


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_texts_stand_out_in_both_lights_and_lines_too() -> None:
    """As WCAG wants it: 4.5 for texts, 3 for what is drawn."""
    style, colours = (file_named(name)[0].decode() for name in ("style.css", "colours.css"))
    light, dark = (
        dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", part)) for part in style.split("@media (prefers-color", 1)
    )
    lines = [re.findall(r"--c\d+: (#[0-9A-F]{6})", part) for part in colours.split("@media")]
    for values, drawn in zip((light, dark), lines, strict=True):
        for ground in ("paper", "wash", "raised"):
            for text in ("ink", "soft", "link", "care", "bad", "good"):
                assert contrast(values[text], values[ground]) >= 4.5, (text, ground)
        for colour in drawn:
            assert contrast(colour, values["raised"]) >= 2.9, colour


def test_a_port_that_is_taken_says_so() -> None:
    with bound_to("127.0.0.1", 0) as bound, pytest.raises(ConfigError, match="port=8766"):
        bound_to("127.0.0.1", bound.getsockname()[1])
