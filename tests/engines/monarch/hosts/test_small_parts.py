"""Addresses, places, certificates, values: what there is without a network."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tests.engines.monarch.hosts.workers import Fake
from tests.small_runs import small_page, small_plan

from straw.config import Page
from straw.config.sections import Engine
from straw.engines.base import AdamParams, Loss, Reply, SamplingParams, TrainOutput
from straw.engines.monarch import hosts
from straw.engines.monarch.generator import Append, Generate, Sampling, Talk, Version
from straw.engines.monarch.hosts.address import Address, read_address, read_hosts
from straw.engines.monarch.hosts.facts import difference, facts_here
from straw.engines.monarch.hosts.places import placed
from straw.engines.monarch.hosts.travel import inside
from straw.engines.monarch.hosts.wire.certificates import make_certificates
from straw.engines.monarch.hosts.wire.tls import is_final, of_page, of_worker, reason
from straw.engines.monarch.hosts.wire.values import Unreadable, Values
from straw.engines.monarch.hosts.worker.session import Session, spread
from straw.engines.monarch.memory.memory_check import check_room
from straw.engines.monarch.memory.shared_memory import Handle, Place
from straw.errors import ConfigError, RunError
from straw.types import Datum

A, B = "tls://a:26100", "tls://b:26100"


# --- addresses and places


@pytest.mark.parametrize(
    "text", ["tls://a:26100", "tls://10.0.0.1:1", "tls://[fd00::1]:26100", "tcp://127.0.0.1:26100"]
)
def test_an_address_reads_as_it_is_written(text: str) -> None:
    assert str(read_address(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "a:26100", "tls://a", "tls://a:0", "tls://a:70000", "http://a:1", "tls://a b:1", "", "tls://a..b:1",
        f"tls://{'a' * 64}:1", "tls://a-:1", "tls://-a:1",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="a worker listens at tls://HOST:PORT"):
        read_address(text)


@pytest.mark.parametrize("text", ["tcp://10.0.0.1:26100", "tcp://localhost:26100", "tcp://a:26100"])
def test_plain_tcp_ends_at_this_machine(text: str) -> None:
    with pytest.raises(ConfigError, match=r"over plain TCP whoever can call a worker runs code there.*Write tls://"):
        read_address(text)


def test_a_host_named_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="names a worker once, got tls://a:26100 twice"):
        read_hosts([A, B, A])


def test_generators_go_round_the_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    places = placed(Engine(hosts=("here", B), num_generators=3, trainer_host=B))
    b = Address("b", 26100)
    assert [places.at(index) for index in range(3)] == [None, b, None]
    assert (places.num_generators(None), places.num_generators(b), places.trainer, places.others) == (2, 1, b, [b])
    monkeypatch.setenv("STRAW_HOSTS", A)
    assert placed(Engine(hosts=(B,))).others == [Address("a", 26100)]
    monkeypatch.delenv("STRAW_HOSTS")
    assert placed(Engine()).hosts == (None,)


@pytest.mark.parametrize("named", ["fresh_weights", "weights"])
def test_hosts_that_are_said_from_outside_are_held_to_the_same(monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    monkeypatch.setenv("STRAW_HOSTS", A)
    with pytest.raises(ConfigError, match=rf"weights go to each host once, .* got hosts={A} with {named}="):
        placed(Engine(**{named: True if named == "fresh_weights" else "pushed"}))  # type: ignore[arg-type]


def test_more_hosts_than_generators_and_a_trainer_elsewhere_are_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"every host has a generator, got 3 hosts and num_generators=2\. Write num_g"
    ):
        placed(Engine(hosts=("here", A, B)))
    with pytest.raises(
        ConfigError, match=r"got trainer_host=tls://c:1 with hosts=tls://a:26100\. Write trainer_host=h"
    ):
        placed(Engine(hosts=(A,), trainer_host="tls://c:1"))


def test_who_names_hosts_means_processes_and_one_on_each() -> None:
    page = small_plan(f"hosts=here,{A},{B}").page
    assert (page.engine.engine, page.engine.num_generators) == ("monarch", 3)
    for words, line in (
        (f"hosts={A} engine=local", "hosts are for processes, got hosts=tls://a:26100 with engine=local"),
        (f"hosts={A} engine=monarch weights=pushed", "weights go to each host once"),
        (f"trainer_host={A}", "without hosts"),
    ):
        with pytest.raises(ConfigError, match=line):
            small_plan(words)


def test_a_host_that_trains_nothing_needs_no_room_for_a_trainer() -> None:
    gib = 2**30
    with pytest.raises(ConfigError, match="have to fit into memory"):
        check_room(1, gib, gib, 2, available=4 * gib)
    check_room(1, gib, gib, 2, available=4 * gib, trains=False)


# --- certificates


def test_certificates_are_for_their_owner_and_the_authority_signs_no_more(tmp_path: Path) -> None:
    made = make_certificates(["a.lab", "10.0.0.1", "fd00::1"], tmp_path / "certs")
    names = {path.name for path in made}
    hosts = {f"{host}.{end}" for host in ("a.lab", "10.0.0.1", "fd00__1", "page") for end in ("crt", "key")}
    assert names == {"ca.crt", *hosts}
    assert {path.stat().st_mode & 0o777 for path in made} == {0o600} and made[0].parent.stat().st_mode & 0o777 == 0o700
    assert list(tmp_path.iterdir()) == [tmp_path / "certs"]
    for name, wanted in (
        ("a.lab", "DNS:a.lab"),
        ("10.0.0.1", "IP Address:10.0.0.1"),
        ("page", "Client Authentication"),
    ):
        shown = subprocess.run(
            ["openssl", "x509", "-in", str(tmp_path / "certs" / f"{name}.crt"), "-noout", "-text"],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        assert wanted in shown and ("Server Authentication" in shown) == (name != "page")


def test_what_no_certificate_can_be_made_for_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    for names in ([], ["a b"], ["-x"], ["page"], ["a\nb"]):
        with pytest.raises(ConfigError, match="straw certs"):
            make_certificates(names, tmp_path / "certs")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "ca.crt").touch()
    with pytest.raises(ConfigError, match=r"made for one job, and .*full is there already"):
        make_certificates(["a"], tmp_path / "full")
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


@pytest.mark.parametrize("name", ["ca", "CA", "page", "Page"])
def test_a_host_is_not_called_as_the_authority_or_the_page(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=rf"{name.lower()}\.crt is no worker's; got '{name}'"):
        make_certificates([name], tmp_path / "certs")
    assert not list(tmp_path.iterdir())


def test_certificates_below_a_file_are_refused_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"could not be written to .*file/certs \(.*\): name a folder"):
        make_certificates(["a"], tmp_path / "file" / "certs")


def test_a_folder_that_lacks_something_says_what(tmp_path: Path) -> None:
    make_certificates(["a"], tmp_path / "certs")
    with pytest.raises(ConfigError, match=r"has no b\.crt: straw certs b out=DIR makes one for b"):
        of_worker(tmp_path / "certs", "b")
    with pytest.raises(ConfigError, match=r"has no ca\.crt"):
        of_page(tmp_path)
    (tmp_path / "certs" / "page.key").chmod(0o640)
    with pytest.raises(ConfigError, match=r"others may read .*page\.key: chmod 600 it"):
        of_page(tmp_path / "certs")
    (tmp_path / "certs" / "a.key").write_text("no key")
    with pytest.raises(ConfigError, match="cannot be used"):
        of_worker(tmp_path / "certs", "a")


# --- values

SLOT = Handle("/proc/1/fd/3", 128, {"w": Place((2,), torch.float32, 0)}, 7)
HERS = Handle("/proc/9/fd/9", 128, SLOT.places, 8)
PARAMS = SamplingParams(max_tokens=4, temperature=0.7, stop=frozenset({2, 5}))
TALK = Talk(3, (1, 2), 2, [Generate(PARAMS, [7, 8]), Append([(1,), ()])])


@pytest.mark.parametrize(
    "value",
    [
        None, True, 7, 2**70, 0.1, -0.0, float("inf"), 5e-324, "ä\u2028", (), (1, (2.5,)), [(1,), []],
        {3: 0.25, "k": b"\x00"}, frozenset({1}), torch.bfloat16, Path("/tmp/x"), PARAMS, TALK,
        Reply((19, 2), (-0.1, -0.9), True),
        Sampling([(1, 2)], 2, PARAMS, [[1, 2]]), AdamParams(learning_rate=1e-3), TrainOutput([(0.1,)], {"loss": 0.5}),
        Loss(name="ppo", settings={"clip_low": 0.2}),
        Datum(prompt=(1,), tokens=(2,), weights=(1.0,), soft_targets=({3: 0.5, 4: 0.5},)), SLOT.places,
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_values_arrive_as_they_were(value: Any) -> None:
    ours, theirs = Values(), Values()
    found = theirs.read(json.loads(json.dumps(ours.packed(value))))
    assert found == value and type(found) is type(value) and repr(found) == repr(value)


def test_memory_goes_by_its_name_and_is_the_other_side_s_own() -> None:
    ours, theirs = Values(), Values()
    ours.know("slot-0", SLOT)
    theirs.know("slot-0", HERS)
    assert theirs.read(ours.packed(Version(4, 5, SLOT))) == Version(4, 5, HERS)


def test_of_a_page_goes_what_processes_compute_with(tmp_path: Path) -> None:
    page = small_page(f"hosts={A} engine=monarch certs={tmp_path} lora_rank=2 trainer_host={A}").page
    found = Values().read(Values().packed(page))
    assert isinstance(found, Page) and found.model == page.model
    assert found.engine.hosts == () and found.engine.certs is None and found.engine.trainer_host == "here"


@pytest.mark.parametrize(
    "sent",
    [
        {"c": "Popen", "f": []}, {"c": "Reply", "f": [1]}, {"m": "elsewhere"}, {"x": 1}, {}, {"t": 3}, {"d": [[1]]},
        {"c": "Datum", "f": [{"t": []}, {"t": []}, {"t": []}, {"t": []}, {"t": []}, None]}, {"dtype": "object"},
    ],
)  # fmt: skip
def test_what_nobody_of_ours_sends_makes_nothing(sent: Any) -> None:
    with pytest.raises(Unreadable):
        Values().read(sent)


def test_what_cannot_travel_is_refused_here() -> None:
    with pytest.raises(TypeError, match="a Tensor cannot go to another machine"):
        Values().packed(torch.zeros(1))


def test_a_checkpoint_s_files_stay_in_its_folder(tmp_path: Path) -> None:
    assert inside(tmp_path, "adapter/weights") == tmp_path / "adapter" / "weights"
    for name in ("../x", "/etc/x", "a/../../x", ""):
        with pytest.raises(RunError, match="in its own folder"):
            inside(tmp_path, name)


def test_what_differs_between_machines_is_named() -> None:
    here = facts_here()
    assert difference(here, dict(here)) == ""
    assert difference(here, {**here, "torch": "1"}).startswith(f"torch 1 there and {here['torch']} here: install")
    assert "ATEN_CPU_CAPABILITY=avx2" in difference(here, {**here, "cpu": "AVX9"})
    assert "more there than unknown here" not in difference(here, here)


def test_a_host_with_several_cards_gives_each_process_one(monkeypatch: pytest.MonkeyPatch) -> None:
    page = small_page("device=cuda engine=monarch").page
    for cards, wanted in ((1, ["cuda"] * 3), (2, ["cuda:0", "cuda:1", "cuda:0"])):
        monkeypatch.setattr(torch.cuda, "device_count", lambda cards=cards: cards)
        assert [spread((page, None), number)[0].model.device for number in range(3)] == wanted


def test_processes_that_are_begun_at_once_are_on_cards_of_their_own_and_a_new_one_on_that_of_the_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    page = small_page("device=cuda engine=monarch").page

    async def devices() -> list[str]:
        wall: Any = SimpleNamespace(missing="no Monarch is begun")
        session = Session({}, wall, asyncio.get_running_loop(), make=Fake)  # type: ignore[arg-type]
        session.greeted.set()

        async def begin(name: str) -> None:
            given = {"worker": "Generator", "given": (page, None), "patience": None}
            await session.begin({"name": name, **{key: session.values.packed(one) for key, one in given.items()}}, b"")

        await asyncio.gather(*(begin(f"g{number}.0") for number in range(3)))
        await session.end({"name": "g0.0"}, b"")
        await begin("g0.1")
        found = {name: process.given[0].model.device for name, process in session.processes.items()}  # type: ignore[attr-defined]
        await session.close()
        return [found[name] for name in sorted(found)]

    assert asyncio.run(devices()) == ["cuda:0", "cuda:1", "cuda:2"]


def test_nothing_here_knows_how_to_end_a_process_by_its_number() -> None:
    """A number means another process on another machine; a worker ends what it began, by its own Process."""
    sources = {path.name: path.read_text() for path in Path(hosts.__file__).parent.rglob("*.py")}
    assert len(sources) > 12
    for name, text in sources.items():
        assert not re.search(r"os\.kill|pidfd|Known|import signal|psutil", text), name


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("certificate has expired", "its certificate has expired: make new ones"),
        ("certificate is not yet valid", "the clocks of the two machines differ"),
        ("self-signed certificate in certificate chain", "is of another authority"),
        ("Hostname mismatch, certificate is not valid for 'b'.", "is not for that name"),
        ("IP address mismatch, certificate is not valid for '10.0.0.9'.", "is not for that address"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_said_in_words(said: str, meant: str) -> None:
    error = ssl.SSLCertVerificationError(1, f"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {said}")
    assert meant in reason(error) and is_final(error)
    assert not is_final(TimeoutError()) and "firewall" in reason(TimeoutError())
