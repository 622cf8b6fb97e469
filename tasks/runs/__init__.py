"""One training run: its folder, what it starts from, what goes on beside its steps, what it says."""
