"""The classes of predictions as tables; complete after every image, whatever comes next."""

import csv
from collections import Counter
from pathlib import Path

from data.escapes import to_utf8
from tasks.classification.prediction import ClassPrediction

WHERE = ("file", "frame", "seconds")


class Table:
    """A CSV file that is written row by row."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("w", encoding="utf-8", newline="")
        self.table = csv.writer(self.file)

    def close(self) -> None:
        """Close the file."""
        self.file.close()


class CsvResults(Table):
    """The classes that images show as a table, one line each; an image that shows none has a line without a class."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.table.writerow([*WHERE, "class", "score"])

    def write(self, prediction: ClassPrediction) -> None:
        """Add the classes of an image."""
        rows = [
            [to_utf8(prediction.classes.names[k]), round(float(prediction.scores[k]), 4)] for k in prediction.labels
        ]
        for row in rows or [[None, None]]:
            self.table.writerow([*prediction.place, *row])
        self.file.flush()


class ScoreResults(Table):
    """The scores of all classes as a table, one line an image, one column a class."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.begun = False

    def write(self, prediction: ClassPrediction) -> None:
        """Add the scores of an image."""
        if not self.begun:
            self.table.writerow([*WHERE, *map(to_utf8, prediction.classes.names)])
            self.begun = True
        self.table.writerow([*prediction.place, *(f"{score:.6f}" for score in prediction.scores)])
        self.file.flush()


class ClassTally:
    """Counts the images of each class."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def write(self, prediction: ClassPrediction) -> None:
        """Count the classes of an image."""
        self.counts.update(prediction.names)

    def add(self, other: "ClassTally") -> None:
        """Count what another process has counted."""
        self.counts += other.counts

    def close(self) -> None:
        """Do nothing: there is no file."""

    def __str__(self) -> str:
        total = self.counts.total()
        return f"{total} {'label' if total == 1 else 'labels'} of {len(self.counts)} classes"
