"""Searching, choosing and recognising pictures by cosine."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haystack_gen.cache import Cache
from haystack_gen.errors import InputError
from haystack_gen.facts import Sighting, Source
from haystack_gen.gather import mine as mining
from haystack_gen.gather import neighbours
from haystack_gen.gather.descriptor import Descriptor
from haystack_gen.gather.embed import EmbeddingCount
from haystack_gen.gather.images import sharpness
from haystack_gen.gather.mine import mine
from haystack_gen.gather.neighbours import Candidate, Index, MatchRules, rounded, select, sightings
from tests.gather.test_embed import scene


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def spread(count: int, *, seed: int = 0, dimensions: int = 16) -> tuple[list[str], np.ndarray]:
    rows = unit(np.random.default_rng(seed).normal(size=(count, dimensions)))
    return [f"s{number:05d}" for number in range(count)], rows


def clusters(count: int, *, seed: int = 0, dimensions: int = 16) -> tuple[list[str], np.ndarray]:
    draw = np.random.default_rng(seed)
    centres = draw.normal(size=(40, dimensions))
    rows = unit(centres[draw.integers(0, 40, count)] + 0.3 * draw.normal(size=(count, dimensions)))
    return [f"s{number:05d}" for number in range(count)], rows


# --- the index ---


def test_search_finds_what_comparing_all_finds() -> None:
    ids, rows = spread(300)
    _, queries = spread(7, seed=1)
    for query, found in zip(queries, Index.build(ids, rows).search(queries, k=10), strict=True):
        expected = sorted(
            ((one, rounded(row @ query)) for one, row in zip(ids, rows, strict=True)), key=lambda h: -h[1]
        )
        assert [cosine for _, cosine in found] == pytest.approx([cosine for _, cosine in expected[:10]], abs=1.5e-4)
        assert {one for one, _ in found} == {one for one, _ in expected[:10]}


def test_ties_are_broken_by_id() -> None:
    row = unit(np.ones((1, 8)))
    ids = ["d", "a", "c", "b"]
    assert Index.build(ids, row.repeat(4, 0)).search(row, k=9) == [[("a", 1.0), ("b", 1.0), ("c", 1.0), ("d", 1.0)]]


def test_order_of_the_pool_does_not_matter() -> None:
    ids, rows = clusters(500)
    rows[100:200] = rows[0]  # exact ties across the edge of what is returned
    _, queries = clusters(4, seed=3)
    queries[0] = rows[0]
    order = np.random.default_rng(5).permutation(500)
    one = Index.build(ids, rows)
    other = Index.build([ids[number] for number in order], rows[order])
    assert one.search(queries, k=20) == other.search(queries, k=20)


def test_pool_without_pictures_or_with_equal_ids_is_refused() -> None:
    _, rows = spread(2)
    with pytest.raises(InputError, match="no picture to search"):
        Index.build([], rows[:0])
    with pytest.raises(InputError, match="two pictures of the pool have the id 'a'"):
        Index.build(["a", "a"], rows)


# --- choosing ---


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"low": 0.9, "high": 0.3, "top_k": 1}, r"band 0\.9:0\.3: expected LOW:HIGH"),
        ({"low": 0.1, "high": 1.3, "top_k": 1}, r"band 0\.1:1\.3"),
        ({"low": 0, "high": 1, "top_k": 0}, "top_k is 0, expected at least 1"),
        ({"low": 0, "high": 1, "top_k": 1, "diversity": 2.0}, r"diversity 2\.0"),
        ({"low": float("nan"), "high": 1, "top_k": 1}, "band nan"),
    ],
)
def test_rules_that_make_no_sense_are_refused(fields: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        MatchRules(**fields)


def chosen(query: np.ndarray, rows: np.ndarray, rules: MatchRules, order: Iterable[int] | None = None) -> list[str]:
    candidates = [
        Candidate(id=f"{number:03d}", similarity=rounded(query @ row), sharpness=float(number % 5))
        for number, row in enumerate(rows)
    ]
    shuffled = [candidates[number] for number in order] if order is not None else candidates
    best = select(shuffled, rules=rules, needles=query[None], vector_of=lambda still: rows[int(still)])
    return [one.id for one in best]


@given(
    seed=st.integers(0, 10_000),
    low=st.floats(-1, 1),
    width=st.floats(0, 2),
    top_k=st.integers(1, 12),
    diversity=st.floats(-0.5, 1),
    least=st.integers(0, 5),
)
def test_what_is_chosen_keeps_all_rules(
    seed: int, low: float, width: float, top_k: int, diversity: float, least: int
) -> None:
    draw = np.random.default_rng(seed)
    query, rows = unit(draw.normal(size=4)), unit(draw.normal(size=(40, 4)))
    rules = MatchRules(low=low, high=min(1.0, low + width), top_k=top_k, diversity=diversity, sharpness=least)
    best = chosen(query, rows, rules)
    numbers = [int(one) for one in best]
    cosines = [rounded(query @ rows[number]) for number in numbers]
    assert len(best) <= top_k
    assert cosines == sorted(cosines, reverse=True)
    assert all(rules.low <= cosine <= rules.high for cosine in cosines)
    assert all(number % 5 >= least for number in numbers)
    between = rows[numbers] @ rows[numbers].T
    assert (between[np.triu_indices(len(numbers), 1)] <= diversity + 1e-4).all()
    assert chosen(query, rows, rules, order=draw.permutation(40)) == best
    if len(best) < top_k:  # then nothing else would have fitted
        for number in set(range(40)) - set(numbers):
            cosine = rounded(query @ rows[number])
            near = max((rows[number] @ rows[other] for other in numbers), default=-1.0)
            outside = not rules.low <= cosine <= rules.high or number % 5 < least
            assert outside or near > diversity - 1e-4


def test_best_comes_first_and_displaces_its_doubles() -> None:
    query = unit(np.array([1.0, 0, 0]))
    rows = unit(np.array([[1, 0.5, 0], [1, 0.51, 0], [1, 0, 0.9], [1, 0.001, 0]]))
    rules = MatchRules(low=0.5, high=0.99, top_k=3, diversity=0.95)
    assert chosen(query, rows, rules) == ["000", "002"]


def test_picture_that_may_be_another_needle_is_left_out() -> None:
    first, second = unit(np.array([[1.0, 0.4], [1.0, -0.4]]))
    candidate = Candidate(id="x", similarity=rounded(first @ second), sharpness=1)
    rules = MatchRules(low=0.3, high=0.95, top_k=1)
    alone = select([candidate], rules=rules, needles=first[None], vector_of=lambda _: second)
    beside = select([candidate], rules=rules, needles=np.stack([first, second]), vector_of=lambda _: second)
    assert (alone, beside) == ([candidate], [])


# --- recognising ---


def test_frames_above_the_ceiling_are_seen_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "_BLOCK", 7)
    _, rows = clusters(60, dimensions=8)
    _, other = clusters(30, seed=1, dimensions=8)
    needles = {"n2": rows[33], "n1": rows[5]}
    seen = sightings(needles, {"b": rows, "a": other}, ceiling=0.9)
    expected = [
        Sighting(needle=needle, source=source, frame=frame, similarity=rounded(row @ needles[needle]))
        for needle in ("n1", "n2")
        for source, film in (("a", other), ("b", rows))
        for frame, row in enumerate(film)
        if rounded(row @ needles[needle]) > 0.9
    ]
    assert [(one.needle, one.source, one.frame) for one in seen] == [(e.needle, e.source, e.frame) for e in expected]
    assert ("n2", "b", 33) in [(one.needle, one.source, one.frame) for one in seen]
    assert len(seen) < 180


def test_ceiling_itself_is_not_above_it() -> None:
    needle = unit(np.array([1.0, 0.0]))
    film = np.array([[0.95, np.sqrt(1 - 0.95**2)], [0.9502, np.sqrt(1 - 0.9502**2)]], np.float32)
    assert [one.frame for one in sightings({"n": needle}, {"f": film}, ceiling=0.95)] == [1]
    assert sightings({}, {"f": film}, ceiling=0.95) == ()


# --- the whole search ---


def image(name: str, **changes) -> Source:
    fields = {"id": name, "kind": "image", "path": f"/pool/{name}.png", "sha256": name, "size_bytes": 1}
    return Source(**fields | {"width": 112, "height": 63} | changes)


def still(film: str, index: int) -> Source:
    return image(
        f"{film}-f{index}", kind="video", path=f"/{film}.mp4", sha256=film, duration_s=Fraction(9), at_s=Fraction(index)
    )


def changed(picture: np.ndarray, seed: int) -> np.ndarray:
    """The picture with some more blobs: similar, more or less."""
    draw = np.random.default_rng(seed)
    result = picture.copy()
    for _ in range(3):
        x, y, colour = draw.integers(0, 112), draw.integers(0, 63), draw.integers(0, 256, 3)
        cv2.circle(result, (int(x), int(y)), 7, colour.tolist(), -1)
    return result


NEEDLES = {"second": scene(2), "first": scene(1)}
RULES = MatchRules(low=0.5, high=0.95, top_k=4, diversity=0.97, sharpness=20)


def pool() -> list[tuple[Source, np.ndarray]]:
    images = [(image(f"i{seed:02d}"), scene(seed)) for seed in range(12)]  # holds the needles themselves
    near = [
        (image(f"n{s}{seed:02d}", path=f"/near/{seed}.png"), changed(scene(s), seed))
        for s in (1, 2)
        for seed in range(12)
    ]
    film = [(still("film", index), changed(scene(1 + index // 8), 50 + index // 2)) for index in range(16)]
    blurred = [(image(f"b{seed}"), cv2.GaussianBlur(changed(scene(1), seed), (0, 0), 9)) for seed in range(3)]
    return images + near + film + blurred


def test_matches_keep_the_rules_and_tell_what_they_are(tmp_path: Path) -> None:
    stills = {source.id: picture for source, picture in pool()}
    mined = mine(NEEDLES, pool(), embedder=Descriptor(), rules=RULES, cache=Cache(tmp_path))
    assert [match.needle for match in mined.matches] == ["second"] * 4 + ["first"] * 4
    assert {match.source for match in mined.matches} == {source.id for source in mined.sources}
    assert mined.nearest == {"second": 1.0, "first": 1.0}
    for name, needle in NEEDLES.items():
        found = [match for match in mined.matches if match.needle == name]
        rows = Descriptor().embed([stills[match.source] for match in found])
        cosines = rows @ Descriptor().embed([needle])[0]
        assert [match.similarity for match in found] == pytest.approx(cosines.tolist(), abs=6e-5)
        assert (cosines[:-1] >= cosines[1:] - 1e-4).all()
        assert all(0.5 <= match.similarity <= 0.95 for match in found)
        assert (np.triu(rows @ rows.T, 1) <= 0.97 + 1e-4).all()
        assert all(sharpness(stills[match.source]) >= 20 for match in found)
        assert all(match.embedder == "descriptor-1" and match.origin == "mined" for match in found)


def test_second_search_embeds_nothing(tmp_path: Path) -> None:
    first = mine(NEEDLES, pool(), embedder=Descriptor(), rules=RULES, cache=Cache(tmp_path))
    again = mine(NEEDLES, pool(), embedder=Descriptor(), rules=RULES, cache=Cache(tmp_path))
    total = len(pool()) + len(NEEDLES)
    # Of the film, every second frame repeats the one before.
    assert first.count == EmbeddingCount(embedded=total - 8, reused=8)
    assert again.count == EmbeddingCount(embedded=0, reused=total)
    assert again.matches == first.matches


def test_matches_do_not_depend_on_order_or_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def found(stills: list[tuple[Source, np.ndarray]], name: str) -> tuple:
        return mine(NEEDLES, iter(stills), embedder=Descriptor(), rules=RULES, cache=Cache(tmp_path / name)).matches

    straight = pool()
    film = [one for one in straight if one[0].kind == "video"]
    images = [one for one in straight if one[0].kind == "image"]
    expected = found(straight, "a")
    assert len(expected) == 8
    assert found(film + images[::-1], "b") == expected
    monkeypatch.setattr("haystack_gen.gather.embed._BATCH", 3)
    assert found(images[::2] + film + images[1::2], "c") == expected


def test_matches_far_down_the_list_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stills = [(image(f"i{number:03d}"), changed(scene(1), number)) for number in range(60)] + pool()[:12]
    expected = mine(NEEDLES, stills, embedder=Descriptor(), rules=RULES, cache=Cache(tmp_path)).matches
    wide = MatchRules(low=-1, high=1, top_k=100)
    everything = mine(NEEDLES, stills, embedder=Descriptor(), rules=wide, cache=Cache(tmp_path)).matches
    assert len(everything) == 2 * len(stills)
    monkeypatch.setattr(mining, "_REACH", 2)
    again = mine(NEEDLES, stills, embedder=Descriptor(), rules=RULES, cache=Cache(tmp_path)).matches
    assert again == expected
    again = mine(NEEDLES, stills, embedder=Descriptor(), rules=wide, cache=Cache(tmp_path)).matches
    assert again == everything


def test_needle_without_look_alikes_has_no_match_and_says_how_near_it_came(tmp_path: Path) -> None:
    mined = mine(
        {"alone": scene(99)},
        [(image("grey"), np.full((63, 112, 3), 128, np.uint8))],
        embedder=Descriptor(),
        rules=RULES,
        cache=Cache(tmp_path),
    )
    assert mined.matches == mined.sources == ()
    assert -1 <= mined.nearest["alone"] < 0.5


def test_empty_pools_and_equal_ids_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no picture to search"):
        mine(NEEDLES, [], embedder=Descriptor(), rules=RULES, cache=Cache(tmp_path))
    with pytest.raises(InputError, match="two pictures of the pool have the id 'i00'"):
        mine(NEEDLES, pool()[:1] * 2, embedder=Descriptor(), rules=RULES, cache=Cache(tmp_path))


def test_no_needles_no_matches(tmp_path: Path) -> None:
    assert mine({}, pool(), embedder=Descriptor(), rules=RULES, cache=Cache(tmp_path)).matches == ()
