import torch

from tasks.models.normalization import normalize
from tasks.models.preprocessing import Preprocessing


def test_a_range_may_be_given_in_whole_numbers():
    images = torch.tensor([0, 51, 255], dtype=torch.uint8).reshape(1, 3, 1, 1)
    found = normalize(images, Preprocessing(None, mean=(0, 0, 1), std=(1, 2, 1)))
    assert found.flatten().tolist() == [0.0, torch.tensor(0.1).item(), 0.0]
