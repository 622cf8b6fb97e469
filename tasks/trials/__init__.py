"""Trainings that a search starts, watches, ends early and goes on with: Optuna says what is tried, a folder each."""
