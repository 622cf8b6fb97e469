"""A run whose data, configuration or code changed is not resumed without a word; with other classes not at all."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tasks.runs import changes
from tests.support.cut_runs import Cut, write_cut_run
from tests.support.runs import CONF

PAGE = (CONF.parent / "docs/troubleshooting.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def cut_runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folders = {}
    for name, options in (("ssdlite", ()), ("lraspp", ()), ("deep", ("check_data=deep",))):
        folders[name] = tmp_path_factory.mktemp(name)
        write_cut_run("lraspp" if name == "deep" else name, folders[name], *options)
    return folders


@pytest.fixture
def copy(cut_runs: dict[str, Path], tmp_path: Path) -> Callable[[str], Cut]:
    """Return a function that copies a cut run and its data, which moves them too."""

    def make(name: str) -> Cut:
        shutil.copytree(cut_runs[name], tmp_path / name)
        cut = Cut(tmp_path / name)
        cut.set(**{"dataset.root": str(cut.data)})
        return cut

    return make


def drop_image(cut: Cut) -> None:
    cut.edit(lambda content: content["images"].pop(0))
    cut.edit(lambda content: content["annotations"].pop(0))


def add_image(cut: Cut) -> None:
    shutil.copy(cut.data / "train/train_0.png", cut.data / "train/new.png")
    entry = {"id": 99, "file_name": "new.png", "height": 64, "width": 96}
    cut.edit(lambda content: content["images"].append(entry))


def move_box(cut: Cut) -> None:
    cut.edit(lambda content: content["annotations"][0]["bbox"].__setitem__(0, 20))


def reverse(cut: Cut) -> None:
    cut.edit(lambda content: content["images"].reverse())


def blacken(cut: Cut, path: str = "train/train_0.png", later: int = 5) -> None:
    """Write other pixels, in a file of the same size, some seconds later."""
    file = cut.data / path
    before = file.stat()
    with Image.open(file) as image:
        black = image.point(lambda value: 0)
    black.save(file)
    content = file.read_bytes()
    file.write_bytes(content + b"\0" * (before.st_size - len(content)))
    os.utime(file, (before.st_mtime + later, before.st_mtime + later))
    assert file.stat().st_size == before.st_size


CHANGES = [
    (drop_image, ["train: images removed: 1    train_0.png", "train: images"]),
    (add_image, ["train: images added: 1    new.png"]),
    (move_box, ["train: labels changed: 1", "train_0.png"]),
    (reverse, ["train: order of the images", "train_5.png, train_4.png, train_3.png"]),
    (blacken, ["train: images written since: 1", "train_0.png"]),
    (lambda cut: blacken(cut, "val/val_1.png"), ["val: images written since: 1", "val_1.png"]),
    (lambda cut: cut.set(**{"trainer.max_epochs": 4}), ["trainer.max_epochs  2       4"]),
    (lambda cut: cut.set(lr=0.5), ["lr"]),
]


@pytest.mark.parametrize(("change", "table"), CHANGES)
def test_a_change_is_refused_with_a_table_of_what_changed(
    change: Callable[[Cut], None], table: list[str], copy: Callable[[str], Cut]
) -> None:
    cut = copy("ssdlite")
    change(cut)
    weights = (cut.run / "checkpoints/last.ckpt").read_bytes()
    metrics, said = cut.resume()
    assert metrics is None
    assert [line for line in table if line.split() and " ".join(line.split()) not in " ".join(said.split())] == []
    assert "resume_anyway=true to go on with what there is now" in said
    assert (cut.run / "checkpoints/last.ckpt").read_bytes() == weights


@pytest.mark.slow
def test_who_insists_goes_on_and_is_told_what_changed(copy: Callable[[str], Cut]) -> None:
    cut = copy("ssdlite")
    move_box(cut)
    metrics, said = cut.resume("resume_anyway=true")
    assert metrics is not None
    assert "train: labels changed: 1" in said
    assert "changed" not in cut.resume()[1], "what was insisted on is what the run is made of now"


@pytest.mark.slow
def test_a_run_whose_data_moved_goes_on(copy: Callable[[str], Cut]) -> None:
    metrics, said = copy("ssdlite").resume()
    assert metrics is not None
    assert "changed" not in said


@pytest.mark.parametrize("path", ["images/train/train_0.png", "masks/train/train_0.png"])
def test_other_pixels_of_images_and_masks_are_noticed(path: str, copy: Callable[[str], Cut]) -> None:
    cut = copy("lraspp")
    blacken(cut, path)
    metrics, said = cut.resume()
    assert metrics is None
    assert ("train: images written since: 1" if "images" in path else "train: labels changed: 1") in said


@pytest.mark.parametrize("path", ["images/train/train_0.png", "masks/train/train_0.png"])
def test_a_deep_check_notices_what_keeps_its_size_and_time(path: str, copy: Callable[[str], Cut]) -> None:
    cut = copy("deep")
    blacken(cut, path, later=0)
    metrics, said = cut.resume()
    assert metrics is None
    assert ("train: images changed: 1" if "images" in path else "train: labels changed: 1") in said


@pytest.mark.slow
def test_a_deep_check_lets_files_pass_that_were_only_written_again(copy: Callable[[str], Cut]) -> None:
    cut = copy("deep")
    for path in cut.data.rglob("*.png"):
        os.utime(path)
    assert cut.resume()[0] is not None


def swap(content: dict[str, Any]) -> None:
    first, second = content["categories"]
    first["name"], second["name"] = second["name"], first["name"]


def remove(content: dict[str, Any]) -> None:
    content["categories"].pop()
    content["annotations"] = [box for box in content["annotations"] if box["category_id"] == 1]


CLASSES = [
    (swap, "class 0 was 'cat' and is 'dog'; class 1 was 'dog' and is 'cat'"),
    (lambda content: content["categories"].append({"id": 3, "name": "cow"}), "'cow' is new"),
    (lambda content: content["categories"][1].update(name="cow"), "'dog' is gone; 'cow' is new"),
    (remove, "'dog' is gone"),
]


@pytest.mark.parametrize(("change", "message"), CLASSES)
@pytest.mark.parametrize("recorded_too", [True, False])
def test_other_classes_are_refused_even_where_the_user_insists(
    change: Callable[[dict[str, Any]], None], message: str, recorded_too: bool, copy: Callable[[str], Cut]
) -> None:
    cut = copy("ssdlite")
    for split in ("train", "val"):
        cut.labels = cut.data / f"annotations/instances_{split}.json"
        cut.edit(change)
    if not recorded_too:  # a run of before these notes
        (cut.run / changes.INPUTS).unlink()
        (cut.run / "data.json").unlink()
    metrics, said = cut.resume("resume_anyway=true")
    assert metrics is None
    assert message in said


def test_a_run_of_before_the_notes_is_held_against_the_hash_of_its_data(copy: Callable[[str], Cut]) -> None:
    cut = copy("ssdlite")
    (cut.run / changes.INPUTS).unlink()
    move_box(cut)
    metrics, said = cut.resume()
    assert metrics is None
    assert "train: hash" in said


def test_other_code_or_versions_are_refused(copy: Callable[[str], Cut], monkeypatch: pytest.MonkeyPatch) -> None:
    cut = copy("ssdlite")
    monkeypatch.setattr(changes, "hash_code", lambda: "of-another-day")
    metrics, said = cut.resume()
    assert metrics is None
    assert "of-another-day" in said


@pytest.mark.slow
def test_what_changes_no_number_may_change(
    copy: Callable[[str], Cut], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = copy("ssdlite")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    cut.set(**{"dataset.workers": 1, "dataset.timeout": 60, "dataset.cache": "disk", "dataset.cache_gb": 1})
    cut.set(logger="none")
    assert cut.resume()[0] is not None


def test_the_page_explains_the_messages() -> None:
    assert "resume: 2 things have changed since RUN was started, see above" in PAGE
    assert "resume: the classes of the data changed since RUN was started" in PAGE
