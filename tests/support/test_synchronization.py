import pytest
import torch
from torch.nn import functional as F

from tests.support.synchronization import no_synchronization

X = torch.arange(6.0)
MASK = X > 2

WAITS = {
    "item": lambda: X.sum().item(),
    "if": lambda: bool(MASK.any()),
    "list": lambda: X.tolist(),
    "array": lambda: X.numpy(),
    "nonzero": lambda: MASK.nonzero(),
    "where": lambda: torch.where(MASK),
    "mask": lambda: X[MASK],
    "assignment": lambda: X.clone().index_put_((MASK,), torch.zeros(3)),
    "masked_select": lambda: X.masked_select(MASK),
    "unique": lambda: X.unique(),
    "a tensor of the host's numbers": lambda: X * torch.tensor([2.0]),
    "the gradient of a product": lambda: X.clone().requires_grad_().prod(-1),
    "one_hot": lambda: F.one_hot(X.long()),
    "one_hot with its classes": lambda: F.one_hot(X.long(), 6),
}


@pytest.mark.parametrize("operation", WAITS.values(), ids=WAITS)
def test_what_makes_the_host_wait_is_refused(operation):
    with no_synchronization(), pytest.raises(AssertionError, match="makes the host wait"):
        operation()


def test_what_stays_on_the_device_passes():
    rows = torch.tensor([1, 2])
    with no_synchronization():
        assert X[rows].shape == (2,)
        assert X[1:3].topk(2).values.shape == torch.where(MASK, X, 0).sort().values[:2].shape
        assert (X * MASK).sum().shape == ()
