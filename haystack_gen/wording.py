"""How questions are worded: the paraphrases of every family, from `templates/questions`."""

from haystack_gen.errors import InputError
from haystack_gen.facts import Wording
from haystack_gen.specfile import load_yaml
from haystack_gen.workspace import package_folder

_FAMILIES = (
    "instructions",
    "retrieval",
    "multi_value",
    "counting",
    "ordering",
    "localization",
    "chain",
)


def read_wording() -> Wording:
    """For each family, the paraphrases of each form of its question.

    Raises:
        InputError: the installation lacks a file.
    """
    wording: dict[str, dict[str, tuple[str, ...]]] = {}
    for family in _FAMILIES:
        file = package_folder("templates") / "questions" / f"{family}.yaml"
        if not file.is_file():
            raise InputError(f"{file}: no such file; install haystack-gen again")
        forms = load_yaml(file.read_text(encoding="utf-8"), where=str(file))
        wording[family] = {form: (said,) if isinstance(said, str) else tuple(said) for form, said in forms.items()}
    return wording
