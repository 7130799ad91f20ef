"""Two network namespaces as two machines over TLS: a run there leaves what a run in one process leaves."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engines.monarch.hosts.network import Machine, Worker, alive, environment, straw, two_machines, why_no_network
from tests.monarch_here import needs_monarch, why_open
from tests.small_runs import small_words, train
from tests.torture import differing

from straw.engines.monarch.hosts.wire.certificates import make_certificates
from straw.runs.reading import read_events

pytestmark = [
    needs_monarch, pytest.mark.slow,
    pytest.mark.skipif(bool(why_no_network()), reason=why_no_network()),
    pytest.mark.skipif(bool(why_open()), reason=f"no wall is to be had here: {why_open()}"),
]  # fmt: skip

WORDS = "n_batches=4 eval_every=2 save_every=2 group_size=6 learning_rate=1e-3 baseline=ema kl_coef=0.05"
LONG = "n_batches=40 eval_every=20 save_every=10 group_size=6 learning_rate=1e-4 baseline=ema kl_coef=0.05"


@pytest.fixture(scope="module")
def machines() -> Iterator[tuple[Machine, Machine]]:
    with two_machines() as made:
        yield made


@pytest.fixture
def certs(tmp_path: Path) -> Path:
    make_certificates(["10.77.0.1", "10.77.0.2", "elsewhere"], tmp_path / "certs")
    return tmp_path / "certs"


def begun(machine: Machine, folder: Path, words: str, *more: str) -> subprocess.Popen[str]:
    chosen = small_words(*words.split(), *more, f"run_dir={folder}")
    command = machine.run(*straw("train", "secret", *chosen, "--quiet"))
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment())


def listening(machines: tuple[Machine, Machine], certs: Path) -> list[Worker]:
    workers = [machine.worker(certs) for machine in machines]
    for worker in workers:
        worker.wait_until("listens")
    return workers


def wait_for_step(folder: Path, step: int, process: subprocess.Popen[str]) -> None:
    rows = folder / "metrics.jsonl"
    while not rows.exists() or len(rows.read_text().splitlines()) < step:
        assert process.poll() is None, process.stdout and process.stdout.read()
        time.sleep(0.02)


@pytest.mark.parametrize("words", ["", "trainer_host=tls://10.77.0.2:26100 env_type=multi_step lora_rank=2"])
def test_two_hosts_leave_what_one_process_leaves(
    home: Path, tmp_path: Path, machines: tuple[Machine, Machine], certs: Path, words: str
) -> None:
    train(tmp_path / "local", WORDS, *(word for word in words.split() if not word.startswith("trainer_host")))
    workers = listening(machines, certs)
    hosts = f"hosts={machines[0].url},{machines[1].url}"
    run = begun(machines[0], tmp_path / "far", WORDS, *words.split(), hosts, f"certs={certs}")
    assert run.wait(900) == 0, run.stdout and run.stdout.read()
    assert differing(tmp_path / "local", tmp_path / "far") == []
    families = [pid for worker in workers for pid in worker.family()[1:]]
    assert [worker.stop() for worker in workers] == [0, 0]
    assert alive(families) == []
    attached = [one["host"] for one in read_events(tmp_path / "far") if one["event"] == "host_attached"]
    assert sorted(attached) == [machine.url for machine in machines]
    assert (tmp_path / "far" / "monarch.log").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("how", ["killed", "cut off"])
def test_a_host_that_is_gone_is_seen_within_six_seconds_and_nobody_can_tell_from_the_run(
    home: Path, tmp_path: Path, machines: tuple[Machine, Machine], certs: Path, how: str
) -> None:
    train(tmp_path / "local", LONG)
    workers = listening(machines, certs)
    hosts = f"hosts={machines[0].url},{machines[1].url}"
    run = begun(machines[0], tmp_path / "far", LONG, hosts, f"certs={certs}")
    wait_for_step(tmp_path / "far", 5, run)
    gone = time.time()
    if how == "killed":
        workers[1].kill()
        workers.append(machines[1].worker(certs))  # and it comes back
    else:
        machines[1].cut()
    try:
        assert run.wait(900) == 0, run.stdout and run.stdout.read()
    finally:
        machines[1].mend()
    assert differing(tmp_path / "local", tmp_path / "far") == []
    (lost,) = [one for one in read_events(tmp_path / "far") if one["event"] == "host_lost"]
    assert lost["host"] == machines[1].url and lost["time"] - gone < 6.0
    assert [worker.stop() for worker in workers if worker.process.poll() is None].count(0) >= 1


def test_a_run_whose_trainer_s_host_is_lost_goes_on_from_its_newest_checkpoint(
    home: Path, tmp_path: Path, machines: tuple[Machine, Machine], certs: Path
) -> None:
    train(tmp_path / "local", LONG)
    workers = listening(machines, certs)
    hosts = f"hosts={machines[0].url},{machines[1].url}"
    more = [f"trainer_host={machines[1].url}", "attach_s=300", f"certs={certs}"]
    run = begun(machines[0], tmp_path / "far", LONG, hosts, *more)
    wait_for_step(tmp_path / "far", 12, run)
    workers[1].kill()
    machines[1].worker(certs)
    assert run.wait(900) == 0, run.stdout and run.stdout.read()
    assert differing(tmp_path / "local", tmp_path / "far") == []
    assert "resumed" in [one["event"] for one in read_events(tmp_path / "far")]
