"""A directing process and workers, with real sockets and certificates, and processes that are none."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.engines.monarch.hosts.workers import Fake, free_port, until, working

from straw.config.sections import Engine
from straw.engines.monarch.generator import Generator, Version
from straw.engines.monarch.hosts import hosts as directing
from straw.engines.monarch.hosts.address import Address
from straw.engines.monarch.hosts.attachment import memory_by_name
from straw.engines.monarch.hosts.hosts import Hosts
from straw.engines.monarch.hosts.places import placed
from straw.engines.monarch.hosts.remote import RemoteProcess, RemoteTrainer
from straw.engines.monarch.hosts.wire import link
from straw.engines.monarch.hosts.wire.certificates import make_certificates
from straw.engines.monarch.hosts.wire.tls import of_worker
from straw.engines.monarch.memory.shared_memory import Shared
from straw.engines.monarch.processes.process import HostAway, WorkerDied
from straw.engines.monarch.trainer import Trainer
from straw.errors import ConfigError, EngineFailed

WEIGHTS = {"a": torch.arange(400_000.0), "b": torch.tensor([7.0])}
NEEDS = {"trained_bytes": 100, "model_bytes": 100, "slots": 2, "packed_bytes": 0}


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("job") / "certs"
    make_certificates(["127.0.0.1", "somewhere"], folder)
    return folder


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of another job, for the same names."""
    folder = tmp_path_factory.mktemp("other") / "certs"
    make_certificates(["127.0.0.1", "somewhere"], folder)
    return folder


class Directed:
    """A directing process without a run."""

    def __init__(self, address: Address | str, certs: Path | None, **options: Any) -> None:
        self.slots = [Shared.holding(WEIGHTS), Shared.like(WEIGHTS)]
        self.events: list[tuple[str, dict[str, Any]]] = []
        page = Engine(hosts=(str(address),), certs=str(certs) if certs else None, **{"attach_s": 20.0, **options})
        self.hosts = Hosts(page, placed(page), memory_by_name(self.slots, None), NEEDS, self.tell, lambda *said: None)
        self.address = placed(page).others[0]

    def tell(self, event: str, **facts: Any) -> None:
        self.events.append((event, facts))

    def count(self, event: str) -> int:
        return sum(name == event for name, _ in self.events)

    def process(self, kind: type[RemoteProcess] = RemoteProcess, *given: Any) -> RemoteProcess:
        worker = Trainer if kind is RemoteTrainer else Generator
        return self.hosts.process(kind, self.address, "generator-0-0", worker, *given)

    def version(self, serial: int) -> Version:
        return Version(serial, serial, self.slots[serial % 2].handle)


@contextmanager
def directed(address: Address | str, certs: Path | None, **options: Any) -> Iterator[Directed]:
    one = Directed(address, certs, **options)
    try:
        one.hosts.attach()
        yield one
    finally:
        one.hosts.close()
        for slot in one.slots:
            slot.close()


def refuses(kind: type[Exception], line: str, address: Address | str, certs: Path | None, **options: Any) -> None:
    """All that an engine would do before it begins, and the line that it ends with."""
    with pytest.raises(kind, match=line), directed(address, certs, **options):
        pass


@pytest.fixture
def address() -> Address:
    return Address("127.0.0.1", free_port())


# --- what goes right


def test_weights_go_to_a_host_once_and_are_shared_there(address: Address, certs: Path) -> None:
    with working(address, of_worker(certs, "127.0.0.1")), directed(address, certs) as ours:

        async def script() -> list[Any]:
            first, second = ours.process(), ours.process()
            await asyncio.gather(first.start(), second.start())
            answers = [await one.call("sample", ours.version(2), None) for one in (first, second)]
            ours.slots[1].write({"a": WEIGHTS["a"] + 1, "b": WEIGHTS["b"]})
            return [*answers, await second.call("sample", ours.version(3), None)]

        before, again, after = asyncio.run(script())
        assert before == again == (2, {name: tensor.tolist() for name, tensor in WEIGHTS.items()})
        assert after[0] == 3 and after[1]["a"][:2] == [1.0, 2.0]
        (facts,) = ours.hosts.facts()
        assert facts["pushes"] == 2 and facts["pushed_bytes"] == 2 * ours.slots[0].handle.num_bytes
        assert (facts["state"], facts["host"], facts["lost"]) == ("attached", str(address), 0)


