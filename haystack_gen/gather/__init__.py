"""I/O in: media and packs become facts."""
