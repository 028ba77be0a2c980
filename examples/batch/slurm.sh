#!/bin/bash
# Run a saved quantum graph as Slurm job arrays, one for each task, and store the results at the end:
#   slurm.sh GRAPH REPO [JOBS]       JOBS: most jobs in an array, 100 by default
# Options for sbatch come from the environment: SBATCH_PARTITION, SBATCH_TIMELIMIT, SBATCH_ACCOUNT, …
set -euo pipefail
graph=$(realpath "$1")
repo=$(realpath "$2")
most=${3:-100}

tasks=$(pipetask pre-exec-init -b "$repo" "$graph")
before=""
while read -r task quanta; do
    [ "$quanta" -gt 0 ] || continue
    jobs=$((quanta < most ? quanta : most))
    # afterany: what a job lost is missing downstream only, and the rest goes on.
    before=$(sbatch --parsable --job-name "$task" --array "1-$jobs" ${before:+--dependency "afterany:$before"} \
        --wrap "pipetask run-quanta -b '$repo' '$graph' --task '$task' --part \$SLURM_ARRAY_TASK_ID/$jobs")
done <<<"$tasks"
sbatch --parsable --job-name transfer --dependency "afterany:$before" \
    --wrap "butler transfer-from-graph '$graph' '$repo' --register-dataset-types"
