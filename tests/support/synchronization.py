"""For tests: what would make the host wait for a device is refused, on the CPU too, where it costs nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten
# Their result, or its shape, depends on values: a host has to fetch them from the device.
WAITING = {
    aten._local_scalar_dense,  # item, bool, int, float
    aten.is_nonzero,
    aten.equal,
    aten.nonzero,
    aten.masked_select,
    aten.bincount,
    aten.repeat_interleave,
    aten.unique_consecutive,
    aten.unique_dim,
    aten._unique,
    aten._unique2,
}
COPYING = {torch.tensor, torch.as_tensor, torch.Tensor.new_tensor}  # from the host, which waits
PRODUCTS = {torch.prod, torch.Tensor.prod}  # their gradient looks for zeros
FETCHING = {torch.Tensor.tolist, torch.Tensor.numpy, torch.Tensor.cpu, torch.Tensor.__array__}
INDEXING = {aten.index, aten.index_put, aten.index_put_, aten._index_put_impl_}  # by a mask they call nonzero


def find_masks(indices: Any) -> list[torch.Tensor]:
    return [index for index in indices if index is not None and index.dtype in (torch.bool, torch.uint8)]


class RefuseOperators(TorchDispatchMode):
    """Sees every operator, those of the backward pass too."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        packet = func.overloadpacket
        if packet in WAITING or (packet in INDEXING and find_masks(args[1])):
            raise AssertionError(f"{func} makes the host wait for the device")
        return func(*args, **(kwargs or {}))


class RefuseMethods(TorchFunctionMode):
    """Sees the methods of a tensor that call no operator."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in FETCHING | COPYING or (func in PRODUCTS and args[0].requires_grad):
            raise AssertionError(f"{func.__name__} makes the host wait for the device")
        return func(*args, **(kwargs or {}))


@contextmanager
def no_synchronization() -> Iterator[None]:
    """Fail a test where what is inside would make the host wait for the device."""
    with RefuseOperators(), RefuseMethods():
        yield
