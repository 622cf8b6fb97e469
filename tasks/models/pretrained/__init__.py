"""Weights that others publish or an earlier run left, and how a run starts from them."""
