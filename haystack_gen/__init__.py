"""Long-video needle-in-a-haystack benchmarks from your own videos."""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from haystack_gen.api import audit, build_dataset, load_spec, plan_items, score, verify
    from haystack_gen.dataset import Dataset, open_dataset
    from haystack_gen.emit.rows import Row
    from haystack_gen.errors import HaystackError
    from haystack_gen.plan.items import Drop, Item
    from haystack_gen.reopen import open_item
    from haystack_gen.spec import Spec

__all__ = [
    "Dataset",
    "Drop",
    "HaystackError",
    "Item",
    "Row",
    "Spec",
    "__version__",
    "audit",
    "build_dataset",
    "load_spec",
    "open_dataset",
    "open_item",
    "plan_items",
    "score",
    "verify",
]

_HOMES = {
    "api": ("audit", "build_dataset", "load_spec", "plan_items", "score", "verify"),
    "dataset": ("Dataset", "open_dataset"),
    "emit.rows": ("Row",),
    "errors": ("HaystackError",),
    "plan.items": ("Drop", "Item"),
    "reopen": ("open_item",),
    "spec": ("Spec",),
}

if not TYPE_CHECKING:  # to a type checker, what is not named above does not exist

    def __getattr__(name):
        """Import the heavy rooms only when asked for, so that `haystack-gen --help` is quick."""
        for home, names in _HOMES.items():
            if name in names:
                return getattr(import_module(f"{__name__}.{home}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__():
        """What is imported already, and what will be when it is asked for."""
        return sorted({*globals(), *__all__})
