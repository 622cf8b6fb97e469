import numpy as np
import pytest

from data.streams.tiling import Tile, cut_tiles, find_starts


@pytest.mark.parametrize(
    ("length", "side", "overlap", "starts"),
    [(100, 100, 0.2, [0]), (100, 60, 0.0, [0, 40]), (100, 50, 0.0, [0, 50]), (100, 40, 0.25, [0, 30, 60])],
)
def test_tiles_are_spread_evenly_by_hand(length, side, overlap, starts):
    assert find_starts(length, side, overlap) == starts


def test_rows_come_from_top_to_bottom():
    tiles = cut_tiles((60, 100), (50, 60), overlap=0.0)
    assert tiles == [Tile(0, 0, 50, 60), Tile(0, 40, 50, 100), Tile(10, 0, 60, 60), Tile(10, 40, 60, 100)]


@pytest.mark.parametrize("size", [(1, 1), (31, 500), (97, 101), (333, 640)])
def test_every_pixel_is_in_a_tile_and_no_tile_leaves_the_image(size):
    seen = np.zeros(size, bool)
    for tile in cut_tiles(size, (64, 96), overlap=0.3):
        assert min(tile) >= 0
        assert tile.size == (min(64, size[0]), min(96, size[1]))
        seen[tile.top : tile.bottom, tile.left : tile.right] = True
    assert seen.all()


def test_neighbours_share_at_least_the_overlap():
    for length in range(100, 400, 7):
        starts = find_starts(length, 64, 0.25)
        assert np.diff(starts).max(initial=0) <= 48
        assert starts[-1] == length - 64
