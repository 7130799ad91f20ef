"""What `straw slurm` and `straw kubernetes` print, and that a scheduler that is none runs it with real workers."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.engines.monarch.hosts.network import ROOT, alive, descendants, environment
from tests.monarch_here import needs_monarch, why_open
from tests.small_runs import small_words, train
from tests.torture import differing

from straw.cli.cluster import kubernetes as pods
from straw.cli.main import main
from straw.runs.reading import read_events, state_of

GOLDEN = Path(__file__).parent / "golden"
WORDS = "n_batches=8 eval_every=4 save_every=2 group_size=6 learning_rate=1e-3 baseline=ema"


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main([*words]) == 0
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main([*words]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("straw: ")]
    return line


def same(name: str, text: str) -> None:
    """STRAW_GOLDEN=1 writes them anew."""
    if os.environ.get("STRAW_GOLDEN"):
        (GOLDEN / name).write_text(text)
    assert (GOLDEN / name).read_text() == text


def test_a_script_for_sbatch(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["nodes=3", "gpus=1", "partition=gpu", "time=12:00:00", "learning_rate=1e-4", "N=16"]
    same("secret.sh", printed(capsys, "slurm", "secret", *words))
    assert subprocess.run(["bash", "-n", GOLDEN / "secret.sh"], check=False).returncode == 0


def test_jobs_for_kubectl(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pods, "certificates", lambda hosts: {f"{name}.crt": b"PEM" for name in ("ca", "page", *hosts)})
    (tmp_path / "My_Page.toml").write_text('N = 16\nquestion = "does it hold?"\n')
    monkeypatch.chdir(tmp_path)
    words = ["nodes=2", "gpus=1", "image=lab/straw:0.2", "claim=runs", "memory=16Gi", "seed=3"]
    text = printed(capsys, "kubernetes", "My_Page.toml", *words)
    same("my-page.yaml", text)
    parts = list(yaml.safe_load_all(text))
    assert [part["kind"] for part in parts] == ["Secret", "ConfigMap", "Service", "Job", "Job"]
    secret, page, service, workers, run = parts
    assert base64.b64decode(secret["data"]["ca.crt"]) == b"PEM" and "question" in page["data"]["My_Page.toml"]
    assert service["spec"]["clusterIP"] == "None" and workers["spec"]["completions"] == 2
    assert files_of(run) == {"ca.crt", "page.crt"} and "page.crt" not in files_of(workers)
    assert volumes_of(run) == ["certs", "page", "runs"]
    assert volumes_of(workers) == ["certs"]  # a claim that one machine may have keeps no worker from its own
    labels = workers["spec"]["template"]["metadata"]["labels"]
    assert labels == service["spec"]["selector"]
    urls = next(one["value"] for one in container(run)["env"] if one["name"] == "STRAW_HOSTS").split(",")
    assert urls == [f"tls://my-page-workers-{index}.my-page:26100" for index in range(2)]
    assert {f"my-page-workers-{index}.my-page.crt" for index in range(2)} < set(secret["data"])


def container(part: dict[str, Any]) -> dict[str, Any]:
    (one,) = part["spec"]["template"]["spec"]["containers"]
    return dict(one)


def volumes_of(part: dict[str, Any]) -> list[str]:
    names = [one["name"] for one in part["spec"]["template"]["spec"]["volumes"]]
    assert [one["name"] for one in container(part)["volumeMounts"]] == names
    return names


def files_of(part: dict[str, Any]) -> set[str]:
    (certs,) = [one["secret"] for one in part["spec"]["template"]["spec"]["volumes"] if one["name"] == "certs"]
    return {item["key"] for item in certs["items"]}


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("slurm", ""),
        ("slurm nodes=2", "a job runs a page or a task, and none is named"),
        ("slurm secret", "a job is for a number of machines: write straw slurm PAGE.toml nodes=3"),
        ("slurm secret nodes=0", "--nodes is a whole number from 1"),
        ("slurm secret nodes=2 hosts=here", "hosts is for the job to say, from its nodes: leave hosts=here out"),
        ("slurm secret nodes=2 N=0", "N is the number of possible secrets"),
        ("slurm secret nodes=2 nonsense=1", "there is no option 'nonsense'"),
        ("slurm secret nodes=2 partition=a;b", "partition is a partition, or several with commas between them; got"),
        ("slurm secret nodes=2 cpus=banana", "cpus is a whole number above 0; got 'banana'. Write for example cpus=8."),
        ("slurm secret nodes=2 cpus=0", "cpus is a whole number above 0; got '0'"),
        ("slurm secret nodes=2 cpus=", "cpus is a whole number above 0; got ''"),
        ("slurm secret nodes=2 time=banana", "time is minutes, HOURS:MINUTES:SECONDS or DAYS-HOURS:MINUTES:SECONDS"),
        ("slurm secret nodes=2 time=-5", "Write for example time=12:00:00"),
        ("slurm secret nodes=2 trainer_ranks=2", "a trainer is divided by engine=ranks, got trainer_ranks=2"),
        ("slurm secret nodes=2 weights=pushed", "weights go to each host once, and are shared there"),
        ("slurm secret nodes=10000 per_node=10000", "num_generators"),
        ("kubernetes secret nodes=2 image=i name=Foo_Bar", "name is a label of small letters, digits and hyphens"),
        (f"kubernetes secret nodes=2 image=i name={'a' * 41}", "up to 40 of them"),
        ("kubernetes secret nodes=2 image=i name=2048", "that begins with a letter"),
        ("kubernetes secret nodes=2 image=i memory=16GB", "memory is an amount of memory as Kubernetes writes it"),
        ("kubernetes secret nodes=2 image=i cpus=banana", "cpus is a number of processors; got 'banana'"),
        ("kubernetes secret nodes=2 image=i claim=My_Runs", "claim is the name of a volume claim"),
        ("kubernetes secret nodes=2 image=", "image is an image's name; got ''"),
        ("kubernetes secret nodes=151 image=i", "the certificates of 150 workers; got nodes=151. Write nodes=150"),
        ("kubernetes secret nodes=2", "pods are made of an image that has straw"),
        ("worker --listen tcp://10.0.0.1:1", "over plain TCP whoever can call a worker runs code there"),
        ("worker --listen tcp://127.0.0.1:1", "other users of this machine could call tcp://127.0.0.1:1"),
        ("worker --listen tls://a:26100 certs=nowhere shared_machine=false", "certs=nowhere has no ca.crt"),
        ("worker --listen tls://a:26100 shared_machine=false", "wants certificates: straw certs a out=certs"),
        ("worker --listen tls://a:1 idle_s=-1", "idle_s is a number of seconds above 0"),
        ("worker --listen tls://a:1 more", "straw worker has no option 'more'"),
        ("certs a b", "certificates want a folder of their own. Write straw certs a b out=certs"),
        ("certs a --force out=x", "straw certs has no option '--force'"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: str, line: str
) -> None:
    monkeypatch.delenv("STRAW_CERTS", raising=False)
    if line:
        assert line in refused(capsys, *words.split())
    else:
        assert main(words.split()) == 2 and "nodes=N" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ("max_lag=1", "max_lag=1 engine=monarch num_generators=2 attach_s=600 run_dir="),
        ("pace=free max_lag=2", "pace=free max_lag=2 engine=monarch"),
        ("attach_s=900", "secret attach_s=900 engine=monarch num_generators=2 run_dir="),
        ("gpus=1 --device cpu", "secret --device cpu engine=monarch num_generators=2 attach_s=600 run_dir="),
        ("--run-dir mine", "secret --run-dir mine engine=monarch num_generators=2 attach_s=600 --resume"),
        ("partition=short,long", "secret engine=monarch"),
    ],
)
def test_what_is_said_is_in_the_job_once_and_as_its_engine_takes_it(
    capsys: pytest.CaptureFixture[str], words: str, command: str
) -> None:
    assert f" {command}" in printed(capsys, "slurm", "secret", "nodes=2", *words.split())


def test_what_pods_are_called_is_what_a_cluster_takes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pods, "certificates", lambda hosts: {f"{name}.crt": b"PEM" for name in ("ca", "page", *hosts)})
    (tmp_path / "2048 – spiel.toml").write_text("N = 16\n")
    monkeypatch.chdir(tmp_path)
    text = printed(capsys, "kubernetes", "2048 – spiel.toml", "nodes=2", "image=i", "shared_machine=true")
    _, page, service, workers, run = yaml.safe_load_all(text)
    assert service["metadata"]["name"] == "run-2048-spiel" and list(page["data"]) == ["2048---spiel.toml"]
    assert workers["metadata"]["name"] == "run-2048-spiel-workers"
    (command,) = [word for word in container(run)["command"] if word.startswith("straw train")]
    assert command.startswith("straw train /etc/straw/page/2048---spiel.toml shared_machine=true engine=monarch")
    assert command.count("shared_machine") == 1


@pytest.mark.parametrize(("code", "is_done"), [(0, True), (1, True), (2, False), (130, False)])
def test_a_pod_is_done_when_its_run_is(tmp_path: Path, code: int, is_done: bool) -> None:
    assert (in_a_pod(tmp_path, f"exit {code}").wait(30) == 0) is is_done


def test_a_pod_that_is_to_end_tells_its_run(tmp_path: Path) -> None:
    """And waits for it: the step is finished, and kept."""
    pod = in_a_pod(tmp_path, "trap 'sleep 0.3; touch kept; exit 130' TERM; touch began; while true; do sleep 0.1; done")
    while not (tmp_path / "began").exists():
        assert pod.poll() is None
        time.sleep(0.01)
    pod.send_signal(signal.SIGTERM)
    assert pod.wait(30) != 0 and (tmp_path / "kept").exists()


def in_a_pod(folder: Path, straw: str) -> subprocess.Popen[bytes]:
    """The command of a run, where `straw` is this script."""
    (folder / "straw").write_text(f"#!/bin/sh\n{straw}\n")
    (folder / "straw").chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    command = pods.RUN.format(train="straw train PAGE --resume")
    return subprocess.Popen(["sh", "-c", command], cwd=folder, env={**os.environ, "PATH": path})


# --- a scheduler that is none

FAKES = {
    "straw": f'#!/bin/bash\nexec {sys.executable} -m straw "$@"\n',
    "scontrol": "#!/bin/bash\ntr , '\\n' <<< \"$3\"\n",
    "srun": """#!/bin/bash
