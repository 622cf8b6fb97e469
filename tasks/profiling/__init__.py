"""What a network costs: counted, and timed on this machine."""
