import pytest

from data.bounded.text import strip_mark


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_the_mark_goes_and_what_it_says_is_read(encoding):
    mark = b"\xff\xfe" if encoding == "utf-16-le" else b""
    assert strip_mark(mark + "0 0.5\r\ncafé\r\n".encode(encoding)) == "0 0.5\r\ncafé\r\n".encode()


def test_names_in_other_encodings_stay_as_they_are():
    assert strip_mark(b"caf\xe9.jpg\n") == b"caf\xe9.jpg\n"
