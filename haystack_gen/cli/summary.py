"""What a plan amounts to, before anything is made."""

from collections import Counter
from typing import Any

from haystack_gen.emit.videos import Videos
from haystack_gen.plan.items import Drop, Item
from haystack_gen.spec import Spec

# Bytes per pixel at quantiser 20 and one frame per second: 0.04 to 0.14 on three real clips; less at native rates.
_BYTES_PER_PIXEL = 0.1


class Summary:
    """Counts items, drops, videos and their frames as they are planned."""

    def __init__(self, spec: Spec) -> None:
        """Nothing is planned yet."""
        self._spec = spec
        self._videos = Videos()
        self._count = self._frames = self._distractors = 0
        self._families: Counter[str] = Counter()
        self._drops: Counter[str] = Counter()
        self._cells: Counter[tuple[object, ...]] = Counter()

    def add(self, planned: Item | Drop) -> None:
        """Count one more.

        Raises:
            InputError: it gives a video id another timeline than one before it.
        """
        if isinstance(planned, Drop):
            self._drops[planned.reason] += 1
            return
        for video in self._videos.new_of(planned):
            self._count += 1
            self._frames += video.timeline.length
        self._families[planned.task] += 1
        self._distractors += len(planned.distractors)
        length, depth = planned.requested_length, planned.requested_depth
        self._cells[planned.task, planned.context_length, length, depth] += 1

    def as_json(self) -> dict[str, Any]:
        """Everything counted; `size_bytes` is an estimate."""
        width, height = self._spec.haystack.size
        return {
            "name": self._spec.name,
            "seed": self._spec.seed,
            "lengths": list(self._spec.grid.lengths),
            "depths": [str(depth) for depth in self._spec.grid.depths],
            "cells": len(self._cells),
            "items": self._families.total(),
            "families": dict(self._families),
            "videos": self._count,
            "dropped": dict(self._drops),
            "frames": self._frames,
            "distractors": self._distractors,
            "size_bytes": round(self._frames * width * height * _BYTES_PER_PIXEL),
        }

    def as_table(self) -> list[tuple[str, object]]:
        """The same for people."""
        counted = self.as_json()
        per_cell = sorted(set(self._cells.values()))
        trials = "" if not per_cell else f" of {per_cell[0]}" + (f" to {per_cell[-1]}" if len(per_cell) > 1 else "")
        hours = self._frames / self._spec.haystack.fps / 3600
        rows: list[tuple[str, object]] = [
            ("preset", f"{counted['name']}, seed {counted['seed']}"),
            ("lengths", " ".join(map(str, counted["lengths"]))),
            ("depths", " ".join(counted["depths"])),
            ("cells", f"{counted['cells']}{trials} items"),
            ("items", counted["items"]),
            *((f"  {family}", count) for family, count in self._families.items() if len(self._families) > 1),
            *([("videos", self._count)] if self._count != counted["items"] else []),
            ("distractors", counted["distractors"]),
            ("frames", f"{counted['frames']:,} ({float(hours):,.1f} hours of video)"),
            ("size", f"about {counted['size_bytes'] / 1e9:,.2f} GB as video"),
        ]
        return rows + [("dropped", f"{count}: {reason}") for reason, count in self._drops.items()]
