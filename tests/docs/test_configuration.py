"""docs/configuration.md is what conf/ says, and conf/ says what every option does."""

from pathlib import Path

from docs.configuration import PAGE, File, Option, explain, read_all, read_file, render


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "python -m docs.configuration writes it"


def test_every_option_is_explained() -> None:
    assert not [name for name, comment in explain(read_all()).items() if not comment]


def test_a_file_is_read_with_its_names_defaults_and_comments(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(
        "# @package _global_\n# What it is for\ndefaults:\n  - override /task: ssdlite\n  - _self_\n\n"
        "out: a/${now:%H}  # folder\nmodel:\n  width: 1.0\n  taps: [1, 2]  # of rows\nloss: {dice: 0.5}  # why\n"
    )
    assert read_file(path, prefix="p.") == File(
        "What it is for",
        [
            Option("p.out", "a/${now:%H}", "folder"),
            Option("p.model.width", "1.0", ""),
            Option("p.model.taps", "[1, 2]", "of rows"),
            Option("p.loss.dice", "0.5", "why"),
        ],
        ["task=ssdlite", "_self_"],
    )
