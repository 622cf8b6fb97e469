from types import SimpleNamespace

import lightning as L
import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from tasks.train.callbacks import AveragedWeights, StopEarly
from tests.support.synchronization import no_synchronization

STEPS = 6


class Net(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 1)
        self.norm = nn.BatchNorm2d(3)


def states():
    """Return what stands in the network after each step: all numbers anew, the count of batches included."""
    generator = torch.Generator().manual_seed(0)
    result = []
    for step in range(STEPS):
        state = {name: torch.rand(value.shape, generator=generator) for name, value in Net().state_dict().items()}
        result.append(state | {"norm.num_batches_tracked": torch.tensor(10 * step + 7)})
    return result


TRAINER = SimpleNamespace(strategy=SimpleNamespace(root_device=torch.device("cpu")))


def start(callback, net):
    """Tell the callback what a trainer does before the first step."""
    callback.setup(TRAINER, net, "fit")
    callback.on_train_start(TRAINER, net)


def average(callback):
    """Run the callback over `states()` as a trainer does; returns what validation sees after each step."""
    net, seen = Net(), []
    start(callback, net)
    for step, state in enumerate(states(), start=1):
        net.load_state_dict(state)
        trainer = SimpleNamespace(global_step=step)
        callback.on_train_batch_end(trainer, net, None, None, step)
        callback.on_validation_epoch_start(trainer, net)
        seen.append({name: value.clone() for name, value in net.state_dict().items()})
        callback.on_validation_epoch_end(trainer, net)
        assert all(torch.equal(net.state_dict()[name], state[name]) for name in state)  # training goes on unchanged
    return seen


@pytest.mark.parametrize("decay", [0.0, 0.27, 0.998])
def test_averages_follow_the_formula_buffers_included(decay):
    expected = states()[0]
    for n, (seen, values) in enumerate(zip(average(AveragedWeights(decay)), states(), strict=True)):
        if n > 0:
            keep = min(decay, (1 + n) / (10 + n))  # 2 / 11, 3 / 12, 4 / 13, ...
            expected = {name: keep * expected[name] + (1 - keep) * values[name] for name in values}
        for name in ("conv.weight", "conv.bias", "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var"):
            torch.testing.assert_close(seen[name], expected[name])


def test_the_count_of_batches_is_the_latest_and_stays_whole():
    for seen, values in zip(average(AveragedWeights(0.998)), states(), strict=True):
        assert seen["norm.num_batches_tracked"].dtype == torch.int64
        assert seen["norm.num_batches_tracked"] == values["norm.num_batches_tracked"]


def test_the_average_is_that_of_torchs_averaged_model_bit_by_bit():
    def formula(averages, values, count):
        share = 1 - torch.clamp((1 + count.float()) / (10 + count.float()), max=0.5)
        for average, value in zip(averages, values, strict=True):
            average.add_((value - average).mul_(share) if value.is_floating_point() else value - average)

    net = Net()
    model = AveragedModel(net, multi_avg_fn=formula, use_buffers=True)
    for seen, values in zip(average(AveragedWeights(0.5)), states(), strict=True):
        net.load_state_dict(values)
        model.update_parameters(net)
        assert all(torch.equal(seen[name], value) for name, value in model.module.state_dict().items())


def test_after_the_first_step_averaging_never_makes_the_host_wait():
    callback, net = AveragedWeights(0.998), Net()
    start(callback, net)
    callback.update()
    with no_synchronization():
        callback.update()
    assert callback._average_model.n_averaged == 2


def test_a_network_without_norms_is_averaged():
    callback, net = AveragedWeights(0.5), Net()
    net.norm = nn.Identity()
    start(callback, net)
    callback.update()
    nn.init.constant_(net.conv.bias, 11.0)
    before = callback._average_model.module.conv.bias.clone()
    callback.update()
    torch.testing.assert_close(callback._average_model.module.conv.bias, before + (11 - before) * 9 / 11)


def test_accumulated_batches_count_as_one_step():
    callback, net = AveragedWeights(0.5), Net()
    start(callback, net)
    for batch, step in enumerate([1, 1, 1]):
        nn.init.constant_(net.conv.bias, float(batch))
        callback.on_train_batch_end(SimpleNamespace(global_step=step), net, None, None, batch)
    callback.on_validation_epoch_start(SimpleNamespace(), net)
    assert net.conv.bias.tolist() == [0.0] * 3  # the average was taken at the first batch alone


def test_an_evaluation_that_is_done_again_counts_once():
    def evaluate(callback, step, value):
        metrics = {"val/mAP": torch.tensor(value)}
        strategy = SimpleNamespace(reduce_boolean_decision=lambda decision, all: decision)
        trainer = SimpleNamespace(
            global_step=step, callback_metrics=metrics, fast_dev_run=False, strategy=strategy, should_stop=False
        )
        trainer.current_epoch = step
        callback._run_early_stopping_check(trainer)
        return trainer.should_stop

    first, resumed = (StopEarly("val/mAP", patience=2, threshold=None) for _ in range(2))
    assert not evaluate(first, 1, 0.5)
    assert not evaluate(first, 2, 0.25)
    resumed.load_state_dict(first.state_dict())
    assert not evaluate(resumed, 2, 0.25)
    assert evaluate(resumed, 3, 0.25)
