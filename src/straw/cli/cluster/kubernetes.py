"""straw kubernetes: Jobs for kubectl: workers behind a headless service, the run, its page and certificates."""

from __future__ import annotations

import base64
import json
import re
import tempfile
from pathlib import Path
from typing import Any

from straw.cli.arguments import page_at, wants_help
from straw.cli.cluster.job import Extra, Job, job_of
from straw.config.recipes import ENDING
from straw.errors import ConfigError
from straw.files import PAGE, read_file
from straw.text.shown.say import say_lines

KUBERNETES = """straw kubernetes PAGE|TASK nodes=N image=IMAGE [gpus=K] [key=value ...] > job.yaml

Print what kubectl takes: a Job of workers behind a headless service, a Job for the run, the page, and a secret with
certificates for this job alone. The file holds private keys: it is for the cluster and for nobody else (umask 077).

  straw kubernetes secret_dense nodes=3 image=lab/straw:0.2 > job.yaml && kubectl apply -f job.yaml
  straw kubernetes PAGE.toml nodes=4 gpus=1 image=lab/straw:0.2 claim=runs learning_rate=1e-4 > job.yaml

  image=            with straw, its extra monarch, and the model in straw's cache; files of a secret are root's
  nodes=3           pods of workers, 150 at most; the trainer is with the run, in a pod beside them
  gpus=1            cards of each pod (nvidia.com/gpu); the run then says device=cuda
  per_node=2        generators in each; else one, or one for each card
  claim=runs        the volume claim that runs/ lies on; without it a run ends with its pod
  cpus=8 memory=16Gi   of each pod
  name=             of all its parts, else the page's
  port=26100        of the workers
  what else is written goes to straw train

A container of the run that fails goes on with it. Workers end when nobody has called for a quarter of an hour. In a
pod nobody else has an account and Monarch's sockets end at its own network, so processes run with shared_machine=false.
"""
EXTRA = {
    "image": Extra("an image's name", "lab/straw:0.2", r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,500}"),
    "claim": Extra("the name of a volume claim", "runs", r"[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?"),
    "cpus": Extra("a number of processors", "8", r"\d+(\.\d+)?|\d+m"),
    "memory": Extra("an amount of memory as Kubernetes writes it", "16Gi", r"\d+(\.\d+)?([kMGT]|[KMGT]i)?"),
    "name": Extra(
        "a label of small letters, digits and hyphens that begins with a letter, up to 40 of them", "first",
        r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?",
    ),
}  # fmt: skip
# A shell hands no signal on, and a run that hears of its end keeps its step. 1 is a run that is done and worse than at
# its start: to begin it again would change nothing.
RUN = (
    "{train} & pid=$!; trap 'kill $pid' TERM; wait $pid; code=$?; "
    "while kill -0 $pid 2>/dev/null; do wait $pid; code=$?; done; [ $code -le 1 ]"
)
MOST_NODES = 150  # with names as long as they may be
CERTS, PAGES, RUNS = "/etc/straw/certs", "/etc/straw/page", "/runs"
MOUNTS: dict[str, dict[str, Any]] = {
    "certs": {"mountPath": CERTS, "readOnly": True}, "page": {"mountPath": PAGES, "readOnly": True},
    "runs": {"mountPath": RUNS},
}  # fmt: skip


def kubernetes(words: list[str]) -> int:
    if wants_help(words) or not words:
        say_lines(KUBERNETES)
        return 0 if words else 2
    job, extra = job_of("kubernetes", words, EXTRA)
    if "image" not in extra:
        raise ConfigError("pods are made of an image that has straw. Write for example image=lab/straw:0.2")
    if job.nodes > MOST_NODES:
        raise ConfigError(
            f"kubectl apply takes a secret of up to 256 KiB, the certificates of {MOST_NODES} workers; got nodes="
            f"{job.nodes}. Write nodes={MOST_NODES}, and more generators in each with per_node="
        )
    parts = manifest(job, extra, certificates(worker_names(job, extra)))
    say_lines("\n---\n".join(json.dumps(part, indent=1) for part in parts))  # JSON is YAML
    return 0


def name_in(job: Job, extra: dict[str, str]) -> str:
    """That of a service begins with a letter."""
    return extra.get("name") or (job.name if job.name[0].isalpha() else f"run-{job.name}")


def worker_names(job: Job, extra: dict[str, str]) -> list[str]:
    """As pods of an indexed Job are called behind its service."""
    name = name_in(job, extra)
    return [f"{name}-workers-{index}.{name}" for index in range(job.nodes)]


