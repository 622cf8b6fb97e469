"""Which task's page a test is about."""

import pytest

detector = pytest.mark.parametrize("site", ["ssdlite"], indirect=True)
segmenter = pytest.mark.parametrize("site", ["lraspp"], indirect=True)
classifier = pytest.mark.parametrize("site", ["classify"], indirect=True)
