"""Faults that are provoked on purpose, and how many of them the program held against."""
