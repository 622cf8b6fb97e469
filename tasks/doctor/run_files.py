"""Whether the files of a training run are as they were written, by its manifest and by what tensor files say."""

from pathlib import Path

from data.errors import InputError
from data.findings import Finding
from tasks.doctor.command import make_console
from tasks.doctor.report import print_group
from tasks.runs.manifest import NEWER, find_faults, read_manifest

CURE = "restore it from a copy, or train anew; resume=RUN goes on from the newest checkpoint that is whole"


def examine_run(folder: Path) -> bool:
    """Print what is wrong with the files of a run.

    Returns:
        Whether all are whole.

    Raises:
        InputError: if it is no run, or one without a manifest.
    """
    if not folder.is_dir():
        raise InputError(f"run: {folder}: no such folder; expected the folder of a run")
    console, faults = make_console(), find_faults(folder)
    damaged = [
        Finding("error", "damaged files", str(path), said, CURE) for path, said in faults.items() if said != NEWER
    ]
    newer = [
        Finding(
            "note", "files newer than the manifest", str(path), said, "none needed: the run was cut between the two"
        )
        for path, said in faults.items()
        if said == NEWER
    ]
    for findings in filter(None, (damaged, newer)):
        print_group(findings[0].level, findings[0].kind, findings, console)
    count = len(read_manifest(folder))
    verdict = f"{len(damaged)} damaged" if damaged else "all are as they were written"
    console.print(f"{folder}: {count} files in its manifest; {verdict}.")
    return not damaged
