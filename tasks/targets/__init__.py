"""What the tools of accelerators are documented to take, and what of a network they would not."""
