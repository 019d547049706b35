"""Contact sheets: what cells look like, what the cleaning found, what augmentation and corruption do to them."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from bloodcells.cleaning import CleaningTable
from bloodcells.cleaning.table import REASONS
from bloodcells.corruption.composite import CORRUPTIONS, STRENGTHS, Draw, corrupt
from bloodcells.data.cells import CellSet
from bloodcells.pages.palette import SET_COLOURS, class_colours
from bloodcells.pages.plots import titled_figure
from bloodcells.pages.record import SHOWN
from bloodcells.pages.tables import corruption_in_words
from bloodcells.run import Errors

_GAP = 4  # pixels between images
_INCHES = 0.72  # side of an image on the page
_SHEET = 8.2  # width of a sheet of errors, inches
_ERROR, _HEADING, _SCALE = 1.95, 0.4, 0.5  # heights of a row of errors, of what stands above them, of the scale, inches
_IN_A_ROW, _TILES = 2, 3  # errors, and pictures of each
_ANSWERS_IN_A_ROW = 4
_CAPTION = 10  # points
_MAP = "inferno"


def cells_by_class(cells: CellSet, title: str, columns: int = 10, seed: int = 0) -> Figure:
    """A row of random cells for each class, its name and number of images beside it."""
    rows = {
        f"{name} ({(cells.labels == label).sum():,})": cells.images[_sample(cells.labels == label, columns, seed)]
        for label, name in enumerate(cells.competition.classes)
    }
    return _named_rows(rows, columns, title, class_colours(len(rows)))


def clean_beside_composite(cells: CellSet, title: str, columns: int = 5, seed: int = 0) -> Figure:
    """For each class a row of random cells, and beside it the same cells under the composite corruption."""
    chosen = _of_each_class(cells, columns, seed)
    picked = cells.take(np.concatenate(chosen))
    ends = np.cumsum([len(row) for row in chosen])[:-1]
    figure, panels = _sheet([columns, columns], len(chosen), title)
    for axes, (name, part) in zip(panels, {"clean": picked, "composite": corrupt(picked, seed)}.items(), strict=True):
        _draw(axes, np.split(part.images, ends), columns)
        axes.set_title(name, fontsize=10, color=SET_COLOURS[name])
    _name_rows(panels[0], cells.competition.classes, class_colours(len(chosen)), cells.competition.image_size)
    return figure


def each_corruption(image: np.ndarray, title: str, columns: int = 6, seed: int = 0) -> Figure:
    """``image`` (S, S, 3) uint8 under each corruption of the composite set, at its mildest and at its harshest."""
    figure = titled_figure(10, 1.1 * math.ceil(len(CORRUPTIONS) / columns) + 0.5, title)
    panels = figure.subplots(math.ceil(len(CORRUPTIONS) / columns), columns).ravel()
    for axes in panels:
        axes.axis("off")
    for axes, (name, corruption) in zip(panels, CORRUPTIONS.items(), strict=False):
        mild, harsh = (
            corruption.apply(image, **corruption.draw(Draw(np.random.default_rng(seed), strength)))
            for strength in STRENGTHS
        )
        axes.imshow(side_by_side([mild, harsh]))
        axes.set_title(corruption_in_words(name), fontsize=10, pad=2)
    return figure


def policy_gallery(images: np.ndarray, policies: Sequence[str], title: str, seed: int = 0) -> Figure:
    """The images as they are, and below them one augmented view of each for every policy.

    Args:
        images: (N, S, S, 3) uint8, N columns.
        policies: names of augmentation policies.
        title: the title of the sheet.
        seed: the seed of the augmentation.
    """
    rows = {policy: augmented_views(images, policy, 1, seed)[0] for policy in policies}
    return _named_rows({"as it is": images, **rows}, len(images), title)


def augmented_views(images: np.ndarray, policy: str, views: int = 4, seed: int = 0) -> list[np.ndarray]:
    """The images under a policy, several times: (N, S, S, 3) uint8 each.

    Args:
        images: (N, S, S, 3) uint8; some policies mix them with one another.
        policy: name of an augmentation policy.
        views: how many times.
        seed: the seed of the first view; the next ones follow.
    """
    from bloodcells.augmentation.pipeline import augmented_images  # imports Keras, which takes seconds

    return [augmented_images(images, policy, seed + view) for view in range(views)]


def policy_views(images: np.ndarray, views: Sequence[np.ndarray], title: str) -> Figure:
    """The images, (N, S, S, 3) uint8 in N columns, and below them the `augmented_views` of each."""
    rows = {f"view {number}": view for number, view in enumerate(views, start=1)}
    return _named_rows({"as it is": images, **rows}, len(images), title)


def side_by_side(images: Sequence[np.ndarray]) -> np.ndarray:
    """The images, (S, S, 3) uint8 each, in one row with white between them: (S, W, 3) uint8."""
    gap = np.full((len(images[0]), _GAP, 3), 255, np.uint8)
    return np.hstack([part for image in images for part in (gap, image)][1:])


def one_of_each_class(cells: CellSet, seed: int = 0) -> np.ndarray:
    """A random cell of every class that occurs, in the order of the classes: (N, S, S, 3) uint8."""
    return cells.images[np.concatenate(_of_each_class(cells, 1, seed))]


def answers(
    sets: Mapping[str, CellSet], predict: Callable[[np.ndarray], np.ndarray], title: str, most: int = 16, seed: int = 0
) -> Figure:
    """A random cell of every class in every set, and below it what is answered: right, or the class it is taken for.

    Args:
        sets: the same cells in other states, such as clean and corrupted.
        predict: gives (N, C) probabilities of (N, S, S, 3) uint8 images.
        title: the title of the sheet.
        most: classes that are shown.
        seed: the seed of the choice.
    """
    first = next(iter(sets.values()))
    classes, side = first.competition.classes, first.competition.image_size
    chosen = np.concatenate(_of_each_class(first, 1, seed)[:most])
    images = [cells.images[chosen] for cells in sets.values()]
    said = [predict(own) for own in images]
    rows = math.ceil(len(chosen) / _ANSWERS_IN_A_ROW)
    figure = titled_figure(2.5 * _ANSWERS_IN_A_ROW, 1.9 * rows + 0.4, title)
    panels = figure.subplots(rows, _ANSWERS_IN_A_ROW, squeeze=False).ravel()
    for axes in panels[len(chosen) :]:
        axes.axis("off")
    for place, (axes, label) in enumerate(zip(panels, first.labels[chosen], strict=False)):
        axes.imshow(side_by_side([own[place] for own in images]))
        axes.set_title(classes[label], fontsize=_CAPTION, fontweight="bold", pad=3)
        axes.set_xticks(
            _middles(len(images), side),
            [_answer_in_words(own[place], label, classes) for own in said],
            fontsize=_CAPTION,
        )
        axes.tick_params(length=0, pad=2)
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
    return figure


def _answer_in_words(probabilities: np.ndarray, label: int, classes: Sequence[str]) -> str:
    best = int(probabilities.argmax())
    said = "right" if best == label else f"{classes[best]}?".replace(" ", "\n", 1)
    return f"{said}\n{_share(probabilities[best])}"


def dropped_images(cells: CellSet, table: CleaningTable, title: str, columns: int = 10) -> Figure:
    """A row for each reason to drop: first the pictures that are dropped most often, each of them once.

    Copies stand behind the image that is kept of them, so that the two can be compared.
    """
    rows = {}
    for reason in REASONS:
        dropped = np.flatnonzero(table.reason == reason)
        if not len(dropped):
            continue
        _, first, copies = np.unique(table.phash[dropped], return_index=True, return_counts=True)
        shown = dropped[first[np.argsort(-copies, kind="stable")]]
        if reason.endswith("_duplicate"):
            shown = np.concatenate([(_kept_of(table, index), index) for index in shown])
        rows[f"{reason.replace('_', ' ')} ({len(dropped):,})"] = cells.images[shown[:columns]]
    return _named_rows(rows or {"nothing": cells.images[:0]}, columns, title)


def suspected_labels(cells: CellSet, table: CleaningTable, title: str, columns: int = 4, most: int = 24) -> Figure:
    """The most doubtful labels: each picture under its number, its label and the likelier one, with probabilities.

    Args:
        cells: what was examined.
        table: with out-of-fold predictions and at least one suspect.
        title: the title of the sheet.
        columns: pictures in a row.
        most: pictures at all, the least probable label first.
    """
    shown = table.suspects[:most]
    own, other = table.probability_of(table.label), table.probability_of(table.suspected_label)
    rows = -(-len(shown) // columns)
    figure = titled_figure(2.3 * columns, 2.9 * rows + 0.4, title)
    for axes in figure.subplots(rows, columns, squeeze=False).flat:
        axes.set_axis_off()
    for axes, index in zip(figure.axes, shown.tolist(), strict=False):
        axes.imshow(cells.images[index])
        label, likelier = (cells.competition.classes[one[index]] for one in (table.label, table.suspected_label))
        words = f"image {index}\n{label} {_share(own[index])}\n{likelier}? {_share(other[index])}"
        axes.set_title(words, fontsize=_CAPTION, loc="left")
    return figure


def errors_with_maps(by_set: Mapping[str, Errors], classes: Sequence[str], title: str) -> Figure:
    """Wrongly classified images of each set, each with what spoke for the wrong class, the brighter the more.

    A corrupted image stands behind what it was and above the names of its corruptions, where the record has them.

    Args:
        by_set: what `Run.read_errors` gives for a part; at least one error in all. The first ``SHOWN`` are drawn.
        classes: their names.
        title: the title of the sheet.
    """
    shown = {name: _tiles_of(errors) for name, errors in by_set.items() if len(errors)}
    rows = {name: math.ceil(len(tiles) / _IN_A_ROW) for name, tiles in shown.items()}
    heights = [*(_HEADING + _ERROR * count for count in rows.values()), _SCALE]
    figure = titled_figure(_SHEET, sum(heights) + _HEADING, title)
    *parts, scale = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    for part, (name, tiles) in zip(parts, shown.items(), strict=True):
        errors = by_set[name]
        part.suptitle(f"{name}: {_order_of(tiles[0])}", fontsize=11)
        for axes, place in _panels(part, rows[name], len(tiles)):
            _draw_error(axes, tiles[place], errors.maps[place])
            axes.set_title(_error_in_words(errors, place, classes), fontsize=_CAPTION, loc="left")
    _draw_scale(scale)
    return figure


def _tiles_of(errors: Errors) -> list[list[np.ndarray]]:
    """Of the first ``SHOWN``: the image before it was corrupted, where that is known, and what the network saw."""
    corrupted = errors.corruptions != ""
    pairs = zip(corrupted, errors.originals, errors.images, strict=False)
    return [[original, seen] if known else [seen] for known, original, seen in pairs][:SHOWN]


def _order_of(tiles: Sequence[np.ndarray]) -> str:
    before = "as it was, corrupted" if len(tiles) > 1 else "what the network saw"
    return f"{before}, where it looked"


def _error_in_words(errors: Errors, place: int, classes: Sequence[str]) -> str:
    truth, taken = (classes[labels[place]] for labels in (errors.labels, errors.predicted))
    chain = [corruption_in_words(name) for name in str(errors.corruptions[place]).split("+") if name]
    words = f"{truth},\ntaken for {taken} {_share(errors.confidence[place])}"
    return f"{words}\n{', '.join(chain)}" if chain else words


def _panels(figure: SubFigure, rows: int, count: int) -> Iterator[tuple[Axes, int]]:
    """The panels of so many errors, row by row, each with its place."""
    for place, axes in enumerate(figure.subplots(rows, _IN_A_ROW, squeeze=False).flat):
        axes.set_axis_off()
        if place < count:
            yield axes, place


def _draw_error(axes: Axes, tiles: Sequence[np.ndarray], evidence: np.ndarray) -> None:
    """The tiles side by side, and once more the last, in grey under its map."""
    seen = tiles[-1]
    height, width = seen.shape[:2]
    grey = np.repeat(seen.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
    axes.imshow(side_by_side([*tiles, grey]))
    left = len(tiles) * (width + _GAP) - 0.5
    axes.imshow(evidence, cmap=_MAP, alpha=0.5, vmin=0, vmax=1, interpolation="bilinear",
                extent=(left, left + width, height - 0.5, -0.5))  # fmt: skip
    axes.set(xlim=(-0.5, _TILES * (width + _GAP)), ylim=(height - 0.5, -0.5))


def _draw_scale(figure: SubFigure) -> None:
    axes = figure.subplots(gridspec_kw={"left": 0.25, "right": 0.75, "bottom": 0.6, "top": 0.8})
    axes.imshow(np.linspace(0, 1, 256)[None], cmap=_MAP, aspect="auto", extent=(0, 1, 0, 1))
    axes.set_xticks([0, 1], ["nothing spoke for the wrong class", "the most did"], fontsize=_CAPTION)
    axes.set_yticks([])


def _share(probability: float) -> str:
    return "<0.01" if probability < 0.005 else f"{probability:.2f}"


def _kept_of(table: CleaningTable, index: int) -> int:
    """The image that is kept in the cluster of ``index``; itself where none is."""
    members = np.flatnonzero((table.cluster == table.cluster[index]) & (table.reason == ""))
    return int(members[0]) if len(members) and table.cluster[index] >= 0 else int(index)


def _sample(among: np.ndarray, count: int, seed: int) -> np.ndarray:
    """At most ``count`` indices of True, drawn without repetition."""
    indices = np.flatnonzero(among)
    return np.random.default_rng(seed).permutation(indices)[:count]


def _of_each_class(cells: CellSet, count: int, seed: int) -> list[np.ndarray]:
    """At most ``count`` indices of cells of every class, drawn without repetition."""
    return [_sample(cells.labels == label, count, seed) for label in range(len(cells.competition.classes))]


def _middles(count: int, side: int) -> list[float]:
    """Where the middles of so many pictures lie that stand in one row or column, pixels."""
    return [place * (side + _GAP) + side / 2 for place in range(count)]


def _named_rows(
    rows: Mapping[str, np.ndarray], columns: int, title: str, colours: Sequence[str] | None = None
) -> Figure:
    figure, (axes,) = _sheet([columns], len(rows), title)
    _draw(axes, list(rows.values()), columns)
    _name_rows(axes, list(rows), colours or ["none"] * len(rows), next(iter(rows.values())).shape[1])
    return figure


def _sheet(columns: Sequence[int], rows: int, title: str) -> tuple[Figure, list[Axes]]:
    """A figure with one panel of so many columns each, and room for the names of the rows."""
    figure = titled_figure(_INCHES * sum(columns) + 2.2, _INCHES * rows + 0.7, title)
    panels = figure.subplots(1, len(columns), squeeze=False)[0]
    return figure, list(panels)


def _draw(axes: Axes, rows: Sequence[np.ndarray], columns: int) -> None:
    """One picture of all images: rows of (N, S, S, 3) uint8, white where a row is short."""
    step = rows[0].shape[1] + _GAP
    sheet = np.full((len(rows) * step - _GAP, columns * step - _GAP, 3), 255, np.uint8)
    for row, images in enumerate(rows):
        for column, image in enumerate(images):
            top, left = row * step, column * step
            sheet[top : top + len(image), left : left + len(image)] = image
    axes.imshow(sheet)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def _name_rows(axes: Axes, names: Sequence[str], colours: Sequence[str], side: int) -> None:
    """The names of the rows, ``side`` pixels high, each behind a mark of its colour: some are too light for letters."""
    axes.set_yticks(_middles(len(names), side), names, fontsize=9)
    for tick, colour in zip(axes.yaxis.get_major_ticks(), colours, strict=True):
        tick.tick1line.set(markeredgecolor=colour, markersize=5, markeredgewidth=12)
