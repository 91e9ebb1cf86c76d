import struct
import zlib
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageFilter

from haystack_gen.errors import InputError
from haystack_gen.gather.images import LARGEST_PIXELS, fit_image, image_size, read_image, sharpness

QUADRANTS = ((250, 10, 10), (10, 250, 10), (10, 10, 250), (250, 250, 10))
"""Colours of the top-left, top-right, bottom-left and bottom-right quarter."""
ORIENTATION = 0x0112


def quadrants(width=64, height=48):
    pixels = np.zeros((height, width, 3), np.uint8)
    for index, colour in enumerate(QUADRANTS):
        top, left = divmod(index, 2)
        pixels[top * height // 2 :, left * width // 2 :] = colour
    return Image.fromarray(pixels)


def corners(image):
    width, height = image.size
    spots = ((4, 4), (width - 5, 4), (4, height - 5), (width - 5, height - 5))
    return tuple(image.getpixel(spot) for spot in spots)


def close(found, expected, tolerance):
    return np.abs(np.asarray(found, int) - np.asarray(expected, int)).max() <= tolerance


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(width, height, *, bits=8, colour=2):
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))


@pytest.mark.parametrize(
    ("suffix", "options", "tolerance"),
    [
        ("png", {}, 0),
        ("bmp", {}, 0),
        ("tif", {}, 0),
        ("webp", {"lossless": True}, 0),
        ("gif", {}, 0),
        ("jpg", {"quality": 95}, 12),
    ],
)
def test_every_format_gives_its_pixels_as_rgb(tmp_path, suffix, options, tolerance):
    path = tmp_path / f"zoo.{suffix}"
    quadrants().save(path, **options)
    image = read_image(path)
    assert image.mode == "RGB"
    assert image.size == image_size(path) == (64, 48)
    assert close(corners(image), QUADRANTS, tolerance)


STORED = {
    1: lambda upright: upright,
    2: lambda upright: upright.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    3: lambda upright: upright.transpose(Image.Transpose.ROTATE_180),
    4: lambda upright: upright.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    5: lambda upright: upright.transpose(Image.Transpose.TRANSPOSE),
    6: lambda upright: upright.transpose(Image.Transpose.ROTATE_90),
    7: lambda upright: upright.transpose(Image.Transpose.TRANSVERSE),
    8: lambda upright: upright.transpose(Image.Transpose.ROTATE_270),
}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
def test_exif_orientation_is_applied(tmp_path, suffix, orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = tmp_path / f"zoo.{suffix}"
    STORED[orientation](quadrants()).save(path, exif=exif, quality=95)
    image = read_image(path)
    assert image.size == image_size(path) == (64, 48)
    assert close(corners(image), QUADRANTS, 40)
    if suffix in ("jpg", "png"):
        assert close(np.asarray(image), cv2.imread(str(path))[:, :, ::-1], 4)


def test_a_damaged_exif_block_does_not_hide_the_picture(tmp_path):
    path = tmp_path / "zoo.png"
    quadrants().save(path, exif=b"Exif\x00\x00MM\x00\x2a\xff\xff\xff\xff" + b"\x00" * 20)
    assert corners(read_image(path)) == QUADRANTS


@pytest.mark.parametrize(("alpha", "shown"), [(0, (255, 255, 255)), (128, (255, 127, 127)), (255, (255, 0, 0))])
def test_alpha_is_shown_on_white(tmp_path, alpha, shown):
    path = tmp_path / "glass.png"
    Image.new("RGBA", (8, 8), (255, 0, 0, alpha)).save(path)
    assert close(read_image(path).getpixel((3, 3)), shown, 1)


def test_grey_with_alpha_is_shown_on_white(tmp_path):
    path = tmp_path / "glass.png"
    Image.new("LA", (8, 8), (0, 128)).save(path)
    assert close(read_image(path).getpixel((3, 3)), (127, 127, 127), 1)


@pytest.mark.parametrize("suffix", ["png", "gif"])
def test_palette_transparency_is_shown_on_white(tmp_path, suffix):
    picture = Image.new("P", (8, 8), 1)
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 0, 255])
    picture.putpixel((0, 0), 2)
    picture.save(tmp_path / f"palette.{suffix}", transparency=1)
    image = read_image(tmp_path / f"palette.{suffix}")
    assert (image.getpixel((0, 0)), image.getpixel((5, 5))) == ((0, 0, 255), (255, 255, 255))


