"""I/O out: plans become files."""
