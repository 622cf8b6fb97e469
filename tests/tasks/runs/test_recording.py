from tasks.runs.recording import usual_size
from tests.data.test_fingerprint import write_boxes


def test_the_first_images_alone_are_described_with_their_own_boxes(tmp_path):
    reader = write_boxes(tmp_path, image_id=2)
    first = reader.subset([0]).fingerprint()
    assert (reader.fingerprint()["boxes"], first["boxes"], first["images"]) == (1, 0, 1)
    assert first["width"] == [40, 40]


def test_the_usual_size_is_the_one_that_most_images_have(tmp_path):
    assert usual_size(write_boxes(tmp_path, side=60)) == (30, 60)
