"""Evaluation and prediction by several processes: no image twice, none left out, the same files to the last byte."""

import json
from pathlib import Path

import pytest

from tests.support import uses
from tests.support.several import WORLDS, run_in_each
from tests.support.uses import COUNTS, LABELLED, REFUSED, SEEN

MEASURED = ("metrics.json", "results.json", "analysis.json", "predictions.csv", "predictions/*.png")
PREDICTED = ("results.*", "scores.csv", "predictions/*", "pictures/*", "videos/*", "classes.json")
TASKS = (*SEEN, *LABELLED)
ONCE = pytest.mark.xdist_group("uses")  # so that one process has all that is written once


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with what each number of processes has written, in a folder of that name."""
    return run_in_each(uses, tmp_path_factory.mktemp("used"))


def read_files(folder: Path, patterns: tuple[str, ...]) -> dict[str, bytes]:
    """Return the files of a folder by their names."""
    paths = [path for pattern in patterns for path in folder.glob(pattern)]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@ONCE
@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_any_number_of_processes_evaluates_to_the_same_files(task: str, used: Path) -> None:
    for count in COUNTS:
        alone, *others = (read_files(used / f"by{world}" / task / str(count), MEASURED) for world in WORLDS)
        assert len(alone) >= 3
        assert others == [alone] * 3, count


@ONCE
@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_any_number_of_processes_predicts_the_same_files(task: str, used: Path) -> None:
    alone, *others = (read_files(used / f"by{world}" / task / "photos", PREDICTED) for world in WORLDS)
    assert sum(name.startswith("pictures/") for name in alone) == 35
    assert "videos/1film.mp4" in alone
    assert others == [alone] * 3


@ONCE
@pytest.mark.slow
def test_what_one_process_refuses_all_refuse(used: Path) -> None:
    alone, *others = (json.loads((used / f"by{world}" / REFUSED).read_text()) for world in WORLDS)
    said = {name for name, message in alone.items() if message}
    assert said == {f"{task}/0" for task in LABELLED} | {f"{task}/photos" for task in TASKS}
    assert "2 could not be read or written" in alone["lraspp/photos"]
    for other in others:
        assert {name for name, message in other.items() if message} == said
