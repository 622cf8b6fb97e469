"""docs/targets.md is what the rules about accelerators say."""

from docs.targets import PAGE, render


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "python -m docs.targets writes it"
