import numpy as np
import pytest
from PIL import Image

from tasks.doctor.images import check_images, look_at


@pytest.mark.parametrize("name", ["a.tif", "a.gif", "a.webp", "a.png"])
def test_a_file_of_several_pictures_is_noted(tmp_path, name):
    first, *others = [Image.fromarray(np.full((40, 40, 3), value, np.uint8)) for value in (0, 100, 200)]
    first.save(tmp_path / name, save_all=True, append_images=others)
    findings = []
    check_images([look_at(tmp_path / name, decode=True)], findings.append)
    assert ("note", "file with several images", "the first of 3 is used") in [
        (f.level, f.kind, f.found) for f in findings
    ]
