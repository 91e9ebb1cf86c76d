"""Where a rotary position code repeats itself: the period at which a look-alike sits 'in phase' with a needle.

Angle n of a rotary embedding with base theta and head dimension d turns by theta^(-2n/d) per position, so it returns
after 2 pi theta^(2n/d) positions. V-NIAH-D (VideoRoPE, arXiv 2502.05173, section 3 and appendix B) takes theta = 1e6,
d = 128, n = 16: the end of the 16 angles that M-RoPE gives to time. That is 198.69, which the paper uses as 200.
"""

from math import inf, pi

from haystack_gen.errors import InputError

# model: (theta, head dimension, the first angle past those that M-RoPE gives to time)
PRESETS: dict[str, tuple[float, int, int]] = {
    "qwen2-vl": (1_000_000.0, 128, 16),
    "qwen2.5-vl": (1_000_000.0, 128, 16),
}


def rope_period(theta: float, head_dim: int, angle: int) -> float:
    """Positions after which rotary angle `angle` returns, a real number.

    Raises:
        InputError: theta <= 1, an odd or non-positive head_dim, or an angle outside [0, head_dim / 2).
    """
    if not 1 < theta < inf:
        raise InputError(f"theta is {theta}, expected more than 1 (Qwen2-VL: 1000000)")
    if head_dim <= 0 or head_dim % 2:
        raise InputError(f"head-dim is {head_dim}, expected a positive even number (Qwen2-VL: 128)")
    if not 0 <= angle < head_dim // 2:
        raise InputError(f"angle is {angle}, expected 0 to {head_dim // 2 - 1} for a head dimension of {head_dim}")
    return float(2 * pi * theta ** (2 * angle / head_dim))


def preset_period(name: str) -> float:
    """The period of a named model in `PRESETS`.

    Raises:
        InputError: no such name.
    """
    if name not in PRESETS:
        raise InputError(
            f"no rotary preset {name!r}; there are {', '.join(PRESETS)}; or give theta, head_dim and angle"
        )
    return rope_period(*PRESETS[name])
