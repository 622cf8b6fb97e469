"""Pictures and figures that several commands draw."""
