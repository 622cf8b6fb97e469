"""Checks a network against what the tools of an accelerator are documented to take: a table, not a compiler's word."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tasks.formats.graph import Graph
from tasks.formats.settings import GraphSettings, Precision
from tasks.targets.layers import read_layers
from tasks.targets.network import Network
from tasks.targets.rule import TARGETS, Rule, check_name
from tasks.targets.rules import RULES

NAMED = 3  # layers that a line of the table names
CAUTION = "read from documents, not compiled"


@dataclass(frozen=True)
class Finding:
    """What a rule found in a network.

    Attributes:
        rule: the rule.
        layers: names of the layers, or settings, that it concerns.
        cures: options that cure it; those that the network has already, or its task has not, are left out.
    """

    rule: Rule
    layers: tuple[str, ...]
    cures: tuple[str, ...]

    def to_dict(self) -> dict[str, object]:
        """Return it as a row of targets.json."""
        rule = self.rule
        return {
            "about": rule.about,
            "count": len(self.layers),
            "layers": list(dict.fromkeys(self.layers)),
            "severity": rule.severity,
            "says": rule.says,
            "cures": list(self.cures),
            "source": rule.source._asdict(),
        }


def check_target(name: str, graph: Graph, *, precision: Precision) -> list[Finding]:
    """Check a graph against the rules of a target.

    Args:
        name: key of `TARGETS`.
        graph: as it is exported.
        precision: that it is exported in.

    Raises:
        InputError: if there is no such target.
    """
    check_name(name)
    return apply_rules(name, Network(read_layers(graph), graph.settings, precision))


def apply_rules(name: str, network: Network, *, foreign: Collection[str] = ()) -> list[Finding]:
    """Return what the rules of a target find in a network.

    Args:
        name: key of `TARGETS`.
        network: as it is exported.
        foreign: names of options that its task does not have, and that cure nothing in it.
    """
    found = [(rule, rule.finds(network)) for rule in RULES if rule.target == name]
    return [
        Finding(rule, tuple(layers), tuple(cure for cure in rule.cures if helps(cure, network.settings, foreign)))
        for rule, layers in found
        if layers
    ]


def helps(cure: str, settings: GraphSettings, foreign: Collection[str]) -> bool:
    """Tell whether the network's task has the option that a cure sets, and it is not set to that already."""
    option, value = cure.split("=")
    is_set = hasattr(settings, option) and str(getattr(settings, option)).lower() == value
    return option not in foreign and not is_set


def to_dict(name: str, findings: Sequence[Finding]) -> dict[str, object]:
    """Return what targets.json says of one target."""
    rows = [finding.to_dict() for finding in findings]
    return {"target": name, "title": TARGETS[name], "caution": CAUTION, "findings": rows}


def format_findings(name: str, findings: Sequence[Finding]) -> str:
    """Return findings as a text for people, three lines each."""
    heading = f"{TARGETS[name]} ({CAUTION}): "
    if not findings:
        return heading + "no finding"
    counts = Counter(finding.rule.severity for finding in findings)
    lines = [heading + ", ".join(f"{count} {severity}" for severity, count in counts.items())]
    for finding in findings:
        rule = finding.rule
        lines += [
            f"  {rule.about}, {name_layers(finding.layers)}: {rule.severity}",
            f"    {rule.says} ({rule.source.title})",
            f"    {describe_cures(finding.cures)}",
        ]
    return "\n".join(lines)


def name_layers(layers: Sequence[str]) -> str:
    """Name the first of several layers, and count them."""
    names = list(dict.fromkeys(layers))
    shown = ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")
    return f"{len(layers)}: {shown}" if len(layers) > 1 else shown


def describe_cures(cures: Sequence[str]) -> str:
    """Say what to do; options of the model itself take a training."""
    named = " or ".join(f"{cure} in training" if is_trained(cure) else cure for cure in cures)
    return named or "no option cures it"


def is_trained(cure: str) -> bool:
    """Tell options of training from those of the export."""
    return cure.startswith(("model.", "task="))
