"""The page of a search over rows: what every search shows, the metric against the latency, the Pareto front."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from tasks.report.charts import Line, draw_lines
from tasks.report.curves import Chart
from tasks.search.plan import LATENCY, CandidatePlan
from tasks.trials.outcome import Outcome, read_outcome
from tasks.trials.page import PALE, write_outcome

if TYPE_CHECKING:
    from optuna.study import Study

JUDGED = "reward"


@dataclass(frozen=True)
class Candidate:
    """A network with a latency and, once it has been evaluated, a metric.

    Attributes:
        number: of its trial.
        latency: milliseconds.
        reward: what it is worth; None where it was never evaluated.
        finished: whether its training came to its end.
    """

    number: int
    latency: float
    reward: float | None
    finished: bool


def list_candidates(study: "Study") -> list[Candidate]:
    """Return the candidates of a study whose latency is known."""
    found = []
    for trial in study.get_trials(deepcopy=False):
        if LATENCY in trial.user_attrs:
            finished = trial.state.name == "COMPLETE"
            scores = dict(sorted(trial.intermediate_values.items()))
            value = trial.value if finished else next(reversed(scores.values()), None)
            found.append(Candidate(trial.number, trial.user_attrs[LATENCY], value, finished))
    return found


def find_metric(candidate: Candidate, plan: CandidatePlan) -> float:
    """Return the metric of a candidate out of its reward."""
    return (candidate.reward or 0.0) / (candidate.latency / plan.target) ** plan.config.power


def find_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return the positions of the (latency, metric) that none beats in both, the quickest first."""
    order = sorted(range(len(points)), key=lambda index: (points[index][0], -points[index][1]))
    front: list[int] = []
    for index in order:
        if not front or points[index][1] > points[front[-1]][1]:
            front.append(index)
    return front


def write_search(plan: CandidatePlan, study: "Study", outcome: Outcome, finals: "Study | None" = None) -> None:
    """Write the page of the candidates, and of those trained in full where there are any."""
    candidates = list_candidates(study)
    finished = [candidate for candidate in candidates if candidate.finished]
    points = [(candidate.latency, find_metric(candidate, plan)) for candidate in finished]
    front = [finished[index] for index in find_front(points)]
    write_outcome(
        outcome,
        title="Search",
        judged=JUDGED,
        charts=[draw_front(plan, candidates, finals)],
        numbers=list_numbers(plan, finished),
        target_ms=plan.target,
        exponent=plan.config.power,
        candidates=[{**asdict(each), plan.metric: find_metric(each, plan)} for each in finished],
        front=[each.number for each in front],
    )


def list_numbers(plan: CandidatePlan, candidates: Sequence[Candidate]) -> dict[str, dict[int, float]]:
    """Return the metric and the milliseconds of each candidate."""
    metrics = {candidate.number: find_metric(candidate, plan) for candidate in candidates}
    return {plan.metric: metrics, "ms": {candidate.number: candidate.latency for candidate in candidates}}


def write_finals(plan: CandidatePlan, candidates: "Study", study: "Study", outcome: Outcome) -> None:
    """Write the page of the trainings in full, and that of the candidates anew."""
    numbers = list_numbers(plan, list_candidates(study))
    write_outcome(outcome, title="Search, trained in full", judged=JUDGED, numbers=numbers, target_ms=plan.target)
    write_search(plan, candidates, read_outcome(candidates, plan.metric, plan.shared, plan.config.out), study)


def draw_front(plan: CandidatePlan, candidates: Sequence[Candidate], finals: "Study | None") -> Chart | None:
    """Draw the metric of all candidates against their latency, the Pareto front and the target."""
    known = [candidate for candidate in candidates if candidate.reward is not None]
    finished = [candidate for candidate in known if candidate.finished]
    points = [(candidate.latency, find_metric(candidate, plan)) for candidate in finished]
    x, y = (np.array([points[index][axis] for index in find_front(points)]) for axis in (0, 1))
    best = [each for each in list_candidates(finals) if each.finished] if finals is not None else []
    top = max((find_metric(each, plan) for each in (*known, *best)), default=0.0)
    lines = [
        Line("target", np.array([plan.target, plan.target]), np.array([0.0, top]), color=3, faint=True),
        *(dot(each, plan, 0 if each.finished else PALE) for each in known),
        Line("Pareto front", x, y, color=1),
        *(dot(each, plan, 2, "trained in full" if each is best[0] else "") for each in best),
    ]
    return draw_lines(
        lines, title=f"{plan.metric} and latency", xlabel="ms", note="Dots: candidates; grey: ended early."
    )


def dot(candidate: Candidate, plan: CandidatePlan, color: int, name: str = "") -> Line:
    """Return the dot of one network."""
    return Line(name, np.array([candidate.latency]), np.array([find_metric(candidate, plan)]), color=color)
