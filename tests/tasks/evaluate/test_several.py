"""Evaluation by several processes: no image twice, none left out, the same files to the last byte."""

from pathlib import Path

import pytest

from tasks.loaders import open_split
from tests.support.runs import load_config
from tests.support.several import run, several
from tests.support.untrained import write_untrained

COUNTS = (1, 7, 41, 101)  # images
FILES = ("metrics.json", "results.json", "analysis.json", "predictions/*.png")


def read_files(folder: Path) -> dict[str, bytes]:
    """Return the files of an evaluation that hold what was found."""
    paths = [path for pattern in FILES for path in folder.glob(pattern)]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.mark.slow
@pytest.mark.parametrize("task", ["ssdlite", "lraspp"])
def test_any_number_of_processes_writes_the_same_files(task: str, tmp_path: Path) -> None:
    scenes = ("dataset.scenes={train: 1, val: 1}", f"dataset.root={tmp_path / 'scenes/1'}")
    config = load_config("train", f"task={task}", *scenes)
    classes = open_split(config.recipe.task, config.dataset, "val").classes
    checkpoint = write_untrained(task, tmp_path, classes)
    for world in (1, 2, 3, 4):
        given = (str(checkpoint), str(tmp_path / "scenes"), str(tmp_path / str(world)), *map(str, COUNTS))
        run(several(world, "tests.support.evaluations", *given))
    for count in COUNTS:
        alone = read_files(tmp_path / "1" / str(count))
        assert len(alone) >= 3
        for world in (2, 3, 4):
            assert read_files(tmp_path / str(world) / str(count)) == alone
