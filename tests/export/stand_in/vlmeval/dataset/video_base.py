"""The base of datasets of videos: its attributes and signatures, and the frames it takes; here they are not decoded."""

from abc import ABCMeta, abstractmethod
from pathlib import Path

import pandas as pd

from vlmeval.smp import LMUDataRoot


class VideoBaseDataset(metaclass=ABCMeta):
    MODALITY = "VIDEO"

    def __init__(self, dataset="MMBench-Video", pack=False, nframe=0, fps=-1):
        self.dataset_name = dataset
        found = self.prepare_dataset(dataset)
        self.frame_root = str(Path(LMUDataRoot(), "images", dataset))
        self.data_root, self.data_file = found["root"], found["data_file"]
        self.data = pd.read_csv(self.data_file, sep="\t")
        assert {"index", "question", "video"} <= set(self.data)
        self.videos = sorted(set(self.data["video"]))
        self.pack, self.nframe, self.fps = pack, nframe, fps
        if fps > 0 and nframe > 0:
            raise ValueError("fps and nframe should not be set at the same time")

    def __len__(self):
        return len(self.videos) if self.pack else len(self.data)

    def save_video_frames(self, video):
        assert Path(self.data_root, f"{video}.mp4").is_file()
        return [str(Path(self.frame_root, video, f"frame-{one}.jpg")) for one in range(1, self.nframe + 1)]

    @abstractmethod
    def evaluate(self, eval_file, **judge_kwargs): ...

    @abstractmethod
    def build_prompt(self, idx): ...

    @abstractmethod
    def prepare_dataset(self, dataset): ...
