"""What the doctor finds out about labels, of whatever task."""
