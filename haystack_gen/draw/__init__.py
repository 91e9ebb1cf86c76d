"""Procedural needles and haystacks: the embedded default, from a seed, with no downloads."""