def test_a_png_palette_of_partial_alphas_is_shown_on_white(tmp_path):
    picture = Image.new("P", (8, 8), 1)
    picture.putpalette([0, 0, 0, 255, 0, 0])
    picture.save(tmp_path / "palette.png", transparency=bytes([255, 128]))
    assert close(read_image(tmp_path / "palette.png").getpixel((5, 5)), (255, 127, 127), 1)


def test_a_transparent_colour_of_an_rgb_png_is_shown_on_white(tmp_path):
    picture = Image.new("RGB", (8, 8), (1, 2, 3))
    picture.putpixel((0, 0), (9, 9, 9))
    picture.save(tmp_path / "keyed.png", transparency=(1, 2, 3))
    image = read_image(tmp_path / "keyed.png")
    assert (image.getpixel((0, 0)), image.getpixel((5, 5))) == ((9, 9, 9), (255, 255, 255))


@pytest.mark.parametrize(("mode", "white"), [("1", 1), ("L", 255)])
def test_grey_and_bilevel_become_rgb(tmp_path, mode, white):
    picture = Image.new(mode, (8, 8), 0)
    picture.putpixel((2, 3), white)
    picture.save(tmp_path / "grey.png")
    image = read_image(tmp_path / "grey.png")
    assert (image.mode, image.getpixel((2, 3)), image.getpixel((0, 0))) == ("RGB", (255,) * 3, (0,) * 3)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path, suffix):
    ramp = np.linspace(0, 65535, 256).round().astype(np.uint16).reshape(16, 16)
    path = tmp_path / f"ramp.{suffix}"
    Image.fromarray(ramp).save(path)
    found = np.asarray(read_image(path))
    assert (found == np.arange(256, dtype=np.uint8).reshape(16, 16, 1)).all()
    assert close(found, cv2.imread(str(path)), 1)


def test_big_endian_and_compressed_sixteen_bit_tiffs_are_scaled(tmp_path):
    ramp = np.linspace(0, 65535, 256).round().astype(np.uint16).reshape(16, 16)
    Image.fromarray(ramp).save(tmp_path / "lzw.tif", compression="tiff_lzw")
    Image.frombytes("I;16B", (16, 16), ramp.astype(">u2").tobytes()).save(tmp_path / "big.tif")
    for name in ("lzw.tif", "big.tif"):
        assert (np.asarray(read_image(tmp_path / name))[..., 0].ravel() == np.arange(256)).all()


def test_white_is_zero_is_turned_over(tmp_path):
    path = tmp_path / "negative.tif"
    Image.fromarray(np.full((4, 4), 65535, np.uint16)).save(path, tiffinfo={262: 0})
    assert read_image(path).getpixel((0, 0)) == (0, 0, 0)


def test_sixteen_bit_grey_with_a_transparent_value_is_shown_on_white(tmp_path):
    values = np.full((4, 4), 1000, ">u2")
    values[0, 0] = 30000
    rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in values))
    keyed = chunk(b"tRNS", struct.pack(">H", 1000)) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    (tmp_path / "keyed.png").write_bytes(png_header(4, 4, bits=16, colour=0) + keyed)
    image = read_image(tmp_path / "keyed.png")
    assert (image.getpixel((0, 0)), image.getpixel((2, 2))) == ((117,) * 3, (255,) * 3)


def test_sixteen_bit_rgb_png_keeps_its_colours(tmp_path):
    path = tmp_path / "deep.png"
    cv2.imwrite(str(path), np.full((4, 4, 3), (0x0180, 0x8040, 0xFFFF), np.uint16))
    assert close(read_image(path).getpixel((1, 1)), (255, 0x80, 1), 1)


@pytest.mark.parametrize("mode", ["F", "I"])
def test_pixels_without_a_usual_look_are_an_error(tmp_path, mode):
    path = tmp_path / "depth.tif"
    Image.new(mode, (4, 4), 7).save(path)
    with pytest.raises(InputError, match=rf"depth.tif: pixels are of mode '{mode}', expected 8 or 16 bits"):
        read_image(path)


def adobe_marker_removed(jpeg):
    start = jpeg.index(b"\xff\xee")
    return jpeg[:start] + jpeg[start + 2 + struct.unpack(">H", jpeg[start + 2 : start + 4])[0] :]


