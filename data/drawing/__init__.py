"""Draws the synthetic street scenes: what `data.synthetic` writes."""
