"""Published weights by name, without a network: out of the cache, from file:// addresses, or not at all."""

import hashlib
import json
import logging
import sys
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torchvision.models import MobileNet_V3_Small_Weights, mobilenet_v3_small
from torchvision.models.detection import SSDLite320_MobileNet_V3_Large_Weights
from torchvision.models.segmentation import LRASPP_MobileNet_V3_Large_Weights

from data.errors import InputError
from data.images import load_mask
from data.synthetic.scene import draw_scene
from tasks.drawing.images import save_image
from tasks.evaluate.command import evaluate
from tasks.models.architecture import Arch
from tasks.models.checkpoint import load_checkpoint
from tasks.models.network import build_model
from tasks.models.pretrained.loading import read_weights
from tasks.models.pretrained.published import coco_classes, fetch, voc_classes
from tasks.predict.command import predict
from tests.support.peers import build_lraspp, build_ssdlite
from tests.support.runs import describe, load_config

SMALL = Arch("ssdlite", "small", 6)
WHOLE = {"coco": SSDLite320_MobileNet_V3_Large_Weights.COCO_V1}
WHOLE["voc"] = LRASPP_MobileNet_V3_Large_Weights.COCO_WITH_VOC_LABELS_V1


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder of torch.hub's downloads."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    folder = tmp_path / "home/hub/checkpoints"
    folder.mkdir(parents=True)
    return folder


def offer(peer: torch.nn.Module, folder: Path, monkeypatch: pytest.MonkeyPatch, *, digits: str = "") -> str:
    """Put weights where torchvision's enumeration finds the small network's; a right checksum unless it is given."""
    torch.save(peer.state_dict(), folder / "offered.pth")
    digits = digits or hashlib.sha256((folder / "offered.pth").read_bytes()).hexdigest()[:8]
    path = (folder / "offered.pth").rename(folder / f"small-{digits}.pth")
    monkeypatch.setattr(MobileNet_V3_Small_Weights.DEFAULT.value, "url", path.as_uri())
    return path.name