def test_cmyk_jpegs_are_read_with_and_without_adobe_inversion(tmp_path):
    cyan_red = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    cyan_red.paste((0, 255, 255, 0), (8, 0, 16, 16))
    cyan_red.save(tmp_path / "adobe.jpg", quality=100, subsampling=0)
    image = read_image(tmp_path / "adobe.jpg")
    assert close(image.getpixel((2, 8)), (0, 255, 255), 4)
    assert close(image.getpixel((13, 8)), (255, 0, 0), 4)
    inks = BytesIO()
    Image.eval(cyan_red, lambda ink: 255 - ink).save(inks, "JPEG", quality=100, subsampling=0)
    (tmp_path / "plain.jpg").write_bytes(adobe_marker_removed(inks.getvalue()))
    assert close(np.asarray(read_image(tmp_path / "plain.jpg")), np.asarray(image), 4)


def test_cmyk_tiff(tmp_path):
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "red.tif")
    assert read_image(tmp_path / "red.tif").getpixel((1, 1)) == (255, 0, 0)


def swapped_profile():
    """An sRGB profile whose red and green primaries have changed places."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    entries = {bytes(profile[i : i + 4]): i for i in range(132, 132 + 12 * profile[131], 12)}
    red, green = entries[b"rXYZ"], entries[b"gXYZ"]
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_an_embedded_profile_is_applied(tmp_path, mode):
    path = tmp_path / "profiled.png"
    Image.new("RGB", (8, 8), (255, 0, 0)).convert(mode).save(path, icc_profile=swapped_profile())
    assert close(read_image(path).getpixel((1, 1)), (0, 255, 0), 3)


def test_an_srgb_profile_changes_next_to_nothing(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for name, picture in {"grey": Image.linear_gradient("L"), "colour": quadrants()}.items():
        picture.save(tmp_path / f"{name}.png", icc_profile=profile)
        shown = np.asarray(read_image(tmp_path / f"{name}.png"))
        assert close(shown, np.asarray(picture.convert("RGB")), 1)


@pytest.mark.parametrize(
    ("mode", "suffix", "profile"),
    [("RGB", "png", b"not a profile"), ("LA", "png", b"not a profile"), ("CMYK", "tif", swapped_profile())],
)
def test_a_profile_that_does_not_fit_is_ignored(tmp_path, mode, suffix, profile):
    path = tmp_path / f"odd.{suffix}"
    Image.new("RGB", (8, 8), (255, 0, 0)).convert(mode).save(path, icc_profile=profile)
    assert read_image(path).getpixel((1, 1)) == ((76, 76, 76) if mode == "LA" else (255, 0, 0))


def test_the_picture_is_pixels_alone(tmp_path):
    path = tmp_path / "noted.jpg"
    exif = Image.Exif()
    exif[ORIENTATION], exif[0x010E] = 6, "a description"
    quadrants().save(path, exif=exif, dpi=(300, 300), comment="mine", icc_profile=swapped_profile())
    image = read_image(path)
    assert image.info == {}
    assert not image.getexif()


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_the_first_frame_of_an_animation_counts(tmp_path, suffix):
    path = tmp_path / f"moving.{suffix}"
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=40, lossless=True)
    assert read_image(path).getpixel((3, 3)) == (255, 0, 0)


def test_a_missing_file_a_folder_and_other_bytes_are_errors(tmp_path):
    (tmp_path / "notes.png").write_text("not a picture")
    (tmp_path / "nothing.png").write_bytes(b"")
    (tmp_path / "vector.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n")
    for name, fault in {
        "zoo.png": "no such file, expected a PNG, .*; check the name",
        ".": "is a folder, expected a PNG",
        "notes.png": "notes.png: is not an image, expected a PNG",
        "nothing.png": "nothing.png: is empty, expected a PNG",
        "vector.eps": "vector.eps: is not an image, expected a PNG",
    }.items():
        for reader in (read_image, image_size):
            with pytest.raises(InputError, match=fault):
                reader(tmp_path / name)


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "tif", "webp"])
def test_a_truncated_image_is_an_error(tmp_path, suffix):
    path = tmp_path / f"cut.{suffix}"
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=rf"cut.{suffix}: (image is damaged or cut short \(|is not an image)"):
        read_image(path)


@pytest.mark.parametrize(("width", "height"), [(13378, 13377), (30000, 30000), (2**31 - 1, 2**31 - 1)])
def test_a_decompression_bomb_is_refused_by_its_header(tmp_path, width, height):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(width, height) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b""))
    assert width * height > LARGEST_PIXELS
    for reader in (read_image, image_size):
        with pytest.raises(InputError, match=rf"bomb.png: image has {width * height:,} pixels, .*; scale it down"):
            reader(path)


def test_the_limit_holds_whatever_pillow_is_set_to(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(30_000, 30_000) + chunk(b"IDAT", zlib.compress(b"")))
    with pytest.raises(InputError, match=r"bomb.png: image has 900,000,000 pixels, expected at most 178,956,970"):
        read_image(path)


def test_a_large_image_below_the_limit_gives_no_warning(tmp_path, recwarn):
    path = tmp_path / "large.png"
    exif = chunk(b"eXIf", b"MM\x00\x2a\x00\x00\x00\x08\x00\x00\x00\x00")
    path.write_bytes(png_header(10_000, 10_000) + exif + chunk(b"IDAT", zlib.compress(b"")))
    assert image_size(path) == (10_000, 10_000)
    assert not recwarn


@pytest.mark.parametrize(("width", "height"), [(0, 8), (8, 0), (0, 0)])
def test_an_image_without_pixels_is_an_error(tmp_path, width, height):
    path = tmp_path / "flat.png"
    path.write_bytes(png_header(width, height) + chunk(b"IDAT", zlib.compress(b"\0" * 8)) + chunk(b"IEND", b""))
    with pytest.raises(InputError, match=r"flat.png: is not an image, expected a PNG"):
        read_image(path)


def encoded(suffix):
    stream = BytesIO()
    quadrants(16, 12).save(stream, suffix, exif=Image.Exif())
    return stream.getvalue()


HEALTHY = {suffix: encoded(suffix) for suffix in ("png", "jpeg", "gif", "bmp", "tiff", "webp")}


@settings(max_examples=150, deadline=None)
@given(suffix=st.sampled_from(sorted(HEALTHY)), data=st.data())
def test_damaged_bytes_end_in_a_picture_or_an_input_error(tmp_path_factory, suffix, data):
    damaged = bytearray(HEALTHY[suffix])
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / f"fuzz.{suffix}"
    path.write_bytes(damaged)
    for reader in (read_image, image_size):
        with suppress(InputError):
            reader(path)


def test_letterbox_centres_the_picture_on_black():
    canvas = fit_image(quadrants(64, 64), size=(128, 64), fit="letterbox")
    assert (canvas.shape, canvas.dtype) == ((64, 128, 3), np.uint8)
    assert not canvas[:, :32].any()
    assert not canvas[:, 96:].any()
    assert tuple(canvas[4, 36]) == QUADRANTS[0]
    assert tuple(canvas[60, 92]) == QUADRANTS[3]


def test_crop_fills_the_frame_and_stretch_distorts():
    wide = quadrants(128, 64)
    wide.paste((255, 255, 255), (0, 0, 16, 64))
    assert tuple(fit_image(wide, size=(64, 64), fit="crop")[4, 0]) == QUADRANTS[0]
    assert tuple(fit_image(wide, size=(64, 64), fit="stretch")[4, 2]) == (255, 255, 255)


def test_a_one_pixel_picture_fits_any_frame():
    for fit in ("letterbox", "crop", "stretch"):
        for size in ((1, 1), (1, 5000), (5000, 1)):
            canvas = fit_image(Image.new("RGB", size, "red"), size=(32, 18), fit=fit)
            assert canvas.shape == (18, 32, 3)
            assert canvas[9, 16].tolist() == [255, 0, 0] or fit == "letterbox"
            assert (canvas == [255, 0, 0]).all(axis=2).any()


def test_sharpness_falls_with_blur_and_is_zero_when_flat():
    noise = Image.fromarray(np.random.default_rng(2).integers(0, 256, (64, 64, 3), np.uint8))
    soft, softer = (noise.filter(ImageFilter.GaussianBlur(radius)) for radius in (1, 3))
    values = [sharpness(np.asarray(image)) for image in (noise, soft, softer)]
    assert values[0] > 10 * values[1] > 100 * values[2] > 0
    assert sharpness(np.full((8, 8, 3), 77, np.uint8)) == 0.0


def test_published_needles_are_read_as_another_decoder_reads_them(shared_data: Path):
    for path in sorted((shared_data / "needles").iterdir()):
        image = read_image(path)
        other = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert image.size == image_size(path) == (other.shape[1], other.shape[0])
        if other.shape[2] == 3:
            assert close(np.asarray(image), other[:, :, ::-1], 1)
