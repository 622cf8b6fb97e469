"""Draws the synthetic street scenes: what `data.synthetic.writing` writes."""
