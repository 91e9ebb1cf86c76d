"""Long-video needle-in-a-haystack benchmarks from your own videos."""

__version__ = "0.1.0"
