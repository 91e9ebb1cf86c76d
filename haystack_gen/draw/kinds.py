"""What can be drawn: the kinds of object, their names, sizes and parts."""

from collections.abc import Callable
from dataclasses import dataclass

from haystack_gen.draw import objects_air as air
from haystack_gen.draw import objects_animals as animals
from haystack_gen.draw import objects_buildings as buildings
from haystack_gen.draw import objects_garden as garden
from haystack_gen.draw import objects_home as home
from haystack_gen.draw import objects_party as party
from haystack_gen.draw import objects_vehicles as vehicles
from haystack_gen.draw.colors import COLORS
from haystack_gen.draw.paint import Color, Pen


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of object.

    `draw(pen, color)` paints it standing on (0, 0), within `wide` units across and `tall` up. `is_colored` completes
    "What color ...?" and names the part that takes the color. `airborne` kinds float instead of standing.
    A `bystander` is company or an impostor in a lure and never a key, so that no key turns up where it is not asked.
    """

    name: str
    family: str
    draw: Callable[[Pen, Color], None]
    wide: float
    tall: float
    is_colored: str = "is it"
    airborne: bool = False
    bystander: bool = False
    without: tuple[str, ...] = ()
    irregular: str = ""

    @property
    def plural(self) -> str:
        """The name of several."""
        return self.irregular or f"{self.name}s"

    @property
    def colors(self) -> tuple[str, ...]:
        """The colors that read clearly on this kind."""
        return tuple(color for color in COLORS if color not in self.without)


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            name="hot-air balloon",
            family="air",
            draw=air.hot_air_balloon,
            wide=78,
            tall=100,
            airborne=True,
            without=("white",),
        ),
        Kind(name="rocket", family="air", draw=air.rocket, wide=60, tall=100),
        Kind(name="kite", family="air", draw=air.kite, wide=74, tall=106, airborne=True),
        Kind(name="airplane", family="air", draw=air.airplane, wide=122, tall=64, airborne=True),
        Kind(name="airship", family="air", draw=air.airship, wide=126, tall=60, airborne=True, bystander=True),
        Kind(name="steam train", family="vehicle", draw=vehicles.steam_train, wide=128, tall=106, without=("black",)),
        Kind(name="car", family="vehicle", draw=vehicles.car, wide=118, tall=56),
        Kind(name="bus", irregular="buses", family="vehicle", draw=vehicles.bus, wide=128, tall=64),
        Kind(name="bicycle", family="vehicle", draw=vehicles.bicycle, wide=120, tall=78, without=("black",)),
        Kind(name="sailboat", family="vehicle", draw=vehicles.sailboat, wide=108, tall=100, without=("brown",)),
        Kind(
            name="tractor",
            family="vehicle",
            draw=vehicles.tractor,
            wide=118,
            tall=92,
            bystander=True,
            without=("white", "black"),
        ),
        Kind(name="lighthouse", family="building", draw=buildings.lighthouse, wide=64, tall=100, without=("white",)),
        Kind(
            name="house",
            family="building",
            draw=buildings.house,
            wide=106,
            tall=96,
            is_colored="is its roof",
            without=("white",),
        ),
        Kind(name="windmill", family="building", draw=buildings.windmill, wide=96, tall=106, without=("white",)),
        Kind(
            name="castle",
            family="building",
            draw=buildings.castle,
            wide=112,
            tall=110,
            is_colored="are its roofs",
            without=("white",),
        ),
        Kind(name="tent", family="building", draw=buildings.tent, wide=136, tall=76, bystander=True),
        Kind(
            name="mailbox",
            irregular="mailboxes",
            family="building",
            draw=buildings.mailbox,
            wide=84,
            tall=101,
            bystander=True,
        ),
        Kind(name="cat", family="animal", draw=animals.cat, wide=90, tall=98),
        Kind(name="owl", family="animal", draw=animals.owl, wide=80, tall=98),
        Kind(
            name="giraffe",
            family="animal",
            draw=animals.giraffe,
            wide=86,
            tall=102,
            is_colored="is its scarf",
            without=("orange", "yellow", "brown"),
        ),
        Kind(
            name="penguin",
            family="animal",
            draw=animals.penguin,
            wide=86,
            tall=98,
            is_colored="is its scarf",
            without=("black", "white"),
        ),
        Kind(name="elephant", family="animal", draw=animals.elephant, wide=130, tall=94),
        Kind(
            name="duck",
            family="animal",
            draw=animals.duck,
            wide=128,
            tall=108,
            bystander=True,
            without=("purple", "black"),
        ),
        Kind(name="rabbit", family="animal", draw=animals.rabbit, wide=64, tall=104, bystander=True),
        Kind(
            name="snail",
            family="animal",
            draw=animals.snail,
            wide=132,
            tall=80,
            is_colored="is its shell",
            bystander=True,
            without=("white",),
        ),
        Kind(name="teapot", family="home", draw=home.teapot, wide=124, tall=92),
        Kind(name="umbrella", family="home", draw=home.umbrella, wide=114, tall=100),
        Kind(name="lamp", family="home", draw=home.lamp, wide=70, tall=98, is_colored="is its shade"),
        Kind(
            name="clock",
            family="home",
            draw=home.clock,
            wide=86,
            tall=100,
            is_colored="is its case",
            without=("white",),
        ),
        Kind(name="guitar", family="home", draw=home.guitar, wide=62, tall=100),
        Kind(
            name="fish bowl",
            family="home",
            draw=home.fish_bowl,
            wide=102,
            tall=88,
            is_colored="is the fish in it",
            without=("white",),
        ),
        Kind(name="armchair", family="home", draw=home.armchair, wide=116, tall=98, bystander=True),
        Kind(
            name="birthday cake",
            family="home",
            draw=party.birthday_cake,
            wide=106,
            tall=100,
            is_colored="is its icing",
            without=("white",),
        ),
        Kind(
            name="gift box",
            irregular="gift boxes",
            family="home",
            draw=party.gift_box,
            wide=90,
            tall=96,
            bystander=True,
            without=("white",),
        ),
        Kind(name="drum", family="home", draw=party.drum, wide=92, tall=92, bystander=True, without=("white",)),
        Kind(
            name="cactus",
            irregular="cactuses",
            family="garden",
            draw=garden.cactus,
            wide=62,
            tall=104,
            is_colored="is its pot",
            without=("green",),
        ),
        Kind(
            name="mushroom",
            family="garden",
            draw=garden.mushroom,
            wide=102,
            tall=96,
            is_colored="is its cap",
            without=("white",),
        ),
        Kind(
            name="sunflower",
            family="garden",
            draw=garden.sunflower,
            wide=60,
            tall=104,
            is_colored="is its pot",
            without=("green",),
        ),
        Kind(
            name="snowman",
            irregular="snowmen",
            family="garden",
            draw=garden.snowman,
            wide=88,
            tall=106,
            is_colored="is its hat",
            without=("white",),
        ),
        Kind(
            name="pumpkin",
            family="garden",
            draw=garden.pumpkin,
            wide=106,
            tall=90,
            bystander=True,
            without=("red", "yellow", "green", "blue", "purple", "pink", "black", "brown"),
        ),
        Kind(name="barrel", family="garden", draw=garden.barrel, wide=78, tall=94, bystander=True),
    )
}
KEYS = tuple(kind.name for kind in KINDS.values() if not kind.bystander)
BYSTANDERS = tuple(kind.name for kind in KINDS.values() if kind.bystander)
