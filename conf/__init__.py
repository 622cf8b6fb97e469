"""The configuration of every command, composed by Hydra: one yaml a command, and groups of choices."""

from pathlib import Path

FOLDER = Path(__file__).resolve().parent
