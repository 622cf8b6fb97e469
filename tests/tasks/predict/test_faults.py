"""Whatever one image or one writer does, the others are done, and no more pixels are held than may be."""

import shutil
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from data.errors import InputError
from data.streams import sources
from data.streams.sources import Frame
from tasks.detection.results import JsonResults
from tasks.predict import predictor as predicting
from tasks.predict.command import predict
from tasks.predict.predictor import Predictor
from tasks.predict.writers import Pictures
from tests.support.bad_images import write_damaged, write_folder, write_long, write_pipe, write_text
from tests.support.runs import CONF, load_config
from tests.support.untrained import write_untrained

PAGE = (CONF.parent / "docs/troubleshooting.md").read_text(encoding="utf-8")
MESSAGES = ("cannot be predicted (", "cannot be written (")
GOOD = ("good1", "good2", "zgood3")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {task: write_untrained(task, tmp_path_factory.mktemp("models")) for task in ("ssdlite", "lraspp")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of good images, between which each test puts a bad one."""
    (tmp_path / "images").mkdir()
    for number, name in enumerate(GOOD):
        pixels = np.random.default_rng(number).integers(0, 256, (70, 90, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / f"{name}.png")
    return tmp_path / "images"


def run(model: Path, folder: Path, *options: str) -> tuple[str, list[str]]:
    """Predict; return what it failed with, "" if nothing, and the stems of the pictures."""
    out = folder.parent / "out"
    config = load_config(
        "predict", f"checkpoint={model}", f"source={folder}", f"out={out}", "accelerator=cpu", *options
    )
    said = ""
    try:
        predict(config)
    except InputError as error:
        said = str(error)
    return said, sorted(path.stem for path in (out / "pictures").iterdir())


def write_dead_link(path: Path) -> None:
    path.with_suffix(".jpg").symlink_to("nowhere.jpg")


def write_high(path: Path) -> None:
    Image.new("RGB", (1, 70_000)).save(path.with_suffix(".png"))


FAULTS = {  # what is written; whether it ends in a picture, is skipped with an error, or is left out with a warning
    write_damaged: "skipped",
    write_text: "skipped",
    write_dead_link: "skipped",
    write_folder: "left out",
    write_pipe: "left out",
    write_long: "done",
    write_high: "done",
}


@pytest.mark.parametrize("task", ["ssdlite", "lraspp"])
@pytest.mark.parametrize("write", FAULTS, ids=lambda write: write.__name__)
def test_a_bad_image_is_named_and_the_others_are_done(
    write: Callable[[Path], None],
    task: str,
    models: dict[str, Path],
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    write(folder / "kbad")
    tile = ("tile=64",) if task == "ssdlite" and FAULTS[write] != "done" else ()
    said, pictures = run(models[task], folder, *tile)
    assert [name for name in pictures if name != "kbad"] == list(GOOD)
    assert ("kbad" in pictures) == (FAULTS[write] == "done")
    assert bool(said) == (FAULTS[write] == "skipped")
    if FAULTS[write] != "done":
        assert "kbad" in capsys.readouterr().err + caplog.text


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't allocate memory"), ZeroDivisionError("x")])
@pytest.mark.parametrize("where", ["load", "run", "write", "draw"])
def test_any_error_of_one_image_stays_with_it(
    where: str,
    error: Exception,
    models: dict[str, Path],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail_at(place: Any, name: str, of: Callable[..., object]) -> None:
        before = getattr(place, name)

        def fail(*arguments: Any, **settings: Any) -> Any:
            if of(*arguments):
                raise error
            return before(*arguments, **settings)

        monkeypatch.setattr(place, name, fail)

    bad = np.full((70, 90, 3), 255, np.uint8)
    Image.fromarray(bad).save(folder / "kbad.png")
    if where == "load":
        fail_at(sources, "load_image", lambda path: path.stem == "kbad")
    elif where == "run":
        fail_at(Predictor, "_run", lambda self, images: any((image == 255).all() for image in images))
    elif where == "write":
        fail_at(JsonResults, "write", lambda self, prediction: prediction.name == "kbad")
    else:
        fail_at(Pictures, "write", lambda self, prediction: prediction.name == "kbad")
    said, pictures = run(models["ssdlite"], folder)
    assert "1 could not be read or written, see above" in said
    assert [name for name in pictures if name != "kbad"] == list(GOOD)
    skipped = capsys.readouterr().err
    assert "kbad.png: cannot be" in skipped
    assert any(f"`{message}" in PAGE and message in skipped for message in MESSAGES) or where == "load"
    assert (folder.parent / "out/results.json").is_file()


def test_a_full_disk_ends_it_at_once(models: dict[str, Path], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Pictures, prediction: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Pictures, "write", fail)
    with pytest.raises(OSError, match="No space left"):
        run(models["ssdlite"], folder)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["ssdlite", "lraspp"])
@pytest.mark.parametrize(("most", "held"), [(1, 1), (70 * 90 * 2, 2), (70 * 90 * 5, 5)])
def test_no_more_pixels_are_held_than_may_be_in_flight(
    task: str, most: int, held: int, models: dict[str, Path], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        shutil.copy(folder / "good1.png", folder / f"more{number}.png")
    alive: set[int] = set()
    counts, load = [], sources.load_image

    def watch(path: Path, **settings: Any) -> np.ndarray:
        image = load(path, **settings)
        alive.add(id(image))
        weakref.finalize(image, alive.discard, id(image))
        counts.append(len(alive))
        return image

    monkeypatch.setattr(sources, "load_image", watch)
    monkeypatch.setattr(predicting, "MOST_IN_FLIGHT", most)
    predictions = Predictor(models[task], accelerator="cpu", tile=64 if task == "ssdlite" else None)(str(folder))
    names = []
    for prediction in predictions:
        names.append(prediction.name)
        del prediction
    assert len(names) == len(set(names)) == 23
    assert held - (held > 3) <= max(counts) <= held


def test_who_stops_early_is_not_waited_for(
    models: dict[str, Path], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predicting, "MOST_IN_FLIGHT", 1)
    predictions = Predictor(models["ssdlite"], accelerator="cpu")(str(folder))
    assert isinstance(next(predictions), Frame)
    predictions.close()


@pytest.mark.slow
def test_an_image_of_400_megapixels_is_predicted_in_tiles(models: dict[str, Path], folder: Path) -> None:
    image = Image.new("L", (20_000, 20_000))
    image.save(folder / "huge.png", compress_level=1)
    said, pictures = run(models["ssdlite"], folder, "tile=8000", "pictures=jpg", "max_pixels=400000000")
    assert said == ""
    assert pictures == [*GOOD[:2], "huge", GOOD[2]]
