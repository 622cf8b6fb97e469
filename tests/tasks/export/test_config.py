from dataclasses import replace

import pytest

from data.errors import InputError
from tasks.formats.table import FORMATS
from tasks.task import DETECTION, SEGMENTATION
from tests.support.runs import load_config


def load(*options):
    return replace(load_config("export", "checkpoint=model.safetensors", *options), typed=options)


def settings(task, name, *options):
    return load(*options).choose_settings(task, FORMATS[name], size=(64, 96))


def test_all_formats_are_those_that_have_the_precision():
    assert [kind.name for kind in load("format=all").formats] == list(FORMATS)
    integers = [kind.name for kind in load("format=all", "precision=int8").formats]
    assert integers == [name for name, kind in FORMATS.items() if "int8" in kind.precisions]
    assert [kind.name for kind in load("format=[litert,onnx]").formats] == ["litert", "onnx"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["format=tflite"],
            "format: unknown 'tflite'; choose from onnx, openvino, executorch, litert, coreml, ncnn, web, all",
        ),
        (["format=coreml", "precision=int8"], "precision: 'int8' with format=coreml; choose from fp32, fp16"),
        (["precision=int4"], "precision: unknown 'int4'; choose from fp32, fp16, int8"),
        (["format=litert", "batch=null"], "batch: null with format=litert, which needs a number; expected an integer"),
        (["format=[onnx,executorch]", "batch=null"], "batch: null with format=executorch, which needs a number"),
        (["format=all", "batch=8"], "batch: 8 with format=coreml, which takes one image; expected 1"),
        (
            ["format=[onnx,coreml]", "deployment_target=iOS14"],
            "deployment_target: unknown 'iOS14'; choose from iOS15",
        ),
        (["batch=0"], "batch: 0; expected an integer from 1"),
        (["opset=9"], "opset: 9; expected 18 to 23"),
        (["precision=int8", "max_drop=-1"], "max_drop: -1; expected a number above 0"),
        (["size=8"], r"size: 8; expected N or \[height, width\], integers from 32"),
        (["calibration.images=0"], "calibration.images: 0; expected an integer from 1"),
        (["target=tpu"], "target: unknown 'tpu'; choose from coral, "),
        (["format=litert", "opset=20"], "opset: an option of format=onnx; leave it out"),
        (
            ["format=[onnx,ncnn]", "deployment_target=iOS17"],
            "deployment_target: an option of format=coreml; leave it out",
        ),
        (["max_drop=2"], "max_drop: an option of precision=int8; leave it out"),
        (["precision=fp16", "calibration.images=9"], "calibration.images: an option of precision=int8; leave it out"),
        (["web.runtime=somewhere"], "web.runtime: an option of format=web; leave it out"),
        (["format=web", "nms=false"], "format=web: nms=false; a page needs what is found in the file"),
        (["format=[onnx,web]", "input=float"], "format=web: input=float; a page needs what is found in the file"),
        (["argmax=none", "scores=true"], "scores: an option of argmax=full; leave it out"),
        (["nms=false", "candidates=9"], "candidates: an option of nms=true; leave it out"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_exported_is_refused_by_name(options, message):
    with pytest.raises(InputError, match=message):
        load(*options)


def test_an_option_is_taken_where_one_of_the_formats_has_it():
    assert load("format=[coreml,onnx]", "opset=20", "deployment_target=iOS17").opset == 20
    assert load("format=all", "opset=20", "web.runtime=somewhere").page
    assert not load("format=all", "nms=false").page  # which could not show what the file gives


def test_options_of_the_other_task_are_refused():
    with pytest.raises(InputError, match="argmax: not an option of detection; choose from nms, candidates"):
        settings(DETECTION, "onnx", "argmax=low")
    with pytest.raises(InputError, match="nms: not an option of segmentation; choose from argmax, scores"):
        settings(SEGMENTATION, "onnx", "nms=false")


def test_what_a_format_cannot_hold_is_left_out_or_refused():
    assert not settings(DETECTION, "ncnn").nms
    assert settings(SEGMENTATION, "ncnn").argmax == "none"
    for option in ("nms=true", "candidates=9"):
        name = option.partition("=")[0]
        with pytest.raises(InputError, match=f"{name}: ncnn cannot hold what follows the network; leave {name} out"):
            settings(DETECTION, "ncnn", option)


def test_what_is_not_said_is_the_whole_model():
    assert settings(DETECTION, "onnx").nms
    assert settings(SEGMENTATION, "onnx").argmax == "full"
