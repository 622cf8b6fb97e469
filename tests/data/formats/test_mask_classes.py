from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data import datasets
from data.classes import ClassTable
from data.config import DatasetConfig
from data.errors import InputError
from data.findings import EntryError
from data.formats.mask_class_files import parse_label_colors, parse_labelmap, parse_rows

INDICES = np.array([[0, 1, 1], [2, 2, 2]])
COLORS = np.array([[0, 0, 0], [128, 64, 128], [0, 0, 142]], dtype=np.uint8)  # background, road, car
PALETTE = {"background": [0, 0, 0], "road": [128, 64, 128], "car": [0, 0, 142]}
IGNORED = (255, 255, 255)


def write(root: Path, *masks: np.ndarray, palette: np.ndarray | None = None) -> Path:
    """Write images with these masks, which are all of the training split."""
    for index, mask in enumerate(masks):
        image = Image.fromarray(mask.astype(np.uint8))
        if palette is not None:
            image.putpalette(palette.tobytes())
        for folder in ("images", "masks"):
            (root / folder / "train").mkdir(parents=True, exist_ok=True)
        image.save(root / "masks/train" / f"{index}.png")
        Image.new("RGB", (mask.shape[1], mask.shape[0])).save(root / "images/train" / f"{index}.png")
    return root


def open_masks(root: Path, *, classes=None, **options):
    return datasets.open_masks(DatasetConfig("masks", str(root), "train", "val", **options), "train", classes=classes)


def test_colours_stand_for_the_classes_that_the_palette_says(tmp_path):
    reader = open_masks(write(tmp_path, COLORS[INDICES]), palette=PALETTE)
    assert reader.classes.names == ("background", "road", "car")
    assert reader.classes.ids == (0, 1, 2)
    assert reader.classes.colors == tuple(tuple(color) for color in PALETTE.values())
    np.testing.assert_array_equal(reader[0].mask, INDICES)


def test_an_ignored_colour_neither_teaches_nor_counts(tmp_path):
    mask = COLORS[INDICES]
    mask[0, 0] = IGNORED
    reader = open_masks(write(tmp_path, mask), palette=PALETTE, ignore=list(IGNORED))
    assert reader[0].mask.tolist() == [[255, 1, 1], [2, 2, 2]]


def test_unknown_colours_are_refused_with_file_colour_and_count(tmp_path):
    mask = COLORS[INDICES]
    mask[1, :2], mask[0, 0] = (1, 2, 3), (9, 9, 9)
    reader = open_masks(write(tmp_path, mask), palette=PALETTE)
    message = r"0\.png: colours \(1, 2, 3\) \(2 pixels\), \(9, 9, 9\) \(1 pixel\); expected \(0, 0, 0\) background, "
    with pytest.raises(EntryError, match=message) as info:
        reader[0]
    assert info.value.finding.kind == "unknown mask colour"


def test_many_unknown_colours_are_counted(tmp_path):
    reader = open_masks(write(tmp_path, np.arange(240, dtype=np.uint8).reshape(8, 10, 3)), palette=PALETTE)
    with pytest.raises(InputError, match=r"0\.png: colours .* and 75 more; expected"):
        reader[0]


def test_palette_images_hold_indices_unless_colours_are_said(tmp_path):
    write(tmp_path, INDICES, palette=COLORS)
    assert open_masks(tmp_path, names=["a", "b", "c"])[0].mask.tolist() == INDICES.tolist()
    reversed_palette = {name: PALETTE[name] for name in ("car", "road", "background")}
    assert open_masks(tmp_path, palette=reversed_palette)[0].mask.tolist() == (2 - INDICES).tolist()


def test_values_may_be_any(tmp_path):
    """The usual mask of one object: 0 and 255."""
    reader = open_masks(write(tmp_path, INDICES.clip(max=1) * 255), palette={"rest": 0, "crack": 255}, ignore=None)
    assert reader.classes.ids == (0, 255)
    assert reader[0].mask.tolist() == [[0, 1, 1], [1, 1, 1]]


def test_names_skip_the_ignored_value(tmp_path):
    reader = open_masks(write(tmp_path, INDICES), names=["road", "car"], ignore=0)
    assert reader.classes.ids == (1, 2)
    assert reader[0].mask.tolist() == [[255, 0, 0], [1, 1, 1]]


def test_classes_are_inferred_from_the_values_of_all_masks(tmp_path, caplog):
    with caplog.at_level("INFO"):
        reader = open_masks(write(tmp_path, INDICES * 0, INDICES * 7, INDICES * 0 + 255))
    assert reader.classes.names == ("class_0", "class_7", "class_14")
    assert reader.classes.ids == (0, 7, 14)
    assert reader[1].mask.tolist() == INDICES.tolist()
    assert "reading 3 masks to find their classes" in caplog.text
    assert "no class names given; named after the values of the masks: class_0, class_7, class_14" in caplog.text


