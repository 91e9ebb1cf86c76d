"""Heat maps show the numbers they are given: read back from the text of SVGs and from the pixels of PNGs."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from haystack_gen.errors import InputError, StorageError
from haystack_gen.judge.cells import Grid, mean, read_upstream
from haystack_gen.judge.heatmap import write_heatmap

SVG = "{http://www.w3.org/2000/svg}"
DOTS = 150 / 72  # pixels of the PNG in a unit of the SVG
VIRIDIS = {0.0: "440154", 0.25: "3b528b", 0.5: "21918c", 0.75: "5ec962", 1.0: "fde725"}  # as its makers published it


@dataclass(frozen=True)
class Said:
    """A piece of text, where it is anchored, and its colour."""

    text: str
    x: float
    y: float
    ink: str


@dataclass(frozen=True)
class Patch:
    """A rectangle of one colour."""

    left: float
    top: float
    right: float
    bottom: float
    colour: str

    @property
    def middle(self) -> tuple[float, float]:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2


class Drawing:
    """An SVG as a reader finds it, cells in their places."""

    def __init__(self, path: Path) -> None:
        self.root = ElementTree.parse(path).getroot()
        self.texts = said_in(self.root)
        self.patches = [*map(patch, self.group("QuadMesh_1"))]

    def group(self, name: str) -> ElementTree.Element:
        (found,) = [one for one in self.root.iter(f"{SVG}g") if one.get("id") == name]
        return found

    def at(self, axis: str) -> list[Said]:
        """What stands at an axis of the cells, x or y, in its order; last the axis' own name."""
        return said_in(self.group("matplotlib.axis_1" if axis == "x" else "matplotlib.axis_2"))

    def labels(self, axis: str) -> list[str]:
        return [said.text for said in self.at(axis)]

    @property
    def words(self) -> list[str]:
        return [said.text for said in self.texts]

    def cells(self) -> dict[tuple[int, int], tuple[str, str]]:
        """Colour of every cell, and the number in it, by column and row from the upper left."""
        columns = sorted({patch.left for patch in self.patches})
        rows = sorted({patch.top for patch in self.patches})
        return {
            (columns.index(patch.left), rows.index(patch.top)): (
                patch.colour,
                "".join(said.text for said in self.texts if inside(said, patch)),
            )
            for patch in self.patches
        }


def said_in(part: ElementTree.Element) -> list[Said]:
    """Text without a colour is black."""
    return [
        Said(one.text or "", float(one.get("x") or 0), float(one.get("y") or 0), *(ink or ["000000"]))
        for one in part.iter(f"{SVG}text")
        for ink in [re.findall(r"fill: #(\w{6})", one.get("style") or "")]
    ]


def patch(path: ElementTree.Element) -> Patch:
    points = [(float(x), float(y)) for x, y in re.findall(r"[ML] ([\d.]+) ([\d.]+)", path.get("d") or "")]
    columns, rows = zip(*points, strict=True)
    colour = re.findall(r"fill: #?(\w+)", path.get("style") or "")[0]
    return Patch(min(columns), min(rows), max(columns), max(rows), colour)


def inside(said: Said, patch: Patch) -> bool:
    return patch.left < said.x < patch.right and patch.top < said.y < patch.bottom


def drawn(folder: Path, grid: Grid, **options: str) -> tuple[Drawing, np.ndarray]:
    write_heatmap(grid, to=[folder / "map.svg", folder / "map.png"], **options)
    with Image.open(folder / "map.png") as picture:
        return Drawing(folder / "map.svg"), np.asarray(picture.convert("RGB"))


def block(lengths: int, depths: int, share: float = 0.5) -> dict[tuple[int, float], float]:
    return {(100 * k, d / max(depths - 1, 1)): share for k in range(1, lengths + 1) for d in range(depths)}


EXAMPLE = {
    (64, 0.0): 0.0,
    (64, 0.5): 0.25,
    (64, 1.0): 1.0,
    (128, 0.0): 0.5,
    (128, 1.0): 0.75,
}


def test_the_published_heat_map(shared_data, tmp_path):
    grid = read_upstream(shared_data / "upstream" / "v_niah_all_accuracies_m_rope.json")
    svg, _ = drawn(tmp_path, grid)
    lengths, depths = [*range(100, 3000, 200)], [0, 20, 40, 60, 80, 100]
    assert svg.labels("x") == [*map(str, lengths), "number of frames"]
    assert svg.labels("y") == [*map(str, depths), "depth (%)"]
    assert "mean of 90 cells: 78.67 %" in svg.words
    numbers = {place: number for place, (_, number) in svg.cells().items()}
    assert numbers == {
        (lengths.index(length), depths.index(round(100 * depth))): f"{100 * share:.0f}"
        for (length, depth), share in grid.items()
    }
    assert "no items" not in svg.words