while [[ $1 == --* ]]; do shift; done
trap 'kill $(jobs -p)' TERM
for node in ${SLURM_JOB_NODELIST//,/ }; do SLURMD_NODENAME=$node "$@" & done
wait
""",
    "sbatch": """#!/bin/bash
export SLURM_JOB_ID=17 SLURM_JOB_NODELIST=127.0.0.2,127.0.0.3
exec bash "$1"
""",
}


@pytest.mark.slow
@needs_monarch
@pytest.mark.skipif(bool(why_open()), reason=f"no wall is to be had here: {why_open()}")
def test_a_job_that_is_killed_and_requeued_leaves_what_one_process_leaves(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(tmp_path / "local", WORDS)
    (tmp_path / "bin").mkdir()
    for name, text in FAKES.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    chosen = [word for word in small_words(*WORDS.split()) if not word.startswith("shared_machine")]
    (tmp_path / "job.sh").write_text(printed(capsys, "slurm", "secret", "nodes=2", *chosen))
    run = tmp_path / "runs" / "secret-17"
    first = submitted(tmp_path)
    while not (run / "metrics.jsonl").exists() or len((run / "metrics.jsonl").read_text().splitlines()) < 4:
        assert first.poll() is None, (tmp_path / "job.log").read_text()
        time.sleep(0.05)
    family = [first.pid, *descendants(first.pid)]
    for pid in family:  # the node falls over
        os.kill(pid, signal.SIGKILL)
    first.wait()
    second = submitted(tmp_path)
    assert second.wait(900) == 0, (tmp_path / "job.log").read_text()
    assert differing(tmp_path / "local", run) == [] and state_of(run) == "done"
    assert {one.get("host") for one in read_events(run) if one["event"] == "host_attached"} == {
        "tls://127.0.0.2:26100", "tls://127.0.0.3:26100",
    }  # fmt: skip
    assert not list(tmp_path.glob(".straw-certs-*"))
    assert alive(descendants(second.pid)) == []


def submitted(folder: Path) -> subprocess.Popen[bytes]:
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    with (folder / "job.log").open("a") as log:
        return subprocess.Popen(
            ["sbatch", "job.sh"], cwd=folder, stdout=log, stderr=log, env=environment(PATH=path), start_new_session=True
        )  # fmt: skip


A_RUN = """#!/bin/bash
[ "$1" = certs ] && exit 0
trap 'touch kept; exit 130' TERM
touch began
for tick in $(seq 600); do [ -e enough ] && exit 0; sleep 0.05; done
"""


@pytest.mark.parametrize(
    ("number", "is_kept", "code", "is_requeued"),
    [(signal.SIGUSR1, True, 130, True), (signal.SIGTERM, True, 130, False), (None, False, 0, False)],
)
def test_a_job_whose_time_is_up_keeps_its_step_and_requeues_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], number: int | None, is_kept: bool, code: int, is_requeued: bool
) -> None:
    """And one that somebody ends, or whose run is done, does not."""
    names = "#!/bin/bash\n[ $1 = requeue ] && touch requeued-$2; echo 127.0.0.2\n"
    (tmp_path / "bin").mkdir()
    for name, text in {**FAKES, "straw": A_RUN, "scontrol": names, "srun": "#!/bin/bash\nexec sleep 60\n"}.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "job.sh").write_text(printed(capsys, "slurm", "secret", "nodes=2"))
    job = submitted(tmp_path)
    while not (tmp_path / "began").exists():
        assert job.poll() is None, (tmp_path / "job.log").read_text()
        time.sleep(0.01)
    if number is None:
        (tmp_path / "enough").touch()
    else:
        job.send_signal(number)
    assert job.wait(30) == code, (tmp_path / "job.log").read_text()
    assert (tmp_path / "kept").exists() is is_kept
    assert (tmp_path / "requeued-17").exists() is is_requeued
    assert alive(descendants(job.pid)) == [] and not list(tmp_path.glob(".straw-certs-*"))


def test_the_pages_of_a_manifest_are_plain_json() -> None:
    for part in (GOLDEN / "my-page.yaml").read_text().split("\n---\n"):
        assert json.loads(part)["metadata"]["name"].startswith("my-page")


def test_the_root_is_the_checkout_s() -> None:
    assert (ROOT / "pyproject.toml").exists()
