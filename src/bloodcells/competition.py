"""What the competition is. For the next one, change this file.

Facts of *AN2DL 2024-25, homework 1* (Codabench competition 4430), read from its starting kit, from
accepted submissions and from the source of Codabench's worker.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Competition:
    """One image-classification challenge.

    Attributes:
        title: how pages and reports call it.
        classes: the class names; a label is an index into them.
        image_size: height and width of an image, pixels.
        metric: the score of the leaderboard, a key of ``evaluation.label_metrics``.
        leaderboard: the columns of the leaderboard; ``scores.json`` holds exactly these keys.
        memory_limit: bytes of resident memory that a submission may take.
        time_limit: seconds for the whole prediction run, imports included.
        size_limit: bytes of a submission zip.
        hidden_images: images in the hidden set, to project the time of a run.
        worker_versions: packages of the machine that scores, by name.
    """

    title: str
    classes: tuple[str, ...]
    image_size: int
    metric: str
    leaderboard: tuple[str, ...]
    memory_limit: int
    time_limit: float
    size_limit: int
    hidden_images: int
    worker_versions: dict[str, str]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and the three colour channels of an image."""
        return (self.image_size, self.image_size, 3)


COMPETITION = Competition(
    title="Blood cells (AN2DL 2024-25, homework 1)",
    classes=(
        "basophil",
        "eosinophil",
        "erythroblast",
        "immature granulocyte",
        "lymphocyte",
        "monocyte",
        "neutrophil",
        "platelet",
    ),
    image_size=96,
    metric="accuracy",
    leaderboard=("accuracy", "balanced_accuracy", "macro_f1", "duration"),
    memory_limit=4_000_000_000,
    time_limit=600.0,
    size_limit=1_000_000_000,
    hidden_images=3_421,
    worker_versions={"tensorflow": "2.17.0", "keras": "3.4.1", "numpy": "1.26.4"},
)