def test_labels_stand_beside_their_cells(tmp_path):
    svg, _ = drawn(tmp_path, EXAMPLE)
    assert [said.x for said in svg.at("x")[:-1]] == pytest.approx(sorted({one.middle[0] for one in svg.patches}))
    down = sorted({one.middle[1] for one in svg.patches})
    assert [said.y for said in svg.at("y")[:-1]] == pytest.approx(down, abs=5), "of the baseline"


def test_colours_and_numbers_are_the_accuracies(tmp_path):
    svg, pixels = drawn(tmp_path, EXAMPLE)
    lengths, depths = (64, 128), (0.0, 0.5, 1.0)
    cells = svg.cells()
    for (length, depth), share in EXAMPLE.items():
        colour, number = cells[lengths.index(length), depths.index(depth)]
        assert (number, near(colour, VIRIDIS[share])) == (f"{100 * share:.0f}", True)
    for one in svg.patches:
        if one.colour != "none":
            x, y = one.left + (one.right - one.left) / 4, one.top + (one.bottom - one.top) / 4
            assert near(bytes(pixels[round(y * DOTS), round(x * DOTS)]).hex(), one.colour)


def near(colour: str, other: str) -> bool:
    """Whether no channel is off by more than rounding."""
    return all(abs(a - b) <= 2 for a, b in zip(bytes.fromhex(colour), bytes.fromhex(other), strict=True))


def test_a_cell_without_items_is_hatched_and_said_to_be_empty(tmp_path):
    svg, pixels = drawn(tmp_path, EXAMPLE)
    assert svg.cells()[1, 1] == ("none", "")
    (empty,) = [one for one in svg.patches if one.colour == "none"]
    rows, columns = (
        slice(round(low * DOTS) + 3, round(high * DOTS) - 3)
        for low, high in ((empty.top, empty.bottom), (empty.left, empty.right))
    )
    seen = pixels[rows, columns].reshape(-1, 3).astype(int)
    assert seen.min() > 150, "no accuracy is so light a grey"
    assert np.ptp(seen, axis=1).max() < 25, "grey"
    assert np.ptp(seen.mean(axis=1)) > 40, "and hatched"
    assert svg.words.count("no items") == 1


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_scale_is_the_same_whatever_is_on_it(tmp_path, share):
    svg, _ = drawn(tmp_path, block(2, 2, share))
    assert all(near(colour, VIRIDIS[share]) for colour, _ in svg.cells().values())
    scale = [said.text for said in svg.texts if said.x > max(patch.right for patch in svg.patches)]
    assert scale == ["0", "25", "50", "75", "100", "accuracy (%)"]


def test_needles_all_over_the_video_have_a_row_of_their_own(tmp_path):
    svg, _ = drawn(tmp_path, {(64, -1.0): 0.5, (64, 0.0): 1.0, (64, 1 / 3): 0.0}, name="ordering")
    assert svg.labels("y") == ["any", "0", "33.33", "depth (%)"]
    assert [svg.cells()[0, row][1] for row in range(3)] == ["50", "100", "0"]


def test_titles(tmp_path):
    svg, _ = drawn(tmp_path, {(64, 0.0): 1 / 3}, name="stack", axis="context")
    assert {"stack", "mean of 1 cell: 33.33 %", "length of context"} <= {*svg.words}
    assert svg.root.findtext(f"{SVG}title") == "stack, mean of 1 cell: 33.33 %"
    odd, _ = drawn(tmp_path / "odd", {(64, 0.0): 1.0}, name="$a_b^$ <b>")
    assert "$a_b^$ <b>" in odd.words


def test_the_mean_in_the_title_is_over_cells(tmp_path):
    svg, _ = drawn(tmp_path, EXAMPLE)
    assert f"mean of 5 cells: {100 * mean(EXAMPLE):.2f} %" == "mean of 5 cells: 50.00 %"
    assert "mean of 5 cells: 50.00 %" in svg.words


@pytest.mark.parametrize(
    ("lengths", "depths", "numbered"), [(1, 1, True), (12, 12, True), (29, 27, True), (30, 1, False), (1, 28, False)]
)
def test_numbers_are_written_where_they_fit(tmp_path, lengths, depths, numbered):
    svg, _ = drawn(tmp_path, block(lengths, depths))
    numbers = [number for _, number in svg.cells().values()]
    assert numbers == ["50" if numbered else ""] * (lengths * depths)


