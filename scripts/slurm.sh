#!/usr/bin/env bash
# Train on several machines of a Slurm cluster; at the end of its time the run is saved, and the job queued again.
#
# Usage: sbatch scripts/slurm.sh RUN task=ssdlite dataset=coco dataset.root=DIR ...
#
# RUN, the data and this tree are on file systems that all machines share. trainer.save_every=10min bounds what a machine
# that fails can cost.
#SBATCH --job-name=bneck
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=96
#SBATCH --time=04:00:00
#SBATCH --signal=B:USR1@180
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=slurm-%j.out
set -euo pipefail

requeue=false
# srun would kill at SIGTERM; so the step's own processes are told to save and end. It is the first step of this job.
trap 'requeue=true; scancel --signal=TERM "$SLURM_JOB_ID.0"' USR1

head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
srun --kill-on-bad-exit=1 scripts/train_or_resume.sh \
  --nnodes="$SLURM_JOB_NUM_NODES" --nproc-per-node="$SLURM_GPUS_ON_NODE" --max-restarts=3 \
  --rdzv-backend=c10d --rdzv-endpoint="$head:29400" --rdzv-id="$SLURM_JOB_ID" -- "$@" &
step=$!
status=0
wait "$step" || status=$? # the trap ends this wait
if $requeue; then
  status=0
  wait "$step" || status=$?
  if [[ $status -ne 0 ]]; then # else the run was over by then
    scontrol requeue "$SLURM_JOB_ID"
    exit 0
  fi
fi
exit "$status"
