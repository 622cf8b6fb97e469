import numpy as np

from tasks.formats.ports import Port


def test_numbers_that_integers_stand_for_by_hand():
    port = Port("images", (1, 2), "int8", scale=0.5, zero_point=-3)
    assert port.store(np.array([0.0, 1.0, 0.26, 1000.0])).tolist() == [-3, -1, -2, 127]
    assert port.read(np.array([-3, -1], dtype=np.int8)).tolist() == [0.0, 1.0]


def test_pixels_of_a_file_of_signed_integers():
    port = Port("images", (1,), "int8", scale=1.0, zero_point=-128)
    pixels = np.arange(256, dtype=np.uint8)
    assert port.store(pixels).tolist() == list(range(-128, 128))
    assert port.read(port.store(pixels)).tolist() == pixels.tolist()


def test_without_a_scale_numbers_stay_as_they_are():
    assert Port("boxes", (1,), "float32").read(np.array([1.5])).tolist() == [1.5]