def test_inferred_classes_take_the_colours_of_the_palette(tmp_path):
    reader = open_masks(write(tmp_path, INDICES, palette=COLORS))
    assert reader.classes.colors == tuple(tuple(color) for color in COLORS.tolist())


def test_classes_are_inferred_from_the_colours_of_all_masks(tmp_path):
    reader = open_masks(write(tmp_path, COLORS[INDICES], np.full((2, 3, 3), 255)), ignore=[255, 255, 255])
    assert reader.classes.names == ("#000000", "#00008e", "#804080")
    assert reader[0].mask.tolist() == [[0, 2, 2], [1, 1, 1]]
    again = open_masks(tmp_path, ignore=[255, 255, 255], classes=reader.classes)  # as another split is opened
    np.testing.assert_array_equal(again[0].mask, reader[0].mask)


def test_one_class_alone_is_refused_with_the_ignored_value(tmp_path):
    with pytest.raises(
        InputError, match=r"hold 1 values that are not ignored, of \[0, 255\]; expected .*255 is a class of yours"
    ):
        open_masks(write(tmp_path, INDICES.clip(max=1) * 255))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("classes.txt", "background 0 0 0\nroad 128 64 128\ncar 0 0 142\n"),
        ("classes.csv", "name,r,g,b\nbackground,0,0,0\nroad,128,64,128\ncar,0,0,142\n"),
        ("classes.json", '{"background": [0, 0, 0], "road": [128, 64, 128], "car": [0, 0, 142]}'),
        ("labelmap.txt", "# label:color_rgb:parts:actions\nbackground:0,0,0::\nroad:128,64,128::\ncar:0,0,142::\n"),
        ("label_colors.txt", "0 0 0 background\n128 64 128\troad\n0 0 142 car\n"),
        ("class_dict.csv", "name,r,g,b\nbackground,0,0,0\nroad,128,64,128\ncar,0,0,142\n"),
        ("class_mapping.csv", "class_name,class_color\nbackground,0 0 0\nroad,128 64 128\ncar,0 0 142\n"),
        ("colors.txt", "background 0 0 0\nroad 128 64 128\ncar 0 0 142\n"),
    ],
)
def test_a_file_beside_the_folders_names_colours(tmp_path, name, text):
    write(tmp_path, COLORS[INDICES])
    (tmp_path / name).write_text(text)
    reader = open_masks(tmp_path)
    assert reader.classes.names == ("background", "road", "car")
    np.testing.assert_array_equal(reader[0].mask, INDICES)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("classes.txt", "back ground\nroad\ncar\n"),
        ("classes.csv", "name,value\nback ground,0\nroad,1\ncar,2\n"),
        ("classes.json", '["back ground", "road", "car"]'),
        ("classes.json", '{"back ground": 0, "road": 1, "car": 2}'),
        ("class_names.txt", "back ground\nroad\ncar\n"),
        ("labelmap.txt", "# label:color_rgb:parts:actions\nback ground:::\nroad:::\ncar:::\n"),
    ],
)
def test_a_file_beside_the_folders_names_values(tmp_path, name, text):
    write(tmp_path, INDICES)
    (tmp_path / name).write_text(text)
    assert open_masks(tmp_path).classes.names == ("back ground", "road", "car")