def test_numbers_can_be_read_on_every_colour(tmp_path):
    """WCAG 2.2 asks for a contrast of 4.5."""
    grid = {(k, 0.0): k / 25 for k in range(1, 26)}
    svg, _ = drawn(tmp_path, grid)
    for one in svg.patches:
        (said,) = [said for said in svg.texts if inside(said, one)]
        light, dark = sorted((luminance(said.ink), luminance(one.colour)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) > 4.5, said


def luminance(colour: str) -> float:
    parts = np.array([*bytes.fromhex(colour)]) / 255
    return float(np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ (0.2126, 0.7152, 0.0722))


@pytest.mark.parametrize(
    "grid",
    [
        {(64, 0.5): 1.0},
        {(64, -1.0): 1.0},
        block(40, 25),
        {(1_000_000 + k, 1 / 3): 0.5 for k in range(30)},
        {(100, k / 300): 0.5 for k in range(301)},
        {(k, 0.0): 0.5 for k in range(1, 401)},
        {(100, 0.0): 1.0, (200, 1.0): 0.0},
    ],
)
def test_nothing_is_cut_off(tmp_path, grid):
    """A margin remains on all sides, and no picture is larger than a screen."""
    _, pixels = drawn(tmp_path, grid, name="localization")
    inner = pixels[6:-6, 6:-6]
    assert pixels.min() < 80
    assert pixels.astype(int).sum() - inner.astype(int).sum() == 255 * (pixels.size - inner.size)
    assert max(pixels.shape) <= 1850


@pytest.mark.parametrize("sides", [(40, 1), (1, 40), (100, 100)])
def test_labels_do_not_run_into_each_other(tmp_path, sides):
    svg, _ = drawn(tmp_path, block(*sides))
    for axis in "xy":
        spots = [said.x if axis == "x" else said.y for said in svg.at(axis)[:-1]]
        assert min(np.diff(spots), default=99) > 11, "a line of type is 9 units high"


def test_same_grid_same_bytes(tmp_path):
    """In any order of cells, alone or after another format, in another process with other settings of matplotlib."""
    write_heatmap(EXAMPLE, to=[tmp_path / "a.png", tmp_path / "a.svg"], name="x")
    write_heatmap(dict(reversed(EXAMPLE.items())), to=[tmp_path / "b.svg"], name="x")
    write_heatmap(EXAMPLE, to=[tmp_path / "b.PNG"], name="x")
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nfont.size: 30\nsvg.fonttype: path\nfigure.dpi: 30\n")
    code = (
        "import sys; from pathlib import Path; from haystack_gen.judge.heatmap import write_heatmap;"
        "assert 'matplotlib' not in sys.modules;"
        f"write_heatmap({EXAMPLE}, to=[Path('c.png'), Path('c.svg')], name='x');"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    places = {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONHASHSEED": "7", "SOURCE_DATE_EPOCH": "1"}
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, cwd=tmp_path, env={**os.environ, **places})
    assert len({(tmp_path / name).read_bytes() for name in ("a.png", "b.PNG", "c.png")}) == 1
    assert len({(tmp_path / name).read_bytes() for name in ("a.svg", "b.svg", "c.svg")}) == 1
    assert b"<dc:date>" not in (tmp_path / "a.svg").read_bytes()


def test_settings_of_the_caller_stay_as_they_are(tmp_path):
    import matplotlib

    with matplotlib.rc_context({"font.size": 33}):
        before = dict(matplotlib.rcParams)
        write_heatmap(EXAMPLE, to=[tmp_path / "a.svg"])
        assert dict(matplotlib.rcParams) == before


def test_an_svg_asks_for_nothing(tmp_path):
    write_heatmap(EXAMPLE, to=[tmp_path / "a.svg"])
    text = (tmp_path / "a.svg").read_text()
    assert "<script" not in text
    assert all(link.startswith(("#", "data:image/png;")) for link in re.findall(r'href="([^"]*)', text))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("map.jpg", "map.jpg: ends in .jpg, expected .png or .svg"),
        ("map", "map: ends in no suffix, expected .png or .svg"),
    ],
)
def test_formats_that_are_not_written(tmp_path, name, message):
    with pytest.raises(InputError) as caught:
        write_heatmap(EXAMPLE, to=[tmp_path / "map.png", tmp_path / name])
    assert str(caught.value) == f"{tmp_path}/{message}"
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("grid", "found"),
    [
        ({}, "0 lengths and 0 depths"),
        ({(k, 0.0): 1.0 for k in range(1, 1502)}, "1,501 lengths and 1 depths"),
        ({(5, k / 500): 1.0 for k in range(401)}, "1 lengths and 401 depths"),
    ],
)
def test_grids_that_a_picture_has_no_room_for(tmp_path, grid, found):
    with pytest.raises(InputError) as caught:
        write_heatmap(grid, to=[tmp_path / "map.png"])
    expected = f"{tmp_path}/map.png: is to show {found}, expected 1 to 400 of each; score fewer of them"
    assert str(caught.value) == expected
    assert [*tmp_path.iterdir()] == []


def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    def full(self: Figure, part: Path, **options: object) -> None:
        part.write_bytes(b"half a picture")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", full)
    with pytest.raises(StorageError, match=r"map\.png: no space left"):
        write_heatmap(EXAMPLE, to=[tmp_path / "new" / "map.png"])
    assert [*(tmp_path / "new").iterdir()] == []
