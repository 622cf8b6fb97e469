import pytest

from data.config import DatasetConfig
from data.datasets import open_labels
from data.errors import InputError
from tests.support.class_trees import write_images, write_table

FILES = ["a.png", "b.png", "c.png"]


def open_table(root, role="train", **options):
    return open_labels(DatasetConfig("csv", str(root), "train", "val", **options), role)


def labels_of(reader):
    names, rows = reader.classes.names, zip(reader.names.tolist(), reader.presence, strict=True)
    return {name: [names[k] for k in row.nonzero()[0]] for name, row in rows}


@pytest.mark.parametrize(
    "rows",
    [
        ["a.png,cat", "b.png,dog", "c.png,cat"],
        ["file,label", "a.png,cat", "b.png,dog", "", "c.png,cat"],
        ['a.png, "cat"', "./b.png,dog", "c.png,cat"],
        ["size,Label,Filename", "7,cat,a.png", '7,"dog",b.png', "8,cat,c.png"],
    ],
)
def test_rows_are_files_and_labels_under_whatever_head(tmp_path, rows):
    reader = open_table(write_table(write_images(tmp_path, FILES), rows))
    assert labels_of(reader) == {"a.png": ["cat"], "b.png": ["dog"], "c.png": ["cat"]}
    assert not reader.multilabel


@pytest.mark.parametrize("folder", ["images/train", "images", "train"])
def test_files_may_be_in_the_usual_folders(tmp_path, folder):
    write_images(tmp_path / folder, FILES)
    reader = open_table(write_table(tmp_path, ["a.png,cat", "b.png,dog"]))
    assert len(reader) == 2
    assert reader[1].image.shape == (40, 48, 3)


def test_an_image_may_have_several_labels_or_none(tmp_path):
    rows = ["file,label", "a.png,cat;dog", "b.png,", "c.png,cat", "c.png,cow"]
    reader = open_table(write_table(write_images(tmp_path, FILES), rows), multilabel=True)
    assert labels_of(reader) == {"a.png": ["cat", "dog"], "b.png": [], "c.png": ["cat", "cow"]}
    assert reader.tally().amounts.tolist() == [2, 1, 1]
    assert reader[1].target.tolist() == [False, False, False]


def test_the_only_table_is_shared_where_a_share_is_asked_for(tmp_path):
    names = [f"{n}.png" for n in range(12)]
    rows = [f"{name},{'cat' if n % 2 else 'dog'}" for n, name in enumerate(names)]
    write_table(write_images(tmp_path, names), rows, name="labels.csv")
    found = [set(open_table(tmp_path, role, val_share=0.3).names.tolist()) for role in ("train", "val")]
    assert not found[0] & found[1]
    assert found[0] | found[1] == set(names)
    with pytest.raises(InputError, match=r"no split 'train'; expected train\.csv \(labels\.csv there\), or"):
        open_table(tmp_path)


def test_names_and_tables_may_be_given(tmp_path):
    write_table(write_images(tmp_path, FILES), ["a.png,cat", "b.png,dog"], name="x.csv")
    reader = open_table(tmp_path, annotations={"train": "x.csv"}, names=["dog", "cow", "cat"])
    assert reader.classes.names == ("dog", "cow", "cat")
    with pytest.raises(InputError, match=r"annotations: .*y\.csv: no such file"):
        open_table(tmp_path, annotations={"train": "y.csv"})


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (["a.png,cat", "z.png,dog"], {}, r"line 2: no file 'z\.png'; expected one in"),
        (["../a.png,cat"], {}, r"line 1: no file '\.\./a\.png'"),
        (["a.png,cat", "a.png,cat"], {}, r"line 2: a\.png has the label 'cat' twice; expected each once"),
        (["a.png,cat;cat"], {"multilabel": True}, r"line 1: a\.png has the label 'cat' twice"),
        (["a.png,cat", "a.png,dog"], {}, r"line 2: a\.png is 'dog', and 'cat' before; expected one row an image, or"),
        (["a.png,"], {}, r"line 1: no label for a\.png; expected one, or dataset\.multilabel=true"),
        (["a.png"], {}, r"line 1: 1 columns; expected file,label"),
        (["a.png;cat"], {}, r"line 1: 1 columns; expected file,label, with a comma between"),
        (["a.png,cat;dog"], {}, r"line 1: label 'cat;dog'; expected one, or dataset\.multilabel=true"),
        (["a.png,cat", "./a.png,dog"], {}, r"line 2: a\.png is 'dog', and 'cat' before"),
        (["filename,cat,dog", "a.png,1,0"], {}, r"columns filename, cat, dog; expected one of labels, named label,"),
        (["filename,cat,dog", "a.png,1,0"], {"multilabel": True}, r"columns filename, cat, dog; expected one of"),
        (["file,label", '"a.png","cat\n"', "z.png,dog"], {}, r"line 4: no file 'z\.png'"),
        (["a.png,cat,dog"], {}, r"line 1: 3 columns; expected file,label"),
        (["a.png,cow"], {"names": ["cat", "dog"]}, r"line 1: label 'cow'; expected one of dataset\.names"),
        (["file,label"], {}, r"no rows that can be used"),
        (['a.png,"cat'], {}, r"not readable"),
    ],
)
def test_bad_rows_are_named_by_their_line(tmp_path, rows, options, message):
    write_table(write_images(tmp_path, FILES), rows)
    with pytest.raises(InputError, match=message):
        open_table(tmp_path, **options)


def test_a_report_that_does_not_refuse_hears_of_every_bad_row(tmp_path):
    write_table(write_images(tmp_path, FILES), ["a.png,cat", "z.png,dog", "b.png,"])
    found = []
    reader = open_labels(DatasetConfig("csv", str(tmp_path), "train", "val"), "train", report=found.append)
    assert labels_of(reader) == {"a.png": ["cat"]}
    assert [finding.kind for finding in found] == ["unknown file", "row without a label"]
