from types import SimpleNamespace

import pytest

from data.errors import InputError
from tasks.evaluation import choose_dataset

GIVEN = {"name": None, "root": None, "val": None}


def test_scenes_that_were_moved_are_found_where_the_option_says(tmp_path):
    dataset = {"name": "synthetic", "root": str(tmp_path / "gone"), "val": "val"}
    description = SimpleNamespace(arch=SimpleNamespace(head="ssdlite"), dataset=dataset)
    with pytest.raises(InputError, match=r"the scenes in .*gone are gone; dataset=synthetic draws them"):
        choose_dataset(GIVEN, description)
    assert choose_dataset({**GIVEN, "root": str(tmp_path)}, description) == {**dataset, "root": str(tmp_path)}
