"""What INT8 files are calibrated on."""

from types import SimpleNamespace

import numpy as np
import pytest

from tasks.export.integers import Judge, quantize
from tests.support.exports import random_images, small_model
from tests.support.graphs import make_graph


class Taken(Exception):  # noqa: N818
    """A conversion was asked for."""


@pytest.mark.parametrize(("batch", "runs"), [(1, 4), (2, 2), (None, 4)])
def test_every_calibration_image_is_seen_once_whatever_the_batch(batch, runs, tmp_path):
    images, given = random_images(4), []

    def convert(graph, path, conversion):
        given.extend(conversion.quantization.calibration)
        raise Taken

    judge = Judge(reader=None, before=0.5, layers=[], calibration=list(images))
    subject = SimpleNamespace(description=small_model("ssdlite").description, metric="mAP", workers=0, timeout=1)
    config = SimpleNamespace(opset=18, deployment_target="iOS16", max_drop=1.0, max_latency=None)
    graph = make_graph("ssdlite", batch=batch)
    with pytest.raises(Taken):
        quantize(
            SimpleNamespace(convert=convert),
            tmp_path / "model.onnx",
            graph,
            None,
            subject=subject,
            config=config,
            judge=judge,
        )
    assert len(given) == runs
    assert np.array_equal(np.concatenate(given), images)
