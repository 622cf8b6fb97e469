import random

import albumentations as A
import numpy as np
import pytest

from data.zoom_out import GREY, ZoomOut

BOX = (10.0, 20.0, 50.0, 60.0)


def zoom(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Zoom out of an image of noise; return it, what came out, and the box in that."""
    image = np.random.default_rng(0).integers(0, 256, (80, 120, 3), dtype=np.uint8)
    boxes = A.BboxParams(format="pascal_voc", label_fields=["kept"])
    pipeline = A.Compose([ZoomOut(p=1.0)], bbox_params=boxes)
    pipeline.set_random_state(np.random.default_rng(seed), random.Random(seed))
    out = pipeline(image=image, bboxes=np.array([BOX]), kept=np.array([0]))
    return image, out["image"], np.asarray(out["bboxes"])[0]


@pytest.mark.parametrize("seed", range(20))
def test_the_image_and_its_box_lie_unchanged_on_a_grey_background(seed: int) -> None:
    image, out, box = zoom(seed)
    height, width = out.shape[:2]
    assert 80 <= height <= 160
    assert abs(height / 80 - width / 120) < 0.02  # both sides by one factor
    left, top = np.round(box[:2] - BOX[:2]).astype(int)
    assert np.allclose(box, np.add(BOX, (left, top, left, top)), atol=1e-3)
    assert np.array_equal(out[top : top + 80, left : left + 120], image)
    around = np.ones((height, width), dtype=bool)
    around[top : top + 80, left : left + 120] = False
    assert (out[around] == GREY).all()


def test_sizes_and_places_differ_between_seeds() -> None:
    assert len({zoom(seed)[1].shape for seed in range(20)}) > 10
    assert len({tuple(zoom(seed)[2]) for seed in range(20)}) > 15
