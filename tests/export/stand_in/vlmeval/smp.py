"""Where VLMEvalKit keeps what it makes, and how it names files beside its results."""

import logging
import os
from pathlib import Path


def LMUDataRoot():
    return os.environ["LMUData"]  # noqa: SIM112  its name


def get_logger(name):
    return logging.getLogger(name)


def get_intermediate_file_path(eval_file, suffix, target_format):
    return eval_file.replace(Path(eval_file).suffix, f"{suffix}.{target_format}")