def test_rows_of_names_with_spaces_keep_them():
    assert parse_rows("traffic light 1 2 3\n# note\nroad 4 5 6") == {"traffic light": [1, 2, 3], "road": [4, 5, 6]}
    with pytest.raises(ValueError, match="row 'road, x'"):
        parse_rows("car, 1\nroad, x")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"palette": {"a": [0, 0]}}, r"dataset\.palette: a: \[0, 0\]; expected"),
        ({"palette": {"a": [0, 0, 256]}}, r"dataset\.palette: a: "),
        ({"palette": {"a": -1}}, r"dataset\.palette: a: -1"),
        ({"palette": {"a": 1, "b": 1}}, r"dataset\.palette: .*each once"),
        ({"palette": {"a": 1, "b": [1, 2, 3]}}, r"dataset\.palette: .*values or colours alone"),
        ({"palette": {}}, r"dataset\.palette: \{\}; expected"),
        ({"palette": {"a": 1}, "ignore": "red"}, r"dataset\.ignore: 'red'; expected"),
    ],
)
def test_what_was_given_is_checked(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        open_masks(write(tmp_path, INDICES), **options)


def test_names_alone_do_not_serve_colours(tmp_path):
    with pytest.raises(InputError, match=r"dataset\.names: masks hold colours; expected dataset\.palette="):
        open_masks(write(tmp_path, COLORS[INDICES]), names=["a", "b", "c"])


def test_the_classes_of_a_model_are_found_by_name_whatever_the_codes(tmp_path):
    model = ClassTable.create(["car", "sky", "road", "background"], [26, 23, 7, 0])
    reader = open_masks(write(tmp_path, COLORS[INDICES]), palette=PALETTE, classes=model)
    assert reader.classes is model
    assert reader[0].mask.tolist() == [[3, 2, 2], [0, 0, 0]]
    with pytest.raises(InputError, match="unknown classes 'dog'"):
        open_masks(tmp_path, palette={**PALETTE, "dog": [1, 1, 1]}, classes=model)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"palette": {"rest": 0, "crack": 255}},
            r"dataset\.ignore: 255 is also the value of the class 'crack'; expected",
        ),
        ({"palette": {"a": 0, "b": 1, "c": 2}, "ignore": 1}, r"dataset\.ignore: 1 is also the value of the class 'b'"),
        ({"classes": ClassTable.create(["rest", "crack"], [0, 255])}, r"255 is also the value of the class 'crack'"),
    ],
)
def test_a_value_is_either_a_class_or_ignored(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        open_masks(write(tmp_path, INDICES), **options)


def test_a_colour_is_either_a_class_or_ignored(tmp_path):
    with pytest.raises(InputError, match=r"dataset\.ignore: \(0, 0, 0\) is also the colour of the class 'background'"):
        open_masks(write(tmp_path, COLORS[INDICES]), palette=PALETTE, ignore=[0, 0, 0])
    table = ClassTable.create(["a", "b"], [0, 1], colors=[(0, 0, 0), (255, 255, 255)])
    with pytest.raises(InputError, match=r"\(255, 255, 255\) is also the colour of the class 'b'"):
        open_masks(tmp_path, classes=table, ignore=[255, 255, 255])


def test_a_class_of_a_file_is_not_ignored_either(tmp_path):
    root = write(tmp_path, INDICES)
    (root / "classes.csv").write_text("rest, 0\ncrack, 255\n")
    with pytest.raises(InputError, match=r"dataset\.ignore: 255 is also the value of the class 'crack'"):
        open_masks(root)


@pytest.mark.parametrize(
    ("mask", "options", "message"),
    [
        (
            INDICES,
            {"names": ["a", "b", "c"], "ignore": [0, 0, 0]},
            r"ignore: \[0, 0, 0\]; masks hold values; expected a value",
        ),
        (COLORS[INDICES], {"palette": PALETTE, "ignore": 0}, r"ignore: 0; masks hold colours; expected a colour \[red"),
    ],
)
def test_what_is_ignored_is_of_the_kind_that_masks_hold(tmp_path, mask, options, message):
    with pytest.raises(InputError, match=message):
        open_masks(write(tmp_path, mask), **options)


def test_the_file_of_roboflow_beside_masks_names_their_values(tmp_path):
    root = write(tmp_path, INDICES)
    (root / "masks/train/_classes.csv").write_text("Pixel Value, Class\n0, 7\n1, road\n2, car\n")
    reader = open_masks(root)
    assert (reader.classes.names, reader.classes.ids) == (("7", "road", "car"), (0, 1, 2))
    assert reader[0].mask.tolist() == INDICES.tolist()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("road 0\ncar 1\n", "'road 0' may be a name and a value, or a name alone: write a comma"),
        ("0 road\n1 car\n", "'0 road' may be a name and a value"),
        ("road, 0\nroad, 1\n", "'road' appears twice"),
    ],
)
def test_rows_of_two_meanings_and_names_that_stand_twice_are_refused(tmp_path, text, message):
    root = write(tmp_path, INDICES)
    (root / "classes.txt").write_text(text)
    with pytest.raises(InputError, match=rf"classes\.txt: cannot be read \({message}"):
        open_masks(root)


def test_a_value_may_stand_before_its_name(tmp_path):
    root = write(tmp_path, INDICES)
    (root / "classes.csv").write_text("value, name\n2, car\n1, road\n0, back ground\n")
    assert open_masks(root).classes.names == ("car", "road", "back ground")


def test_pixels_of_no_class_have_a_value_that_no_class_has():
    assert ClassTable.create(["a", "b"], [0, 1]).no_class == 255
    assert ClassTable.create(["a", "b", "c"], [254, 255, 300]).no_class == 253


@pytest.mark.parametrize(
    ("parse", "text", "row"),
    [
        (parse_labelmap, "road:128,64::\ncar:0,0,142::", "road, 128, 64"),
        (parse_labelmap, "road:::\ncar:0,0,142::", "road, "),
        (parse_label_colors, "128 64 128 road\n0 0 142", "0, 0, 142"),
        (parse_label_colors, "128 64 128 road\n0 0 x car", "car, 0, 0, x"),
    ],
)
def test_a_row_of_another_form_is_named(parse, text, row):
    with pytest.raises(ValueError, match=f"row '{row}'"):
        parse(text)


def test_names_in_rows_of_camvid_may_have_spaces():
    assert parse_label_colors("0 128 64 traffic light\n") == {"traffic light": [0, 128, 64]}
