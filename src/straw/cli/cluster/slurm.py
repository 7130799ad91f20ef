"""straw slurm: a script for sbatch. One allocation, a worker on every node, the run on the first, a CA for the job."""

from __future__ import annotations

from straw.cli.arguments import wants_help
from straw.cli.cluster.job import Extra, Job, job_of
from straw.text.shown.say import say_lines

SLURM = """straw slurm PAGE|TASK nodes=N [gpus=K] [key=value ...] > job.sh

Print a script for sbatch: one allocation, a worker on every node, the run directed from the first, certificates for
this job alone, and a run that goes on where it stopped when Slurm requeues the job. Three minutes before its time limit
the run keeps its step, and the job requeues itself.

  straw slurm secret_dense nodes=3 > job.sh && sbatch job.sh
  straw slurm PAGE.toml nodes=3 gpus=1 partition=gpu time=12:00:00 learning_rate=1e-4 > job.sh

  nodes=3           machines
  gpus=1            cards on each; the run then says device=cuda
  per_node=2        generators on each; else one, or one for each card
  cpus=8            processors on each
  partition=, account=, time=    as sbatch takes them
  port=26100        of the workers
  what else is written goes to straw train

The folder that the job is submitted from has to be the same on all nodes (certificates go there, in a folder for the
job's owner alone that is removed at the end), and straw has to be on the PATH, or a line that brings it there belongs
into the script. The run is runs/NAME-JOBID unless run_dir= says otherwise.
"""
WORD = r"[A-Za-z0-9_][A-Za-z0-9._@+-]{0,200}"
EXTRA = {
    "partition": Extra("a partition, or several with commas between them", "gpu", rf"{WORD}(,{WORD})*"),
    "account": Extra("an account", "lab", WORD),
    "time": Extra("minutes, HOURS:MINUTES:SECONDS or DAYS-HOURS:MINUTES:SECONDS", "12:00:00", r"(\d+-)?\d+(:\d+){0,2}"),
    "cpus": Extra("a whole number above 0", "8", r"[1-9]\d{0,4}"),
}
SCRIPT = """#!/bin/bash
{headers}
# Made by `straw slurm`. A worker on every node, the run on the first; a job that is requeued goes on with its run.
set -eu
umask 077
export STRAW_CERTS="$PWD/.straw-certs-$SLURM_JOB_ID"
nodes=$(scontrol show hostnames "$SLURM_JOB_NODELIST")
STRAW_HOSTS=$(printf 'tls://%s:{port},' $nodes)
export STRAW_HOSTS="${{STRAW_HOSTS%,}}"

workers=
finish() {{
    [ -z "$workers" ] || kill "$workers" 2>/dev/null || true
    wait || true
    rm -rf "$STRAW_CERTS"
}}
run=
again=
ending() {{ # a run that hears of its end keeps its step
    [ -n "$run" ] || exit 143
    kill "$run" 2>/dev/null || true
}}
trap finish EXIT
trap ending TERM
trap 'again=yes; ending' USR1 # the time limit is near

rm -rf "$STRAW_CERTS" # of a node that fell over
straw certs $nodes out="$STRAW_CERTS"
srun --nodes={nodes} --ntasks={nodes} --ntasks-per-node=1 --kill-on-bad-exit=0{cpus} \\
    bash -c 'exec straw worker --listen "tls://$SLURMD_NODENAME:{port}" idle_s=1800' &
workers=$!
{train} &
run=$!
code=0
wait "$run" || code=$?
while kill -0 "$run" 2>/dev/null; do
    code=0
    wait "$run" || code=$?
done
if [ -n "$again" ] && [ "$code" -gt 1 ]; then scontrol requeue "$SLURM_JOB_ID"; fi
exit "$code"
"""
WARNING_S = 180  # before the time limit: for the step that is under way


def slurm(words: list[str]) -> int:
    if wants_help(words) or not words:
        say_lines(SLURM)
        return 0 if words else 2
    job, extra = job_of("slurm", words, EXTRA)
    say_lines(script(job, extra).rstrip("\n"))
    return 0


def script(job: Job, extra: dict[str, str]) -> str:
    train = job.train(f'"runs/{job.name}-$SLURM_JOB_ID"')
    cpus = f" --cpus-per-task={extra['cpus']}" if "cpus" in extra else ""  # a step does not take it from its job
    head = "\n".join(headers(job, extra))
    return SCRIPT.format(headers=head, nodes=job.nodes, cpus=cpus, port=job.port, train=train)


def headers(job: Job, extra: dict[str, str]) -> list[str]:
    asked = {
        "job-name": job.name, "nodes": job.nodes, "ntasks-per-node": 1, "gpus-per-node": job.gpus or None,
        "cpus-per-task": extra.get("cpus"), "partition": extra.get("partition"), "account": extra.get("account"),
        "time": extra.get("time"), "output": f"{job.name}-%j.log", "open-mode": "append",
    }  # fmt: skip
    given = [f"#SBATCH --{name}={value}" for name, value in asked.items() if value is not None]
    return [*given, "#SBATCH --requeue", f"#SBATCH --signal=B:USR1@{WARNING_S}"]
