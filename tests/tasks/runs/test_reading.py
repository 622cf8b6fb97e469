"""What a stranger's run may hold: each file is checked where a page looks."""

import os

import pytest

from data.errors import InputError
from tasks.report.defaults import read_defaults
from tasks.report.page import write_page
from tasks.runs.reading import read_run
from tests.support.folders import CONFIG, save_picture, write_run


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("metrics", {"mAP": 1, "per_class": [1]}, r"metrics\.json: per_class: \[1\]; expected"),
        ("analysis", {"task": "x"}, r"analysis\.json: task: unknown 'x'; choose from classification, detection"),
        ("analysis", {"curves": {"scores": "ab"}}, r"analysis\.json: curves.scores"),
        ("analysis", {"errors": {"missed": 3}}, r"analysis\.json: errors.missed"),
        ("model", {"params": 0, "madds": 1}, "params, madds: 0, 1; expected integers from 1"),
        ("data", {"splits": {"val": {"images": "many"}}}, r"data\.json: splits.val.images: 'many'"),
        ("config", {"model": {"head": ["a"]}}, r"config\.yaml: model.head"),
    ],
)
def test_a_field_of_another_form_is_named(name, values, message, tmp_path):
    with pytest.raises(InputError, match=message):
        read_run(write_run(tmp_path / "run", **{name: values}))


def test_fields_of_other_versions_may_be_anything(tmp_path):
    assert read_run(write_run(tmp_path / "run", analysis={"later": [{"a": None}]})).analysis["later"]


def test_a_page_of_what_lacks_fields_is_refused_in_one_line(tmp_path):
    with pytest.raises(InputError, match="a file of the run lacks what its page shows"):
        write_page(write_run(tmp_path / "run", data={"name": "x"}))


def test_a_link_out_of_the_folder_is_refused_and_its_pictures_are_left_out(tmp_path):
    run = write_run(tmp_path / "run")
    save_picture(tmp_path / "private.jpg")
    save_picture(run / "samples/1.jpg")
    (run / "samples/2.jpg").symlink_to(tmp_path / "private.jpg")
    assert write_page(run).read_text().count("data:image/jpeg") == 1
    (tmp_path / "secret.json").write_text('{"mAP": 0.5}')
    (run / "analysis.json").symlink_to(tmp_path / "secret.json")
    with pytest.raises(InputError, match=r"analysis\.json: a link out of the run's folder"):
        read_run(run)


def test_no_resolver_is_on_in_what_a_file_says(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "not for anyone")
    run = write_run(tmp_path / "run", config={**CONFIG, "seed": "${oc.env:SECRET}"})
    assert read_run(run).config["seed"] == "${oc.env:SECRET}"
    assert "not for anyone" not in write_page(run).read_text()


def test_a_name_that_is_a_path_is_no_choice_of_ours(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "not for anyone")
    (tmp_path / "evil.yaml").write_text("name: evil\nwidth: ${oc.env:SECRET}\n")
    import conf

    away = os.path.relpath(tmp_path / "evil", conf.FOLDER / "backbone")
    assert (conf.FOLDER / "backbone" / f"{away}.yaml").is_file()
    found = read_defaults({"model": {"head": "ssdlite", "backbone": away}})
    assert found
    assert "not for anyone" not in str(found)


def test_a_log_of_too_much_or_of_bytes_is_no_hang(tmp_path):
    run = write_run(tmp_path / "run", log="step," + "a," * 2000 + "\n1,2\n")
    with pytest.raises(InputError, match=r"2002 columns; expected at most 1000"):
        read_run(run)
    run = write_run(tmp_path / "other", log="step,lr\n\x00,1\n5,7\n")
    assert read_run(run).series["lr"][1].tolist() == [7.0]
    (run / "logs/start_x").mkdir()
    (run / "logs/start_x/metrics.csv").touch()
    assert read_run(run).series
