"""Scripts for clusters: what can be told of them without one."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.runs import load_config
from tests.support.several import PATIENCE, ROOT
from tests.support.short_runs import list_options

SCRIPTS = ROOT / "scripts"
SLURM = {  # commands of Slurm's, as far as the script needs them; a step is the process that srun becomes
    "srun": 'shift; echo $$ > "$STEP"; exec "$@"',
    "scancel": 'test "$*" = "--signal=TERM 7.0" && kill "$(cat "$STEP")"',
    "scontrol": 'if test "$1" = show; then echo localhost; else echo "$@" >> "$STEP.said"; fi',
}


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.sh")), ids=lambda path: path.name)
def test_a_shell_reads_each_script(script: Path) -> None:
    subprocess.run(["bash", "-n", str(script)], check=True)
    assert os.access(script, os.X_OK)
    linter = shutil.which("shellcheck")
    if linter is not None:
        subprocess.run([linter, str(script)], check=True)


def test_without_options_the_usage_is_said() -> None:
    said = subprocess.run([SCRIPTS / "train_or_resume.sh", "--", "run"], capture_output=True, text=True, check=False)
    assert said.returncode == 2
    assert said.stderr.startswith("usage: ")


@pytest.mark.parametrize("name", ["run", "run/"])
def test_a_run_that_was_never_saved_is_set_aside_and_one_that_was_goes_on(name: str, tmp_path: Path) -> None:
    (tmp_path / "torchrun").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "torchrun").chmod(0o755)
    (tmp_path / "run").mkdir()
    (tmp_path / "run/config.yaml").touch()
    command = [str(SCRIPTS / "train_or_resume.sh"), "--nnodes=1", "--", f"{tmp_path}/{name}", "task=ssdlite"]
    path = f"{tmp_path}:{os.environ['PATH']}"

    def start() -> str:
        return subprocess.run(command, env={"PATH": path}, capture_output=True, text=True, check=True).stdout

    assert start() == f"--nnodes=1 -m tasks.train out={tmp_path}/run task=ssdlite\n"
    (aside,) = tmp_path.glob("run.unsaved.*")
    assert [each.name for each in aside.iterdir()] == ["config.yaml"]
    (tmp_path / "run/checkpoints").mkdir(parents=True)
    (tmp_path / "run/checkpoints/last.ckpt").touch()
    assert start() == f"--nnodes=1 -m tasks.train resume={tmp_path}/run\n"


def read_manifests() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the runtime and the job."""
    runtime, job = yaml.safe_load_all((SCRIPTS / "kubernetes.yaml").read_text())
    return runtime, job


def test_the_job_is_of_the_runtime_and_all_that_is_mounted_is_there() -> None:
    runtime, job = read_manifests()
    assert (runtime["kind"], job["kind"]) == ("TrainingRuntime", "TrainJob")
    assert {one["apiVersion"] for one in (runtime, job)} == {"trainer.kubeflow.org/v1alpha1"}
    assert job["spec"]["runtimeRef"]["name"] == runtime["metadata"]["name"]
    (node,) = runtime["spec"]["template"]["spec"]["replicatedJobs"]
    assert node["template"]["metadata"]["labels"]["trainer.kubeflow.org/trainjob-ancestor-step"] == "trainer"
    pod = node["template"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    assert pod["terminationGracePeriodSeconds"] > 30  # torchrun's own patience
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    (shared,) = [mounts[volume["name"]] for volume in pod["volumes"] if "persistentVolumeClaim" in volume]
    options = job["spec"]["trainer"]["args"]
    places = [container["workingDir"], *(each.rpartition("=")[2] for each in options if "/" in each)]
    assert len(places) == 3
    assert all(place.startswith(f"{shared}/") for place in places)
    assert shared == "/mnt/bneck"


def test_the_job_is_a_command_that_this_project_takes() -> None:
    trainer = read_manifests()[1]["spec"]["trainer"]
    (script,), (dashes, run, *given) = trainer["command"], trainer["args"]
    assert (ROOT / script).is_file()
    assert dashes == "--"
    config = load_config("train", *given, f"out={run}")
    assert config.trainer.interval.minutes == 10


def start_job(folder: Path, out: Path) -> "subprocess.Popen[str]":
    """Start the script as Slurm would, of which there are but three small commands."""
    given = list_options("ssdlite", out, folder / "scenes", "batch_size=8", "trainer.save_every=1steps")
    given = [option for option in given if not option.startswith("out=")]
    path = f"{folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    job = {"SLURM_JOB_ID": "7", "SLURM_JOB_NUM_NODES": "1", "SLURM_GPUS_ON_NODE": "2", "SLURM_JOB_NODELIST": "a"}
    return subprocess.Popen(
        ["bash", "scripts/slurm.sh", str(out), *given, "trainer.max_epochs=40", "trainer.check_val_every_n_epoch=40"],
        cwd=ROOT,
        env={**os.environ, **job, "PATH": path, "STEP": str(folder / "step"), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.slow
def test_at_the_end_of_its_time_a_job_is_saved_and_queued_again_and_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "run"
    (tmp_path / "bin").mkdir()
    for name, lines in SLURM.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{lines}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    job = start_job(tmp_path, out)
    while not (out / "checkpoints/last.ckpt").is_file() and job.poll() is None:
        time.sleep(0.1)
    job.send_signal(signal.SIGUSR1)
    said, _ = job.communicate(timeout=PATIENCE)
    assert job.returncode == 0, said
    assert (tmp_path / "step.said").read_text() == "requeue 7\n"
    assert "stopped by SIGTERM" in said
    assert not (out / "metrics.json").is_file()
    job = start_job(tmp_path, out)
    said, _ = job.communicate(timeout=PATIENCE)
    assert job.returncode == 0, said
    assert json.loads((out / "metrics.json").read_text())
    assert (tmp_path / "step.said").read_text() == "requeue 7\n"