def certificates(hosts: list[str]) -> dict[str, bytes]:
    from straw.engines.monarch.hosts.wire.certificates import make_certificates

    with tempfile.TemporaryDirectory() as folder:
        return {path.name: path.read_bytes() for path in make_certificates(hosts, Path(folder, "certs"))}


def manifest(job: Job, extra: dict[str, str], files: dict[str, bytes]) -> list[dict[str, Any]]:
    name = name_in(job, extra)
    source, page = page_of(job)
    hosts = ",".join(f"tls://{host}:{job.port}" for host in worker_names(job, extra))
    train = job.train(f"{RUNS}/{name}", f"{PAGES}/{source}" if page else None, "shared_machine=false")
    listen = f"tls://{name}-workers-$JOB_COMPLETION_INDEX.{name}:{job.port}"
    worker = f'exec straw worker --listen "{listen}" bind=0.0.0.0 shared_machine=false idle_s=900'
    secret = {name: base64.b64encode(text).decode() for name, text in files.items()}
    its_own = sorted(file for file in files if file.split(".")[0] in ("ca", "page"))
    theirs = sorted(file for file in files if not file.startswith("page."))
    return [
        {"apiVersion": "v1", "kind": "Secret", **named(f"{name}-certs"), "type": "Opaque", "data": secret},
        {"apiVersion": "v1", "kind": "ConfigMap", **named(f"{name}-page"), "data": {source: page} if page else {}},
        {"apiVersion": "v1", "kind": "Service", **named(name), "spec": {
            "clusterIP": "None", "publishNotReadyAddresses": True, "selector": {"straw": name},
            "ports": [{"name": "worker", "port": job.port}],
        }},
        a_job(job, extra, f"{name}-workers", worker, [of_certificates(name, theirs)],
              {"completions": job.nodes, "parallelism": job.nodes, "completionMode": "Indexed",
               "backoffLimit": 4 * job.nodes}),
        a_job(job, extra, f"{name}-train", RUN.format(train=train), of_run(name, extra, its_own), {"backoffLimit": 4},
              STRAW_HOSTS=hosts),
    ]  # fmt: skip


def page_of(job: Job) -> tuple[str, str]:
    """The name and the text of a page that is a file here; a name of straw's own is known there, too."""
    if not job.source.endswith(ENDING):
        return "", ""
    path = page_at(job.source)
    try:
        return re.sub(r"[^A-Za-z0-9._-]", "-", path.name), read_file(path, PAGE, follow=True).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{job.source} cannot be read ({getattr(error, 'strerror', None) or error})") from error


def named(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name}}


def a_job(
    job: Job, extra: dict[str, str], name: str, command: str, volumes: list[dict[str, Any]], spec: dict[str, Any],
    **more: str,
) -> dict[str, Any]:  # fmt: skip
    label = name_in(job, extra)
    return {
        "apiVersion": "batch/v1", "kind": "Job", **named(name),
        "spec": {**spec, "template": {"metadata": {"labels": {"straw": label}}, "spec": {
            "subdomain": label, "restartPolicy": "OnFailure", "automountServiceAccountToken": False,
            "containers": [container(job, extra, command, volumes, more)], "volumes": volumes,
        }}},
    }  # fmt: skip


def container(
    job: Job, extra: dict[str, str], command: str, volumes: list[dict[str, Any]], more: dict[str, str]
) -> dict[str, Any]:
    asked = {"cpu": extra.get("cpus"), "memory": extra.get("memory"), "nvidia.com/gpu": str(job.gpus or "") or None}
    limits = {name: value for name, value in asked.items() if value is not None}
    return {
        "name": "straw", "image": extra["image"], "command": ["sh", "-c", command],
        "env": [{"name": name, "value": value} for name, value in {"STRAW_CERTS": CERTS, **more}.items()],
        "resources": {"limits": limits, "requests": limits},
        "volumeMounts": [{"name": one["name"], **MOUNTS[one["name"]]} for one in volumes],
    }  # fmt: skip


def of_certificates(name: str, files: list[str]) -> dict[str, Any]:
    """`files`: those of the secret that this pod is for."""
    items = [{"key": file, "path": file} for file in files]
    return {"name": "certs", "secret": {"secretName": f"{name}-certs", "defaultMode": 0o400, "items": items}}


def of_run(name: str, extra: dict[str, str], files: list[str]) -> list[dict[str, Any]]:
    """The run's alone: most claims can be on one machine at a time."""
    runs = {"persistentVolumeClaim": {"claimName": extra["claim"]}} if "claim" in extra else {"emptyDir": {}}
    return [
        of_certificates(name, files), {"name": "page", "configMap": {"name": f"{name}-page"}}, {"name": "runs", **runs}
    ]  # fmt: skip