def test_a_process_there_has_the_face_of_one_here(address: Address, certs: Path) -> None:
    Fake.made.clear()
    with working(address, of_worker(certs, "127.0.0.1")) as (worker, _), directed(address, certs) as ours:

        async def script() -> tuple[Any, str]:
            process = ours.process(RemoteProcess, ("x", 1.5), None)
            await process.start()
            assert (process.pid, process.place) == (4711, {"host": str(address)})
            answer = await process.call("converse", [1, 2.5], {"k": (b"\x00", None)})
            worker.loop.call_soon_threadsafe(Fake.made[0].death.set)
            return answer, await process.trouble()

        answer, why = asyncio.run(script())
        assert why == "died"
        assert answer == ([1, 2.5], {"k": (b"\x00", None)})
        assert Fake.made[0].given == (("x", 1.5), None) and Fake.made[0].worker is Generator
        assert Fake.made[0].name == "generator-0-0"
    assert Fake.made[0].ended


def test_a_trainer_there_is_mirrored_here_and_its_checkpoints_travel(
    address: Address, certs: Path, tmp_path: Path
) -> None:
    with working(address, of_worker(certs, "127.0.0.1")) as (worker, _), directed(address, certs) as ours:

        async def script() -> Any:
            trainer = ours.process(RemoteTrainer, None, [slot.handle for slot in ours.slots])
            await trainer.start()
            assert worker.session is not None
            theirs = worker.session.memory["slot-0"].tensors
            assert torch.equal(theirs["a"], WEIGHTS["a"])  # it begins with what lies in the first slot
            theirs["b"][0] = 9.0
            shown = await trainer.call("show", True)
            await trainer.call("save", tmp_path / "kept", True, loads=True)
            await trainer.call("start_is_in", tmp_path)
            loaded = await trainer.call("load", tmp_path / "kept", True, loads=True)
            return shown, loaded, [*worker.session.folders]

        (version, is_published), _, folders = asyncio.run(script())
        assert version == Version(3, 3, ours.slots[0].handle) and is_published
        assert ours.slots[0].tensors["b"].tolist() == [9.0]
        assert (tmp_path / "kept" / "weights").read_bytes() == b"w" * 3_000_000
        assert (tmp_path / "kept" / "adapter" / "empty").read_bytes() == b""
        assert folders == []  # nothing stays there


def test_who_is_gone_leaves_nothing_and_the_next_is_let_in(address: Address, certs: Path) -> None:
    Fake.made.clear()
    with working(address, of_worker(certs, "127.0.0.1")) as (worker, said):
        for _ in range(2):
            with directed(address, certs) as ours:
                asyncio.run(ours.process().start())
                assert worker.session is not None
            until(lambda: worker.session is None)
        assert all(one.ended for one in Fake.made) and len(Fake.made) == 2
        assert [line.split()[0] for line in said] == ["listens", "works", "is", "works", "is"]


def test_one_run_at_a_time_and_another_waits_until_it_is_over(address: Address, certs: Path) -> None:
    with working(address, of_worker(certs, "127.0.0.1")):
        with directed(address, certs):
            line = r"cannot be reached: it works for somebody else now \(waited 1.5 s"
            refuses(EngineFailed, line, address, certs, attach_s=1.5)
            waiting = Directed(address, certs)
        waiting.hosts.attach()
        waiting.hosts.close()


def test_a_worker_that_nobody_calls_ends(address: Address, certs: Path) -> None:
    with working(address, of_worker(certs, "127.0.0.1"), idle_s=0.2) as (worker, said):
        until(worker.ending.is_set)
    assert said[-1] == "nobody called for 0.2 s (idle_s)"


# --- hosts that are lost


def test_a_host_that_is_lost_is_told_to_whoever_waits_and_is_taken_back(address: Address, certs: Path) -> None:
    context = of_worker(certs, "127.0.0.1")
    with working(address, context) as (worker, _), directed(address, certs) as ours:

        async def lose() -> None:
            process = ours.process()
            await process.start()
            call, trouble = (asyncio.ensure_future(one) for one in (process.call("sample", "wait"), process.trouble()))
            await asyncio.sleep(0.05)
            assert worker.session is not None and worker.session.link is not None
            loop = worker.session.link.lost.get_loop()
            loop.call_soon_threadsafe(worker.session.link.writer.transport.abort)
            with pytest.raises(WorkerDied, match="which is lost: it closed the connection"):
                await call
            assert "which is lost" in await trouble

        asyncio.run(lose())
        until(lambda: ours.count("host_attached") == 2)
        assert ours.count("host_lost") == 1
        asyncio.run(ours.process().start())


def test_a_process_for_a_host_that_is_away_waits_no_longer_than_it_has_to(address: Address, certs: Path) -> None:
    ours = Directed(address, certs)
    try:
        with pytest.raises(HostAway, match="nobody listens there: is straw worker running"):
            asyncio.run(ours.process().start())
    finally:
        ours.hosts.close()


