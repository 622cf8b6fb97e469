"""The steps of an adaptation, and where each goes on after a kill."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from torch import Tensor

from data.errors import InputError
from tasks.adapt.config import AdaptConfig
from tasks.adapt.log import WEIGHTS, Log, Proposal, Step, name_weights, save_log
from tasks.adapt.proposals import Cut, Space, choose_best, list_cuts
from tasks.adapt.tuning import Tuner
from tasks.inference.loading import assemble
from tasks.latency.runtimes import Clock
from tasks.latency.table import LatencyTable
from tasks.latency.target import find_target
from tasks.models.architecture import Arch
from tasks.models.checkpoint import load_checkpoint, save_safetensors
from tasks.models.network import Model
from tasks.models.truncation import Narrowing, truncate

logger = logging.getLogger(__name__)

LEAST_CUT = 1e-6  # milliseconds, below which a cut is none
Weights = dict[str, Tensor]


@dataclass
class Work:
    """An adaptation under way.

    Attributes:
        config: of it.
        space: of all networks that there could be.
        table: of the latency of layers.
        clock: times whole networks; None where the device is a table.
        tuner: trains and judges.
        seed_weights: of the checkpoint.
        log: of what was done.
    """

    config: AdaptConfig
    space: Space
    table: LatencyTable
    clock: Clock | None
    tuner: Tuner
    seed_weights: Weights
    log: Log = field(init=False)

    def go_on(self, log: Log | None) -> None:
        """Take steps until the target is reached.

        Args:
            log: of what was done before; None at the beginning.

        Raises:
            InputError: before any training, if no network that there could be reaches the target.
        """
        self.log = self.begin() if log is None else log
        while self.is_open or self.log.state[0] > self.log.target:
            self.take_step(len(self.log.steps) + (not self.is_open))

    @property
    def is_open(self) -> bool:
        """Whether a step is under way, in whose proposals none was chosen yet."""
        return bool(self.log.steps) and self.log.steps[-1].chosen is None

    @property
    def measured(self) -> float | None:
        """Milliseconds of the whole network as it is now, where they were measured."""
        return self.log.steps[-1].measured if self.log.steps else self.log.measured

    def begin(self) -> Log:
        """Time and judge the checkpoint's network, and check that the target can be reached.

        Raises:
            InputError: if it cannot be, naming the latency of the smallest network.
        """
        seed, space = self.space.seed, self.space
        added = space.predict(seed, self.table)
        measured = self.time_whole(seed, self.seed_weights)
        factor = 1.0 if measured is None else measured / added
        latency = factor * added
        target = find_target(self.config.target_latency, latency)
        smallest = factor * space.predict(space.smallest(), self.table)
        if target >= latency:
            raise InputError(f"target_latency: {target:.4g} ms; the checkpoint's network takes {latency:.4g} already")
        if smallest > target:
            raise InputError(
                f"target_latency: {self.config.target_latency}, {target:.4g} ms, cannot be reached: "
                f"with least={self.config.least} of the channels in all layers the network takes {smallest:.4g} of "
                f"{latency:.4g} ms"
            )
        metric = self.tuner.judge(seed, self.seed_weights)
        logger.info("the checkpoint: %.3f ms, metric %.4f; target %.3f ms", latency, metric, target)
        log = Log(latency, factor, measured, metric, target)
        save_log(self.config.out, log)
        return log

    def take_step(self, number: int) -> None:
        """Train and judge the proposals of a step, from 1, that were not yet; take the best."""
        arch, out = self.log.rebuild(self.space.seed), self.config.out
        latency, metric = self.log.state
        step = self.log.steps[number - 1] if self.is_open else Step()
        cuts = self.list_cuts(arch)
        weights = self.load_weights(number - 1)
        (out / WEIGHTS).mkdir(exist_ok=True)
        for index, cut in list(enumerate(cuts))[len(step.proposals) :]:
            proposal = self.try_cut(arch, cut, weights, step=number, index=index)
            step = replace(step, proposals=(*step.proposals, proposal))
            self.log = self.log.with_step(number, step)
            save_log(out, self.log)
        chosen = choose_best(
            [proposal.metric for proposal in step.proposals],
            [proposal.latency for proposal in step.proposals],
            metric=metric,
            latency=latency,
        )
        kept = name_weights(out, number, chosen)
        description, found = load_checkpoint(kept)
        save_safetensors(name_weights(out, number), description, found)
        measured = self.time_whole(cuts[chosen].arch, found)
        self.log = self.log.with_step(number, replace(step, chosen=chosen, measured=measured))
        save_log(out, self.log)
        for index in range(len(cuts)):
            name_weights(out, number, index).unlink(missing_ok=True)
        winner = step.proposals[chosen]
        logger.info(
            "step %d: %s from %d to %d channels: %.3f ms, metric %.4f (%d proposals)",
            number,
            winner.group,
            winner.before,
            winner.after,
            winner.latency,
            winner.metric,
            len(cuts),
        )

    def list_cuts(self, arch: Arch) -> Sequence[Cut]:
        """Return the proposals of a step: one a group, of those whose cut is large enough.

        Where none is, towards the smallest network, cuts of half the share do, of a quarter, and so on.
        """
        reduction = self.config.delta * self.log.latency / self.log.factor
        while reduction > LEAST_CUT:
            cuts = list(list_cuts(self.space, arch, self.table, reduction=reduction))
            if cuts:
                return cuts
            reduction /= 2
        raise InputError(
            f"target_latency: {self.log.state[0]:.4g} ms reached of {self.log.target:.4g}; nothing is left to cut"
        )

    def try_cut(self, arch: Arch, cut: Cut, weights: Weights, *, step: int, index: int) -> Proposal:
        """Truncate the weights, train them for some steps, keep them, and judge the network."""
        smaller = truncate(weights, arch, cut.arch, Narrowing(cut.before, cut.after))
        trained = self.tuner.tune(cut.arch, smaller, step=step)
        save_safetensors(name_weights(self.config.out, step, index), self.tuner.describe(cut.arch), trained)
        metric = self.tuner.judge(cut.arch, trained)
        latency = self.log.factor * cut.latency
        logger.info(
            "  %s: %d to %d channels, %.3f ms, metric %.4f", cut.group.name, cut.before, cut.after, latency, metric
        )
        return Proposal(cut.group.name, cut.before, cut.after, latency, metric)

    def load_weights(self, step: int) -> Weights:
        """Return the weights of a step's winner; of step 0 the checkpoint's."""
        return self.seed_weights if step == 0 else load_checkpoint(name_weights(self.config.out, step))[1]

    def time_whole(self, arch: Arch, weights: Weights) -> float | None:
        """Return the milliseconds of a whole network; None where the device is a table."""
        if self.clock is None:
            return None
        model = assemble(self.tuner.describe(arch), weights)
        return self.clock.measure(Model(model.backbone, model.head), (3, *self.space.size))
