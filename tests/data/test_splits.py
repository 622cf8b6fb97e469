import pytest

from data.errors import InputError
from data.splits import Part

NAMES = [f"frame_{index:05d}.jpg" for index in range(2000)]


def taken(names, share=0.2):
    return {name for name, kept in zip(names, Part("val", "train", share).select(names), strict=True) if kept}


def test_a_share_is_about_as_large_as_asked_for_and_the_rest_is_trained_on():
    val, train = Part("val", "train", 0.2).select(NAMES), Part("train", "train", 0.2).select(NAMES)
    assert 350 < sum(val) < 450
    assert train == [not kept for kept in val]


def test_images_that_are_added_move_none():
    assert taken(NAMES[:1000]) == taken(NAMES) & set(NAMES[:1000])
    assert taken(NAMES[::-1]) == taken(NAMES)


def test_a_larger_share_holds_the_smaller():
    assert taken(NAMES, 0.1) < taken(NAMES, 0.3)


def test_folder_and_extension_do_not_matter():
    moved = [f"images/train/{name}".replace(".jpg", ".png") for name in NAMES]
    assert {name.split("/")[-1].replace(".png", ".jpg") for name in taken(moved)} == taken(NAMES)


def test_without_a_share_all_images_are_taken():
    assert all(Part("val", "val").select(NAMES))


@pytest.mark.parametrize("role", ["train", "val"])
def test_a_share_that_leaves_nothing_is_refused(role):
    part = Part(role, "train", 1e-9 if role == "val" else 1 - 1e-9)
    with pytest.raises(
        InputError, match=r"dataset\.val_share: .* takes [01] of the 1 images of 'train'; expected some"
    ):
        part.select(["a.jpg"])


@pytest.mark.parametrize("share", [1e-9, 0.3, 1 - 1e-9])
def test_of_a_few_images_at_least_one_is_on_each_side(share):
    names = [f"f{index}.jpg" for index in range(6)]  # of which a share of .3 is none by the hash alone
    count = len(taken(names, share))
    assert count == {1e-9: 1, 0.3: 1, 1 - 1e-9: 5}[share]
    assert sum(Part("train", "train", share).select(names)) == 6 - count
