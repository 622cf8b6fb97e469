"""Pictures that two splits share, or that one split has twice."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from data.findings import Finding, Report
from tasks.doctor.duplicates import find_matches
from tasks.doctor.images import ImageFacts


class Pair(NamedTuple):
    """Two files that show the same picture."""

    splits: tuple[str, str]
    paths: tuple[str, str]
    identical: bool  # byte by byte
    bits: int  # that their hashes differ by
    difference: float  # of their thumbnails


def find_pairs(splits: Mapping[str, Sequence[ImageFacts]]) -> list[Pair]:
    """Find the pictures of each split that an earlier one has too, the same files first; of each the best match."""
    pairs = []
    for (first, ours), (second, theirs) in combinations(splits.items(), 2):
        left, right = ([fact for fact in facts if fact.bits is not None] for facts in (ours, theirs))
        if not left or not right:
            continue
        bits = (np.array([fact.bits for fact in left]), np.array([fact.bits for fact in right]))
        pictures = (np.array([fact.thumbnail for fact in left]), np.array([fact.thumbnail for fact in right]))
        for match in find_matches(bits, pictures):
            one, other = left[match.first], right[match.second]
            same = one.content == other.content
            pairs.append(Pair((first, second), (one.path, other.path), same, match.bits, match.difference))
    return sorted(pairs, key=lambda pair: (not pair.identical, pair.difference))


def check_pairs(pairs: Iterable[Pair], report: Report) -> None:
    """Report pictures that two splits share."""
    for pair in pairs:
        first, second = pair.splits
        where = f"{pair.paths[1]} ({second})"
        cure = "keep it in one split: metrics on training images mean nothing"
        if pair.identical:
            found = f"the same file as {pair.paths[0]} ({first})"
            report(Finding("warning", "same file in two splits", where, found, cure))
        else:
            found = f"looks like {pair.paths[0]} ({first}); {pair.bits} of 64 bits differ"
            report(Finding("warning", "same image in two splits", where, found, f"look at duplicates.jpg; {cure}"))


def check_copies(splits: Mapping[str, Sequence[ImageFacts]], report: Report) -> None:
    """Report files that stand twice in one split, byte by byte."""
    for facts in splits.values():
        groups: dict[str, list[str]] = defaultdict(list)
        for fact in facts:
            if fact.content:
                groups[fact.content].append(fact.path)
        for first, *others in groups.values():
            for path in others:
                cure = "remove one, unless it should count twice; check whether their labels agree"
                report(Finding("note", "same file twice in a split", str(path), f"the same file as {first}", cure))
