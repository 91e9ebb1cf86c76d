"""Long-video needle-in-a-haystack benchmarks from your own videos."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from haystack_gen.reopen import open_item

__all__ = ["__version__", "open_item"]


def __getattr__(name: str) -> Any:
    """Import the heavy rooms only when asked for, so that `haystack-gen --help` is quick."""
    if name == "open_item":
        from haystack_gen.reopen import open_item

        return open_item
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
