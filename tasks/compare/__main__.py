"""Compare runs: metrics, speed, size, and the options that differ.

Usage:
    python -m tasks.compare RUN RUN ...
    python -m tasks.compare RUN RUN --per-class --latency --json FILE --html FILE
"""

import argparse
import logging
from pathlib import Path
from typing import NoReturn

from tasks.cli.entry import clear_errors
from tasks.cli.terminal import guarded


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, as those of the other commands."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the command line, and leave."""
        self.exit(2, f"error: {message}; see --help\n")


def main(words: list[str] | None = None) -> None:
    """Run the command; folders are plain words here, which Hydra's grammar does not know."""
    parser = Parser(
        prog="python -m tasks.compare",
        description="Compare runs: metrics, speed, size, and the options that differ.",
        allow_abbrev=False,
        epilog="The best value of a row is starred; differences are from the first run.",
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of a training run or an evaluation")
    parser.add_argument("--per-class", action="store_true", help="AP or IoU of each class too")
    parser.add_argument("--latency", action="store_true", help="time the models, in turns, one image on one thread")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the same as JSON; an old file is replaced")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the same as a page with the runs' curves")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    given = parser.parse_args(words)
    with guarded(), clear_errors(debug=given.debug):
        logging.basicConfig(format="%(message)s", level=logging.INFO)
        from tasks.compare.command import compare_to  # late, so that --help is instant
        from tasks.trainer import quiet_libraries

        quiet_libraries()
        compare_to(
            given.runs, per_class=given.per_class, latency=given.latency, json_path=given.json, html_path=given.html
        )


if __name__ == "__main__":
    main()
