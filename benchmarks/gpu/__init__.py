"""Training on one GPU: its speed, what a replayed step is, and a run on CamVid of so many minutes."""
