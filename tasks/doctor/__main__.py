"""Check a data set before anyone trains on it, or the files of a run.

Usage:
    python -m tasks.doctor dataset=coco dataset.root=DIR dataset.train=train dataset.val=val
    python -m tasks.doctor task=lraspp dataset=masks dataset.root=DIR
    python -m tasks.doctor run=DIR

Its exit status is 0 where training may start or all files of the run are whole, 1 where errors were found, 2 where an
option is wrong.
"""

from tasks.cli.entry import command
from tasks.doctor.config import DoctorConfig


@command("doctor")
def main(config: DoctorConfig) -> None:
    """Run the command with its configuration, conf/doctor.yaml."""
    from tasks.doctor.command import diagnose  # late, so that --help takes a second
    from tasks.doctor.run_files import examine_run

    if not (diagnose(config).may_train if config.run is None else examine_run(config.run)):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
