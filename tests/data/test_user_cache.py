import os

from data.user_cache import remove_oldest


def test_what_was_not_used_for_longest_makes_room(tmp_path):
    for age, name in enumerate(("new", "middle", "old")):
        (tmp_path / name).write_bytes(b"x" * 10)
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    remove_oldest(tmp_path, most=20)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["middle", "new"]
