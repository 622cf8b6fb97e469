"""What a description may ask a machine for."""

import pytest

from tasks.models.architecture import Arch
from tasks.models.preprocessing import Preprocessing


@pytest.mark.parametrize("field", ["num_classes", "width", "filters"])
def test_a_network_is_as_wide_as_networks_are(field):
    with pytest.raises(ValueError, match=rf"model\.{field}: 1000000; expected at most"):
        Arch(**{"head": "ssdlite", "backbone": "large", "num_classes": 3, field: 1_000_000})


@pytest.mark.parametrize("size", [(10**6, 10**6), (10**7, 2), 5000])
def test_an_input_has_as_many_pixels_as_inputs_have(size):
    with pytest.raises(ValueError, match=r"size: .*; expected sides of at most 4096 pixels"):
        Preprocessing(size)
    assert Preprocessing((1024, 2048)).size == (1024, 2048)
