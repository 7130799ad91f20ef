#!/bin/bash
#SBATCH --job-name=secret
#SBATCH --nodes=3
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=1
#SBATCH --partition=gpu
#SBATCH --time=12:00:00
#SBATCH --output=secret-%j.log
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:USR1@180
# Made by `straw slurm`. A worker on every node, the run on the first; a job that is requeued goes on with its run.
set -eu
umask 077
export STRAW_CERTS="$PWD/.straw-certs-$SLURM_JOB_ID"
nodes=$(scontrol show hostnames "$SLURM_JOB_NODELIST")
STRAW_HOSTS=$(printf 'tls://%s:26100,' $nodes)
export STRAW_HOSTS="${STRAW_HOSTS%,}"

workers=
finish() {
    [ -z "$workers" ] || kill "$workers" 2>/dev/null || true
    wait || true
    rm -rf "$STRAW_CERTS"
}
run=
again=
ending() { # a run that hears of its end keeps its step
    [ -n "$run" ] || exit 143
    kill "$run" 2>/dev/null || true
}
trap finish EXIT
trap ending TERM
trap 'again=yes; ending' USR1 # the time limit is near

rm -rf "$STRAW_CERTS" # of a node that fell over
straw certs $nodes out="$STRAW_CERTS"
srun --nodes=3 --ntasks=3 --ntasks-per-node=1 --kill-on-bad-exit=0 \
    bash -c 'exec straw worker --listen "tls://$SLURMD_NODENAME:26100" idle_s=1800' &
workers=$!
straw train secret learning_rate=1e-4 N=16 device=cuda engine=monarch num_generators=3 attach_s=600 run_dir="runs/secret-$SLURM_JOB_ID" --resume --quiet &
run=$!
code=0
wait "$run" || code=$?
while kill -0 "$run" 2>/dev/null; do
    code=0
    wait "$run" || code=$?
done
if [ -n "$again" ] && [ "$code" -gt 1 ]; then scontrol requeue "$SLURM_JOB_ID"; fi
exit "$code"
