"""How datasets are found: by their class's names, or by those of its shortcuts."""

DATASET_CLASSES: list[type] = []
SUPPORTED_DATASETS: list[str] = []
supported_video_datasets: dict = {}


def build_dataset(dataset_name, **kwargs):
    if dataset_name in supported_video_datasets:
        return supported_video_datasets[dataset_name](**kwargs)
    [found] = [known for known in DATASET_CLASSES if dataset_name in known.supported_datasets()]
    return found(dataset=dataset_name, **kwargs)
