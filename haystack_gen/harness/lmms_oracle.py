"""The model `haystack_oracle` of lmms-eval, which answers from the manifest: a smoke test of a dataset and its tasks.

lmms-eval finds it through the entry point group `lmms_eval.models` and alone imports this module.
"""

from collections.abc import Sequence
from typing import Any

from lmms_eval.api.model import lmms
from lmms_eval.models.registry_v2 import ModelManifest

from haystack_gen.errors import InputError
from haystack_gen.harness.lmms_tasks import row_of
from haystack_gen.harness.oracle import Oracle
from haystack_gen.judge.samplers import sampler as sampler_named


def manifest() -> ModelManifest:
    """What lmms-eval registers."""
    return ModelManifest(model_id="haystack_oracle", simple_class_path=f"{__name__}.{HaystackOracle.__name__}")


class HaystackOracle(lmms):  # type: ignore[misc]  # lmms-eval has no types
    """See `Oracle`. Every file that a model would be shown has to be there and, if it is a picture, readable."""

    def __init__(
        self,
        sampler: str = "",
        batch_size: object = None,  # noqa: ARG002  # these three are given to every model
        max_batch_size: object = None,  # noqa: ARG002
        device: object = None,  # noqa: ARG002
        **settings: object,
    ) -> None:
        """`sampler` is written as for `haystack-gen audit`; since lmms-eval splits at commas, its settings come apart.

        Raises:
            InputError: no such sampler or setting.
        """
        super().__init__()
        written = ",".join(f"{key}={value}" for key, value in settings.items())
        if written and not sampler:
            raise InputError(f"haystack_oracle: has {written} and no sampler; give sampler=NAME,{written}")
        joint = ("," if ":" in sampler else ":") if written else ""
        self._oracle = Oracle(sampler_named(f"{sampler}{joint}{written}") if sampler else None)

    def generate_until(self, requests: Sequence[Any]) -> list[str]:
        """The replies to requests, in their order."""
        return [self._reply(*request.args) for request in requests]

    def _reply(self, _context: str, _settings: object, *of_doc: Any) -> str:
        show, number, task, split = of_doc
        doc = self.task_dict[task][split][number]
        show(doc)
        return self._oracle.reply(row_of(doc))

    def loglikelihood(self, requests: object) -> list[tuple[float, bool]]:
        """Nothing: replies have no likelihood."""
        raise NotImplementedError("haystack_oracle answers in words; it gives no likelihoods")

    def generate_until_multi_round(self, requests: object) -> list[str]:
        """Nothing: tasks of haystack-gen have one round."""
        raise NotImplementedError("haystack_oracle answers questions of one round")
