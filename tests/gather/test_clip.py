"""open_clip through and through, with a model small enough to be made here."""

import json
import os
import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from haystack_gen.cache import Cache
from haystack_gen.errors import InputError
from haystack_gen.gather import clip
from haystack_gen.gather.embed import Embedder, EmbeddingCount, embedder
from haystack_gen.gather.mine import mine
from haystack_gen.gather.neighbours import MatchRules
from haystack_gen.workspace import sha256_of
from tests.gather.test_embed import scene
from tests.gather.test_neighbours import NEEDLES, pool

pytestmark = [
    pytest.mark.clip,
    # A torchvision without its compiled part says so when imported; that part is not used.
    pytest.mark.filterwarnings("ignore:Failed to load image Python extension:UserWarning"),
]

CONFIG = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 8, "vocab_size": 64, "width": 16, "heads": 2, "layers": 1},
}
MODEL = "haystack-tiny"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """open_clip with one more model, and a checkpoint of it."""
    if not os.environ.get("HAYSTACK_REQUIRE_EXTRAS"):
        pytest.importorskip("open_clip", reason="the clip extra is not installed", exc_type=ImportError)
    import open_clip
    import torch

    folder = tmp_path_factory.mktemp("clip")
    (folder / f"{MODEL}.json").write_text(json.dumps(CONFIG))
    open_clip.add_model_config(folder)
    with torch.random.fork_rng():
        torch.manual_seed(7)
        model = open_clip.create_model(MODEL)
    checkpoint = folder / "tiny.pt"
    torch.save(model.state_dict(), checkpoint)
    return SimpleNamespace(open_clip=open_clip, torch=torch, checkpoint=checkpoint, folder=folder)


@pytest.fixture
def tiny(made: SimpleNamespace) -> Embedder:
    return embedder(f"open_clip:{MODEL}/{made.checkpoint}")


def test_rows_are_those_of_the_bare_model(made: SimpleNamespace, tiny: Embedder) -> None:
    from PIL import Image

    pictures = [scene(seed) for seed in range(5)]
    model, _, prepare = made.open_clip.create_model_and_transforms(MODEL, pretrained=str(made.checkpoint))
    with made.torch.no_grad():
        batch = made.torch.stack([prepare(Image.fromarray(picture)) for picture in pictures])
        expected = model.eval().encode_image(batch).numpy()
    rows = tiny.embed(pictures)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-5)
    assert np.ptp(rows @ rows.T) > 0.01  # the model does tell them apart


def test_name_carries_the_weights(made: SimpleNamespace, tiny: Embedder) -> None:
    assert tiny.name == f"open_clip:{MODEL}/sha256-{sha256_of(made.checkpoint)[:16]}"
    assert tiny.dimensions == 24


def test_rows_do_not_depend_on_the_batch(tiny: Embedder, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = [scene(seed) for seed in range(7)]
    together = tiny.embed(pictures)
    monkeypatch.setattr(clip, "_BATCH", 3)
    np.testing.assert_allclose(tiny.embed(pictures), together, atol=1e-5)
    assert tiny.embed([]).shape == (0, 24)


def test_pool_is_embedded_once_and_matches_keep_the_rules(
    tiny: Embedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stills = {source.id: picture for source, picture in pool()}
    queries = tiny.embed(list(NEEDLES.values()))
    cosines = np.sort((tiny.embed(list(stills.values())) @ queries.T).ravel())
    rules = MatchRules(low=float(cosines[10]), high=float(cosines[-10]), top_k=4, diversity=0.999)
    first = mine(NEEDLES, pool(), embedder=tiny, rules=rules, cache=Cache(tmp_path / "a"))
    again = mine(NEEDLES, pool(), embedder=tiny, rules=rules, cache=Cache(tmp_path / "a"))
    assert first.count.embedded > 0
    assert again.count == EmbeddingCount(embedded=0, reused=len(stills) + 2)
    assert again.matches == first.matches
    assert {match.needle for match in first.matches} == set(NEEDLES)
    for number, name in enumerate(NEEDLES):
        rows = tiny.embed([stills[match.source] for match in first.matches if match.needle == name])
        near = np.array([match.similarity for match in first.matches if match.needle == name])
        np.testing.assert_allclose(near, rows @ queries[number], atol=1e-4)
        assert (rules.low <= near).all()
        assert (near <= rules.high).all()
        assert (np.triu(rows @ rows.T, 1) <= 0.999 + 1e-4).all()
    assert all(match.embedder == tiny.name for match in first.matches)

    monkeypatch.setattr("haystack_gen.gather.embed._BATCH", 5)
    film = [one for one in pool() if one[0].kind == "video"]
    images = [one for one in pool() if one[0].kind == "image"]
    other = mine(NEEDLES, images[::-1] + film, embedder=tiny, rules=rules, cache=Cache(tmp_path / "b"))
    assert [(match.needle, match.source) for match in other.matches] == [
        (match.needle, match.source) for match in first.matches
    ]


def test_unknown_model_names_near_ones(made: SimpleNamespace) -> None:
    with pytest.raises(InputError, match=r"open_clip has no model 'ViT-B32'; near names: .*ViT-B-32"):
        embedder("open_clip:ViT-B32/openai")


def test_missing_checkpoint_names_the_tags(made: SimpleNamespace) -> None:
    with pytest.raises(InputError, match=r"'gone\.pt' is neither a checkpoint file that exists .*it has: .*openai"):
        embedder("open_clip:ViT-B-32/gone.pt")
    with pytest.raises(InputError, match="it has: none"):
        embedder(f"open_clip:{MODEL}/openai")


def test_checkpoint_of_something_else_is_refused(made: SimpleNamespace, tmp_path: Path) -> None:
    other = tmp_path / "other.pt"
    other.write_bytes(b"no checkpoint")
    with pytest.raises(InputError, match=rf"other\.pt: not a checkpoint of open_clip's {MODEL} \(.+\); give one"):
        embedder(f"open_clip:{MODEL}/{other}")
    made.torch.save({"some.weight": made.torch.zeros(3)}, other)
    with pytest.raises(InputError, match=r"other\.pt: not a checkpoint"):
        embedder(f"open_clip:{MODEL}/{other}")


class Hostile:
    """Runs code when unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple:
        return Path.touch, (self.mark,)


def test_checkpoint_is_not_run(made: SimpleNamespace, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    (tmp_path / "hostile.pt").write_bytes(pickle.dumps(Hostile(mark)))
    made.torch.save({"state_dict": Hostile(mark)}, tmp_path / "zipped.pt")
    for name in ("hostile.pt", "zipped.pt"):
        with pytest.raises(InputError, match="not a checkpoint"):
            embedder(f"open_clip:{MODEL}/{tmp_path / name}")
    assert not mark.exists()


def test_without_a_network_a_file_is_asked_for(
    made: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(InputError, match=r"weights could not be loaded .*name the file: open_clip:ViT-B-32/FILE"):
        embedder("open_clip:ViT-B-32/laion2b_s34b_b79k")
