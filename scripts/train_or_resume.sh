#!/usr/bin/env bash
# Begin a run under torchrun, or go on with it where it has saved itself, so that one command serves every start.
#
# Usage: scripts/train_or_resume.sh [OPTION OF TORCHRUN ...] -- RUN OPTION OF TASKS.TRAIN ...
set -euo pipefail

launch=()
while [[ $# -gt 0 && $1 != -- ]]; do
  launch+=("$1")
  shift
done
if [[ $# -lt 3 ]]; then
  echo "usage: $0 [OPTION OF TORCHRUN ...] -- RUN OPTION OF TASKS.TRAIN ..." >&2
  exit 2
fi
run=${2%/} # what stands behind its name is not to be in it
shift 2

if compgen -G "$run/checkpoints/*.ckpt" > /dev/null; then
  options=("resume=$run")
else
  options=("out=$run" "$@")
  if [[ -e $run/config.yaml ]]; then # begun, and cut before it was saved; another machine may have moved it by now
    mv "$run" "$run.unsaved.$(date +%s)" 2> /dev/null || true
  fi
fi
exec torchrun "${launch[@]}" -m tasks.train "${options[@]}"