def test_silence_ends_a_link_within_six_seconds(address: Address, certs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert link.SILENT_S + 2 * link.LOOK_S <= 6.0
    monkeypatch.setattr(link, "SILENT_S", 0.3)
    monkeypatch.setattr(link, "LOOK_S", 0.05)
    with working(address, of_worker(certs, "127.0.0.1")), directed(address, certs) as ours:
        until(lambda: ours.count("host_lost") > 0)  # a pulse comes every second only


# --- who is refused, each with a line on both sides


def test_without_certificates_nobody_is_called(address: Address) -> None:
    with pytest.raises(ConfigError, match=r"wants certificates: straw certs 127.0.0.1 out=certs"):
        Directed(address, None)


@pytest.mark.parametrize(
    ("whose", "line"),
    [("others", "is of another authority: certs=DIR"), ("mixed", "did not take our certificate: certs=DIR")],
)
def test_a_foreign_authority_is_refused_at_once(
    address: Address, certs: Path, others: Path, tmp_path: Path, whose: str, line: str
) -> None:
    shown = others
    if whose == "mixed":  # who believes ours, and was signed by another
        shown = tmp_path / "mixed"
        shown.mkdir()
        for source, name in ((certs, "ca.crt"), (others, "page.crt"), (others, "page.key")):
            (shown / name).write_bytes((source / name).read_bytes())
            (shown / name).chmod(0o600)
    with working(address, of_worker(certs, "127.0.0.1")) as (worker, said):
        refuses(ConfigError, f"{address} cannot be reached: .*{line}", address, shown)
        until(lambda: any(line.startswith("refused 127.0.0.1") for line in said))
        assert worker.session is None


def test_a_worker_s_own_certificate_commands_no_other(address: Address, certs: Path, tmp_path: Path) -> None:
    stolen = tmp_path / "stolen"
    stolen.mkdir()
    for name, source in (("ca.crt", "ca.crt"), ("page.crt", "somewhere.crt"), ("page.key", "somewhere.key")):
        (stolen / name).write_bytes((certs / source).read_bytes())
        (stolen / name).chmod(0o600)
    with working(address, of_worker(certs, "127.0.0.1")) as (worker, said):
        refuses(ConfigError, "did not take our certificate", address, stolen)
        until(lambda: any("only page.crt calls" in line for line in said))
        assert worker.session is None


def test_a_certificate_without_that_name_is_refused(address: Address, certs: Path) -> None:
    with working(address, of_worker(certs, "somewhere")):
        refuses(ConfigError, "its certificate is not for that address: straw certs wants every", address, certs)


def test_who_speaks_no_tls_is_refused(address: Address, certs: Path) -> None:
    with working(address, of_worker(certs, "127.0.0.1")) as (worker, said):
        with socket.create_connection((address.host, address.port)) as stranger:
            stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
            until(lambda: any("speaks no TLS" in line for line in said))
        assert worker.session is None


def test_a_service_that_speaks_no_tls_is_named(certs: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        def greet() -> None:
            caller, _ = other.accept()
            with caller:
                caller.sendall(b"220 mail.example ESMTP\r\n")
                caller.recv(1000)

        threading.Thread(target=greet, daemon=True).start()
        refuses(ConfigError, "cannot be reached: what is there speaks no TLS", f"tls://127.0.0.1:{port}", certs)


def test_nobody_there_and_a_name_that_leads_nowhere_are_told_within_the_deadline(certs: Path) -> None:
    for url, line in ((f"tls://127.0.0.1:{free_port()}", "nobody listens"), ("tls://no.invalid:1", "leads nowhere")):
        refuses(EngineFailed, rf"{line}.*\(waited 0.5 s; attach_s says how long\)", url, certs, attach_s=0.5)


def test_versions_that_differ_are_named_and_refused(
    address: Address, certs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = directing.facts_here()
    monkeypatch.setattr(directing, "facts_here", lambda: {**real, "torch": "9.9"})
    with working(address, of_worker(certs, "127.0.0.1")) as (worker, _):
        refuses(
            ConfigError,
            rf"torch {re.escape(real['torch'])} there and 9.9 here: install the same versions",
            address,
            certs,
        )
        until(lambda: worker.session is None)


def test_a_host_without_room_says_so(address: Address, certs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NEEDS, "model_bytes", 2**50)
    with working(address, of_worker(certs, "127.0.0.1")):
        refuses(ConfigError, f"{address} cannot be reached: generators have to fit into memory", address, certs)
