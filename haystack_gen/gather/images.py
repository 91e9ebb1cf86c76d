"""Image files to pixels, as a viewer would show them."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageChops, ImageCms, ImageOps, UnidentifiedImageError

from haystack_gen.atomic import refusals_explained
from haystack_gen.errors import InputError
from haystack_gen.gather.fit import Fit, place
from haystack_gen.remote.fetched import arrive

LARGEST_PIXELS = 178_956_970
"""Most pixels an image may have: half a gibibyte as RGB."""
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")

# Pillow reads many more formats, some by starting other programs (EPS); none of them is a picture for the web.
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
_EXPECTED = "expected a PNG, JPEG, WebP, GIF, BMP or TIFF image"
_EIGHT_BITS = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "CMYK", "YCbCr")
_SIXTEEN_BITS = ("I;16", "I;16B", "I;16L", "I;16N")
_PROFILE_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_TIFF_BITS, _TIFF_PHOTOMETRIC, _WHITE_IS_ZERO = 258, 262, 0

Pixels = NDArray[np.uint8]


def read_image(path: Path) -> Image.Image:
    """The picture in a file, as 8-bit sRGB (mode "RGB"), upright, on white where it is transparent.

    Of an animation or a file of several pages it is the first. An embedded colour profile is applied; one that is
    damaged or made for another kind of pixel is ignored, as viewers do.

    Raises:
        InputError: the file is missing, not an image, cut short, of a pixel format without a usual look, or larger
            than `LARGEST_PIXELS`.
    """
    with _opened(path) as image:
        # "I" is 32 bits, but early Pillow gives it to PNGs of 16.
        deep = image.mode in _SIXTEEN_BITS or (image.mode == "I" and image.format == "PNG")
        if not deep and image.mode not in _EIGHT_BITS:
            raise InputError(f"{path}: pixels are of mode {image.mode!r}, expected 8 or 16 bits; save it as 8-bit RGB")
        image.load()
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        upright = _flattened(image)
        # Only the orientation goes with the pixels: rewriting a damaged EXIF block would fail.
        upright.info = {}
        upright.getexif()[ExifTags.Base.Orientation] = orientation
        return ImageOps.exif_transpose(upright)


def image_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels, upright, from the header alone where the format has them there.

    Raises:
        InputError: as `read_image`, but for damage in the pixels, which may go unseen.
    """
    with _opened(path) as image:
        if image.format == "TIFF":
            # Whether its size is that of the turned picture before it is loaded depends on the Pillow.
            image.load()
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        width, height = image.size
        return (height, width) if orientation in (5, 6, 7, 8) else (width, height)


def fit_image(image: Image.Image, *, size: tuple[int, int], fit: Fit) -> Pixels:
    """An RGB `image` placed on a black canvas of `size` (width, height), as uint8 of shape (height, width, 3)."""
    placement = place(image.size, size, fit)
    left, top, width, height = placement.crop
    box = (left, top, left + width, top + height)
    canvas = Image.new("RGB", placement.size)
    canvas.paste(image.resize(placement.scaled, Image.Resampling.LANCZOS, box=box), placement.offset)
    return np.array(canvas)


def sharpness(rgb: Pixels) -> float:
    """Variance of the Laplacian of the grey picture: near 0 for a flat or blurred one, hundreds for a sharp one.

    It grows with contrast and shrinks with enlargement; compare pictures of one size only.
    """
    return float(cv2.Laplacian(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var())


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    if path.is_dir():
        raise InputError(f"{path}: is a folder, {_EXPECTED}")
    arrive(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file, {_EXPECTED}; check the name")
    # Pillow warns of what a viewer would overlook and of half-large images; the limit below is the one that counts.
    with refusals_explained(path), path.open("rb") as stream, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(stream, formats=_FORMATS) as image:
                _check_pixels(path, image.width * image.height)
                yield image
        except InputError:
            raise
        except MemoryError as error:
            raise InputError(f"{path}: there is not enough memory for its pixels; scale it down") from error
        except Image.DecompressionBombError as error:
            counted = re.search(r"\d+", str(error))
            _check_pixels(path, int(counted[0]) if counted else LARGEST_PIXELS + 1)
            raise InputError(f"{path}: {error}") from error
        except UnidentifiedImageError as error:
            empty = path.stat().st_size == 0
            raise InputError(f"{path}: {'is empty' if empty else 'is not an image'}, {_EXPECTED}") from error
        except Exception as error:
            # Decoders fail in a dozen ways on damaged bytes: OSError, SyntaxError, struct.error, IndexError, …
            raise InputError(f"{path}: image is damaged or cut short ({error}); get the file again") from error


def _check_pixels(path: Path, pixels: int) -> None:
    if pixels > LARGEST_PIXELS:
        raise InputError(f"{path}: image has {pixels:,} pixels, expected at most {LARGEST_PIXELS:,}; scale it down")


def _flattened(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if image.mode not in _EIGHT_BITS:
        image = _eight_bits(image)
    elif image.mode == "CMYK" and image.format == "JPEG" and "adobe" not in image.info:
        # Pillow turns every CMYK JPEG over; only those that Adobe's marker announces are stored inverted.
        image = ImageChops.invert(image)
    if not image.has_transparency_data:
        return _in_srgb(image, profile)
    alpha = image.convert("RGBA").getchannel("A")
    opaque = image.convert("RGBA").convert("RGB")
    canvas = Image.new("RGB", image.size, "white")
    canvas.paste(_in_srgb(opaque.convert("L") if image.mode in ("L", "LA") else opaque, profile), mask=alpha)
    return canvas


def _eight_bits(image: Image.Image) -> Image.Image:
    """Sixteen-bit grey (twelve in some TIFFs) scaled, not clipped as `convert` does."""
    values = np.asarray(image).astype(np.uint32)
    tags: Any = getattr(image, "tag_v2", {})
    largest = (1 << tags.get(_TIFF_BITS, (16,))[0]) - 1
    grey = ((values * 255 + largest // 2) // largest).astype(np.uint8)
    if tags.get(_TIFF_PHOTOMETRIC) == _WHITE_IS_ZERO:
        grey = 255 - grey
    if (clear := image.info.get("transparency")) is not None:
        grey[values == clear] = 255
    return Image.fromarray(grey)


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if not profile:
        return image.convert("RGB")
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        mode = _PROFILE_MODES[source.profile.xcolor_space.strip()]
        if mode == "RGB" and image.mode != "CMYK":
            image = image.convert("RGB")
        target = ImageCms.createProfile("sRGB")
        shown = ImageCms.profileToProfile(image, source, target, outputMode="RGB") if image.mode == mode else None
    except (ImageCms.PyCMSError, OSError, KeyError):
        shown = None
    return shown or image.convert("RGB")
