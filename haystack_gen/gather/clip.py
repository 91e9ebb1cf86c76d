"""CLIP models as embedders; torch and open_clip are imported here alone, once a model is asked for."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from difflib import get_close_matches
from os import cpu_count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from haystack_gen.errors import InputError, MissingExtraError
from haystack_gen.gather.images import Pixels
from haystack_gen.workspace import sha256_of

_BATCH = 64  # pictures that go through the model at once
_PREPARERS = min(8, cpu_count() or 1)


class OpenClip:
    """The image tower of an open_clip model, in 32-bit floats, on CUDA where there is one.

    A row depends on the other pictures of its batch by rounding noise alone, some 1e-7. The model's own preparation
    is used: most models scale the shorter side and see the square in the middle.
    """

    def __init__(self, model: str, weights: str) -> None:
        """Load `model` with `weights`: a tag that open_clip knows for it, fetched on first use, or a checkpoint file.

        A file is read as data, never run. With one, pictures are prepared with CLIP's usual mean and deviation.

        Raises:
            MissingExtraError: open_clip is not installed.
            InputError: there is no such model, tag or file, or the weights cannot be fetched or do not fit.
        """
        open_clip = _import_open_clip()
        import torch

        asked = f"open_clip:{model}/{weights}"
        file = _weights_file(open_clip, model=model, weights=weights)
        loaded, _, self._prepare = _load(open_clip, model=model, weights=weights, is_file=file is not None)
        self._torch = torch
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._model = loaded.eval().to(self._device)
        self.name = asked if file is None else f"open_clip:{model}/sha256-{sha256_of(file)[:16]}"
        self.dimensions = int(open_clip.get_model_config(model)["embed_dim"])

    def embed(self, images: Sequence[Pixels]) -> NDArray[np.float32]:
        """One row of length 1 for each picture (uint8, height x width x RGB)."""
        rows = np.empty((len(images), self.dimensions), np.float32)
        for start in range(0, len(images), _BATCH):
            rows[start : start + _BATCH] = self.encode(self.ready(images[start : start + _BATCH]))
        return rows

    def ready(self, images: Sequence[Pixels]) -> Any:
        """A batch as the model wants it: a tensor of scaled and normalised pictures, in memory of the CPU."""
        with ThreadPoolExecutor(_PREPARERS) as threads:
            return self._torch.stack(list(threads.map(lambda image: self._prepare(Image.fromarray(image)), images)))

    def encode(self, batch: Any) -> NDArray[np.float32]:
        """Rows of length 1 for a batch from `ready`."""
        with self._torch.inference_mode():
            rows = self._model.encode_image(batch.to(self._device), normalize=True)
        return np.asarray(rows.float().cpu().numpy(), np.float32)


def _import_open_clip() -> Any:
    try:
        import open_clip
    except Exception as error:  # a torchvision built for another torch fails with whatever its registration raises
        if isinstance(error, ModuleNotFoundError) and error.name == "open_clip":
            raise MissingExtraError("open_clip_torch", "clip", "embedding with CLIP") from None
        raise InputError(
            f"open_clip is installed but does not import ({_first_line(error)}); most often torch and torchvision are "
            "of different builds: reinstall both together, pip install --force-reinstall torch torchvision"
        ) from error
    return open_clip


def _weights_file(open_clip: Any, *, model: str, weights: str) -> Path | None:
    """The checkpoint file that `weights` names; None if it is a tag."""
    models = open_clip.list_models()
    if model not in models:
        near = ", ".join(get_close_matches(model, models, n=5, cutoff=0.4)) or ", ".join(models[:5])
        raise InputError(f"open_clip has no model {model!r}; near names: {near}")
    tags = open_clip.list_pretrained_tags_by_model(model)
    if weights in tags:
        return None
    if not Path(weights).is_file():
        known = ", ".join(sorted(tags)) or "none"
        raise InputError(
            f"open_clip:{model}/{weights}: {weights!r} is neither a checkpoint file that exists nor pretrained weights "
            f"of {model}; it has: {known}"
        )
    return Path(weights)


def _load(open_clip: Any, *, model: str, weights: str, is_file: bool) -> Any:
    try:
        return open_clip.create_model_and_transforms(model, pretrained=weights, weights_only=True)
    except Exception as error:  # the hub, urllib, torch and open_clip fail each in their own ways
        reason = _first_line(error)
        if is_file:
            raise InputError(
                f"{weights}: not a checkpoint of open_clip's {model} ({reason}); give one saved from that model"
            ) from error
        raise InputError(
            f"open_clip:{model}/{weights}: the weights could not be loaded ({reason}); without a network, fetch a "
            f"checkpoint elsewhere and name the file: open_clip:{model}/FILE"
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
