"""The paper's tables beside what is counted here: every row built, and how far its figures are from the printed."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import nn

from backbones.baselines import BASELINES
from backbones.zoo import import_timm
from tasks.benchmark.paper import TABLES, PaperRow, Table
from tasks.models.architecture import Arch
from tasks.models.network import build_model
from tasks.profiling.counting import CONVENTIONS, count_madds, count_parameters

UNITS = {"M": 1e6, "B": 1e9}


def compare(number: int) -> dict[str, Any]:
    """Build every row of one of `TABLES` and set its figures beside the printed ones."""
    table = TABLES[number]
    convention = CONVENTIONS[table.convention]
    return {
        "table": number,
        "title": table.title,
        "metric": table.metric,
        "input": list(table.size),
        "unit": table.unit,
        "convention": {"name": table.convention, "params": convention.parameters, "madds": convention.madds},
        "note": table.note,
        "versions": list_versions(),
        "rows": [compare_row(row, table) for row in table.rows],
    }


def compare_row(row: PaperRow, table: Table) -> dict[str, Any]:
    """Count one row; its counts are None where it needs timm, which is not installed."""
    convention = CONVENTIONS[table.convention]
    try:
        model = build_row(row)
    except ModuleNotFoundError as error:
        params, madds, note = None, None, str(error)
    else:
        params, note = count_parameters(model, norms=convention.norms), ""
        madds = count_madds(model, table.size, formulas=convention.formulas)
    return {
        "name": row.name,
        "metric": float(row.metric),
        "params": params,
        "paper_params_m": float(row.params),
        "params_match": rounds_to(params, row.params, "M"),
        "params_difference": difference(params, row.params, "M"),
        "madds": madds,
        "paper_madds_b": float(row.madds) * UNITS[table.unit] / UNITS["B"],
        "madds_match": rounds_to(madds, row.madds, table.unit),
        "madds_difference": difference(madds, row.madds, table.unit),
        "printed": {"metric": row.metric, "params": row.params, "madds": row.madds},
        "note": note,
    }


def build_row(row: PaperRow) -> nn.Module:
    """Build a row's network without memory for its weights, in evaluation mode.

    Raises:
        ModuleNotFoundError: if it needs timm and that is not installed.
    """
    network = row.network
    if not isinstance(network, Arch) or network.backbone in BASELINES:
        timm = import_timm()
    with torch.device("meta"):
        model = build_model(network) if isinstance(network, Arch) else timm.create_model(network)
    return model.eval()


def rounds_to(count: int | None, printed: str, unit: str) -> bool | None:
    """Tell whether a count rounds to a printed figure: 4966591 to "4.97" millions."""
    if count is None:
        return None
    decimals = len(printed.partition(".")[2])
    return f"{count / UNITS[unit]:.{decimals}f}" == f"{float(printed):.{decimals}f}"


def difference(count: int | None, printed: str, unit: str) -> float | None:
    """Return how far a count is from a printed figure, as a share of that."""
    return None if count is None else round(count / UNITS[unit] / float(printed) - 1, 5)


def list_versions() -> dict[str, str]:
    """Return the versions that the counts depend on."""
    versions = {"torch": str(torch.__version__)}
    try:
        return {**versions, "timm": str(import_timm().__version__)}
    except ModuleNotFoundError:
        return versions


def render_table(results: dict[str, Any]) -> str:
    """Write the comparison with a table of the paper as Markdown."""
    unit, metric, convention = results["unit"], results["metric"], results["convention"]
    header = ["row", f"{metric} (paper)", "parameters (M)", "paper", "difference"]
    lines = [[*header, f"multiply-adds ({unit})", "paper", "difference"]]
    for row in results["rows"]:
        printed = row["printed"]
        params = figures(row, "params", printed["params"], unit="M")
        lines.append([row["name"], printed["metric"], *params, *figures(row, "madds", printed["madds"], unit=unit)])
    height, width = results["input"]
    return "\n".join(
        [
            f"### Table {results['table']}: {results['title']}",
            "",
            *markdown(lines),
            "",
            f"Input: {height} x {width}. Parameters: {convention['params']}.",
            f"Multiply-adds: {convention['madds']}.",
            '"=": rounds to the printed digits. ' + results["note"],
            "Counted with " + ", ".join(f"{name} {version}" for name, version in results["versions"].items()) + ".",
            "",
        ]
    )


def figures(row: dict[str, Any], key: str, printed: str, *, unit: str) -> list[str]:
    """Return the cells of one count: here, in the paper, difference."""
    if row[key] is None:
        return ["-", printed, row["note"]]
    decimals = len(printed.partition(".")[2]) + 1
    counted = f"{row[key] / UNITS[unit]:.{decimals}f}"
    return [counted, printed, "=" if row[f"{key}_match"] else f"{100 * row[f'{key}_difference']:+.1f} %"]


def markdown(lines: Sequence[Sequence[str]]) -> Iterable[str]:
    """Yield the lines of a Markdown table: its header, then its rows; numbers stand at the right."""
    header, *rows = lines
    yield f"| {' | '.join(header)} |"
    yield f"|---|{'---:|' * (len(header) - 1)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
