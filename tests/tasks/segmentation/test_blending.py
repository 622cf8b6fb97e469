import numpy as np
import torch

from data.streams.tiling import Tile, cut_tiles
from tasks.segmentation.blending import Blend, ramp


def test_weights_rise_from_both_ends_to_the_middle():
    like = torch.zeros(1)
    assert ramp(4, like).tolist() == [0.5, 1.5, 1.5, 0.5]
    assert ramp(1, like).tolist() == [0.5]


def test_scores_of_tiles_of_one_image_give_its_mask():
    generator = torch.Generator().manual_seed(0)
    scores = torch.rand(5, 97, 130, generator=generator)
    blend = Blend((97, 130))
    for tile in cut_tiles((97, 130), (40, 48), overlap=0.3):
        blend.add(tile, scores[:, tile.top : tile.bottom, tile.left : tile.right])
    np.testing.assert_array_equal(blend.finish(), scores.argmax(0).numpy())


def test_where_two_tiles_differ_the_nearer_one_decides():
    blend = Blend((1, 15))
    one, two = (torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]))
    blend.add(Tile(0, 0, 1, 10), one[:, None, None].expand(2, 1, 10))
    blend.add(Tile(0, 5, 1, 15), two[:, None, None].expand(2, 1, 10))
    assert blend.finish().tolist() == [[0] * 8 + [1] * 7]  # in column 7 both weigh 2.5


def test_no_more_than_a_row_of_tiles_is_held():
    blend = Blend((1000, 20))
    for tile in cut_tiles((1000, 20), (50, 20), overlap=0.2):
        blend.add(tile, torch.ones(3, *tile.size))
        assert blend.scores is not None
        assert blend.scores.shape == (3, 50, 20)
    assert blend.finish().max() == 0
