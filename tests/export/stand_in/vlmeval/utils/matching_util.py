"""How VLMEvalKit reads letters: as haystack-gen's account of it has it."""

from haystack_gen.judge.foreign import read_as


def can_infer(answer, choices):
    return read_as("vlmevalkit", reply=answer, options=list(choices.values())) or False