def test_a_download_lands_in_torchs_cache(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = mobilenet_v3_small()
    name = offer(peer, tmp_path, monkeypatch)
    weights = read_weights("imagenet", SMALL)
    assert [path.name for path in cache.iterdir()] == [name]
    assert torch.equal(weights.tensors["head.classify.weight"].flatten(1), peer.classifier[3].weight)


def test_a_download_with_a_wrong_checksum_is_refused(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(mobilenet_v3_small(), tmp_path, monkeypatch, digits="00000000")
    with pytest.raises(InputError, match=rf"small-00000000.pth: download failed.*hash.*{cache}.*in place of the name"):
        read_weights("imagenet", SMALL)
    assert not list(cache.iterdir())


@pytest.mark.parametrize("name", ["imagenet", "coco", "voc"])
def test_without_a_network_the_message_says_what_to_do(name: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for source in (MobileNet_V3_Small_Weights.DEFAULT, *WHOLE.values()):
        monkeypatch.setattr(source.value, "url", "file:///nowhere/net-12345678.pth")
    message = rf"file:///nowhere/net-12345678.pth: download failed.*put the file into {cache}.*in place of the name"
    with pytest.raises(InputError, match=message):
        read_weights(name, SMALL)


def test_a_file_in_the_cache_that_is_not_the_published_one_is_reported(
    cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    torch.save(mobilenet_v3_small().state_dict(), cache / Path(MobileNet_V3_Small_Weights.DEFAULT.url).name)
    with caplog.at_level(logging.WARNING):
        weights = read_weights("imagenet", SMALL)
    assert weights.arch.backbone == "small"
    assert "its checksum is not the one in its name" in caplog.text


def test_a_damaged_file_in_the_cache_is_an_error(cache: Path) -> None:
    (cache / Path(MobileNet_V3_Small_Weights.DEFAULT.url).name).write_bytes(b"half a file")
    with pytest.raises(InputError, match=rf"mobilenet_v3_small-.*download failed.*{cache}"):
        read_weights("imagenet", SMALL)


@pytest.mark.parametrize(
    ("task", "name", "build"), [("ssdlite", "coco", build_ssdlite), ("lraspp", "voc", build_lraspp)]
)
def test_whole_models_are_what_their_presets_build(task: str, name: str, build: Any, cache: Path) -> None:
    torch.save(build().state_dict(), cache / Path(WHOLE[name].url).name)
    description, weights = load_checkpoint(Path(name))
    options = (f"task={task}_torchvision", "backbone=large", "dataset=synthetic")
    preset = describe(load_config("train", *options), description.classes)
    assert description.arch == preset.arch
    assert description.preprocessing == preset.preprocessing
    assert description.postprocessing == preset.postprocessing
    assert weights.keys() == build_model(preset.arch).state_dict().keys()


def test_cocos_classes_have_the_ids_of_its_files() -> None:
    table = coco_classes()
    ids = dict(zip(table.names, table.ids, strict=True))
    assert (len(table), ids["person"], ids["bicycle"], ids["stop sign"], ids["toothbrush"]) == (90, 1, 2, 13, 90)
    assert table.names[11] == "unused 12"
    assert sum(name.startswith("unused") for name in table.names) == 10


def test_vocs_classes_begin_with_the_background() -> None:
    table = voc_classes()
    assert table.names[:3] == ("background", "aeroplane", "bicycle")
    assert table.ids == tuple(range(21))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    save_image(draw_scene(0, "val", number=1, size=(256, 384)).image, tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_cocos_detector_predicts_by_its_name(cache: Path, photo: Path, tmp_path: Path) -> None:
    torch.save(build_ssdlite().state_dict(), cache / Path(WHOLE["coco"].url).name)
    assert (
        predict(load_config("predict", "checkpoint=coco", f"source={photo}", "threshold=0", f"out={tmp_path / 'out'}"))
        == 1
    )
    results = json.loads((tmp_path / "out/results.json").read_text())
    assert len(results) > 50
    assert {result["category_id"] for result in results} <= set(range(1, 91))


def test_vocs_segmenter_predicts_from_a_file(photo: Path, tmp_path: Path) -> None:
    torch.save(build_lraspp().state_dict(), tmp_path / "lraspp.pth")
    options = (f"checkpoint={tmp_path / 'lraspp.pth'}", f"source={photo}", f"out={tmp_path / 'out'}")
    assert predict(load_config("predict", *options)) == 1
    mask = load_mask(tmp_path / "out/predictions/photo.png")
    assert mask.shape == (256, 384)
    assert 1 < len(set(mask.ravel().tolist())) <= 21


@pytest.mark.slow
def test_cocos_detector_is_evaluated_on_a_data_set_that_is_given(cache: Path, tmp_path: Path) -> None:
    torch.save(build_ssdlite().state_dict(), cache / Path(WHOLE["coco"].url).name)
    data = ("dataset=synthetic", f"dataset.root={tmp_path / 'scenes'}", "dataset.scenes={train: 1, val: 2}")
    options = ("checkpoint=coco", *data, "dataset.workers=0", "accelerator=cpu", f"out={tmp_path / 'out'}")
    metrics = evaluate(load_config("evaluate", *options))
    assert "traffic light" in metrics["per_class"]  # matched by name, under COCO's id
    truth = json.loads((tmp_path / "scenes/coco/annotations/instances_val.json").read_text())
    results = json.loads((tmp_path / "out/results.json").read_text())
    assert {result["image_id"] for result in results} == {image["id"] for image in truth["images"]}
    assert {result["category_id"] for result in results} - {category["id"] for category in truth["categories"]}


@pytest.mark.parametrize(
    ("peer", "message"),
    [
        (lambda: build_ssdlite(classes=5), "the names of its 4 classes are in no file"),
        (mobilenet_v3_small, "weights of a classifier; for training: weights="),
    ],
)
def test_files_that_cannot_be_used_as_they_are_say_why(peer: Any, message: str, tmp_path: Path) -> None:
    torch.save(peer().state_dict(), tmp_path / "a.pth")
    with pytest.raises(InputError, match=message):
        load_checkpoint(tmp_path / "a.pth")


def test_without_timm_a_baselines_imagenet_weights_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(InputError, match=r"backbone=mobilenetv2 needs timm: pip install 'bneck\[timm\]'"):
        fetch("imagenet", Arch("ssdlite", "mobilenetv2", 2))


def test_a_baselines_imagenet_weights_come_through_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    build, peer = timm.create_model, timm.create_model("mobilenetv1_100")
    asked = []

    def create(name: str, *, pretrained: bool = False, **options: Any) -> torch.nn.Module:
        if not pretrained:
            return build(name, **options)
        asked.append(name)
        return peer

    monkeypatch.setattr(timm, "create_model", create)
    weights = read_weights("imagenet", Arch("lraspp", "mobilenetv1", 6))
    assert asked == ["mobilenetv1_100"]
    assert (weights.preprocessing.mean, weights.arch.bn_eps, weights.head) == ((0.5, 0.5, 0.5), 1e-5, None)
    assert torch.equal(weights.tensors["backbone.net.conv_stem.weight"], peer.conv_stem.weight)


def test_a_failed_download_of_timms_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str, *, pretrained: bool) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(timm, "create_model", fail)
    message = r"huggingface.co/timm/mobilenetv2_100.ra_in1k: download failed \(no route to host\).*cache.*in place of"
    with pytest.raises(InputError, match=message):
        read_weights("imagenet", Arch("ssdlite", "mobilenetv2", 6))


@pytest.mark.parametrize(
    ("backbone", "width", "published"),
    [("mobilenetv2", 0.75, r"\[0.5, 1.0, 1.4\]"), ("mobilenetv4_conv_small", 0.35, r"\[0.5, 1.0\]")],
)
def test_widths_of_a_baseline_that_nobody_published_are_refused(backbone: str, width: float, published: str) -> None:
    message = f"none published for backbone={backbone} model.width={width}; expected a width of {published}"
    with pytest.raises(InputError, match=message):
        read_weights("imagenet", Arch("ssdlite", backbone, 6, width=width))
