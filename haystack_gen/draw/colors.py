"""The colors that a question can ask about, and which of them are easily mistaken."""

from haystack_gen.draw.paint import Color

COLORS: dict[str, Color] = {
    "red": (214, 44, 50),
    "orange": (246, 132, 24),
    "yellow": (252, 208, 44),
    "green": (52, 160, 76),
    "blue": (38, 104, 214),
    "purple": (122, 62, 172),
    "pink": (248, 142, 190),
    "white": (246, 245, 242),
    "black": (46, 46, 54),
    "brown": (126, 80, 46),
}
# Pairs that shading, compression or a careless eye could blur: no two options of a question are such a pair.
CONFUSABLE = frozenset(
    frozenset(pair.split())
    for pair in (
        "red orange",
        "red pink",
        "red brown",
        "orange yellow",
        "orange brown",
        "yellow white",
        "blue purple",
        "purple pink",
        "black brown",
    )
)
