"""What a run's folder says, as one HTML page and beside other runs."""
