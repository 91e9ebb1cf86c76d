"""Small worlds to plan in: facts that need no media."""

from fractions import Fraction

from docs.generate import drawn_pack
from haystack_gen.facts import Facts, Match, Needle, Source
from haystack_gen.gather.noise import gather_noise
from haystack_gen.spec import Spec
from haystack_gen.specfile import read_spec
from haystack_gen.wording import read_wording

SHA = "0" * 64


def film(name: str = "film", seconds: int | Fraction = 3600) -> Source:
    return Source(
        id=name,
        kind="video",
        path="",
        sha256=SHA,
        size_bytes=1,
        width=640,
        height=360,
        frames=int(seconds * 25),
        rate=Fraction(25),
        duration_s=Fraction(seconds),
    )


def still(name: str) -> Source:
    return Source(id=name, kind="image", path="", sha256=SHA, size_bytes=1, width=640, height=360)


def world(*films: Source, needles: int = 5, matches: int = 3, sightings: tuple = (), options: int = 4) -> Facts:
    names = [f"needle-{number}" for number in range(needles)]
    lures = [(name, f"{name}-lure-{number}") for name in names for number in range(matches)]
    return Facts(
        haystack=films or (film(),),
        stills=tuple(still(name) for name in (*names, *(lure for _, lure in lures))),
        needles=tuple(
            Needle(
                id=name,
                source=name,
                question=f"What is {name}?",
                answer="right",
                options=("right", "wrong", "false", "bad")[:options],
            )
            for name in names
        ),
        matches=tuple(Match(needle=name, source=lure, origin="supplied", lure="wrong") for name, lure in lures),
        sightings=sightings,
        wording=read_wording(),
    )


def spec_of(text: str) -> Spec:
    return read_spec(text, where="test.yaml")


def family_world(*films: Source, seed: int = 42, matches: bool = True) -> Facts:
    """The drawn pack that feeds every family, not painted."""
    needles, lures = drawn_pack(seed)
    return Facts(
        haystack=films or (film(),),
        stills=tuple(map(still, dict.fromkeys(one.source for one in (*needles, *lures)))),
        needles=needles,
        matches=lures if matches else (),
        noise=gather_noise("draw", seed=seed, at_least=4000),
        wording=read_wording(),
    )
