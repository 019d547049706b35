import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bloodcells.ablation.arms import ARMS as KNOWN_ARMS
from bloodcells.ablation.arms import RECIPE_BASELINE, RECIPES, RETIRED
from bloodcells.ablation.records import Elsewhere, record_path, write_record
from bloodcells.ablation.summary import AblationSummary, summarise
from bloodcells.augmentation import pipeline
from bloodcells.augmentation.policies import POLICIES, policy
from bloodcells.errors import KitError
from bloodcells.files import read_json
from bloodcells.pages.ablation_page import ablation_page, draw_ablation
from bloodcells.pages.ablation_plots import (
    HELD_OUT,
    _apart,
    accuracy_against_cost,
    accuracy_dots,
    check_near,
    clean_against_composite,
    difference_forest,
    families_heat_map,
    medmnist_heat_map,
)
from bloodcells.pages.ablation_tables import unfinished_in_words
from bloodcells.pages.galleries import one_of_each_class
from bloodcells.pages.palette import ARM_COLOURS, arm_colour
from bloodcells.pages.record import read_records
from bloodcells.pages.tables import error_means_table, errors_by_corruption_table

pytestmark = pytest.mark.draws

ARMS = ["none", "flips", "cutmix", "chain"]
NEAR = {"chain": {"blur", "pixelate"}, "cutmix": set()}


@pytest.fixture(scope="module")
def folder(invent_arms, tmp_path_factory) -> Path:
    """An ablation that was cut off before the last seed of ``cutmix``."""
    folder = tmp_path_factory.mktemp("ablation")
    for record in invent_arms(ARMS, [0, 1, 2]):
        write_record(folder, record)
    record_path(folder, "cutmix", 2).unlink()
    return folder


@pytest.fixture(scope="module")
def negatives() -> Iterator[None]:
    """Every policy shows the negative of a cell, and traces nothing; `test_galleries` shows the policies' own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "augmented_images", lambda images, policy, seed: 255 - images)
        yield


@pytest.fixture(scope="module")
def page(folder, cells, negatives) -> Path:
    return draw_ablation(folder, folder / "page", NEAR, "Invented", cells).parent


@pytest.fixture(scope="module")
def summary(invent_arms) -> AblationSummary:
    return summarise(invent_arms(ARMS, [0, 1, 2]))


def texts(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def rows(axes) -> list[str]:
    return [label.get_text() for label in axes.get_yticklabels()]


def test_every_picture_is_written_and_shown(page):
    text = (page / "index.md").read_text(encoding="utf-8")
    shown = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)
    pictures = [path.name for path in page.iterdir() if path.suffix in (".png", ".jpg")]
    assert sorted(shown) == sorted(pictures)
    assert {f"{kind}_{arm}.jpg" for arm in ARMS for kind in ("gallery", "cell")} < set(shown)
    for name in shown:
        with Image.open(page / name) as picture:
            assert min(picture.size) >= (96 if name.startswith("cell_") else 240)
            assert (page / name).stat().st_size < 300_000


def test_the_page_holds_the_figures_of_the_json(page):
    text = (page / "index.md").read_text(encoding="utf-8")
    value = read_json(page / "ablation.json")
    assert value["near"]["chain"] == ["blur", "pixelate"]
    for arm in value["arms"]:
        accuracy, difference = arm["accuracy"]["composite"], arm["difference"]["composite"]
        assert f"{accuracy['mean']:.3f} ± {accuracy['sd']:.3f}" in text
        if difference:
            interval = f"({100 * difference['low']:+.1f} to {100 * difference['high']:+.1f})"
            assert f"{100 * difference['mean']:+.1f} {interval}" in text


def test_the_page_names_what_it_rests_on(page):
    text = (page / "index.md").read_text(encoding="utf-8")
    facts = ["2 to 3 seeds each", "| 0, 1, 2 |", "2 cores (Invented CPU), no GPU", "`cutmix` (2)"]
    facts += ["| batch size | 32 |"]
    facts += ["doi:10.1002/sim.2532", "| AlexNet, published | 1.84 |", "Best on the composite set: **`chain`"]
    for fact in facts:
        assert fact in text


def test_what_an_arm_does_to_a_cell_stands_beside_its_effect(page, cells, summary):
    text = (page / "index.md").read_text(encoding="utf-8")
    chain = summary.arms[0].difference["composite"]
    effect = f"{100 * chain.mean:+.1f} ({100 * chain.low:+.1f} to {100 * chain.high:+.1f})"
    assert f"| `chain` | {effect} | ![One cell under chain](cell_chain.jpg) |" in text
    with Image.open(page / "cell_chain.jpg") as picture:
        shown = np.asarray(picture).astype(int)
    negative = 255 - one_of_each_class(cells)[1].astype(int)
    for left in (0, 100, 200):
        assert np.abs(shown[:, left : left + 96] - negative).mean() < 12


def test_drawn_again_it_is_the_same(page, folder, tmp_path):
    again = draw_ablation(folder, tmp_path, NEAR, "Invented").parent
    for path in again.iterdir():
        if path.name != "index.md":
            assert (page / path.name).read_bytes() == path.read_bytes(), path.name
    assert "What the network sees" not in (again / "index.md").read_text(encoding="utf-8")


def test_an_ablation_is_no_run(page):
    assert read_records(page.parent) == {}


@pytest.mark.parametrize("arms", [["flips"], ["cutmix", "unheard_of"]])
def test_the_first_record_is_drawn_already(invent_arms, tmp_path, arms):
    for record in invent_arms(arms, [4]):
        write_record(tmp_path, record)
    text = draw_ablation(tmp_path, tmp_path / "page", {}, "Invented").read_text(encoding="utf-8")
    assert "| 4 |" in text
    assert "nan" not in text


def test_a_family_without_images_is_left_white(invent_arms):
    without = [
        replace(record, composite_families={name: 0.5 for name in record.composite_families if name != "tone"})
        for record in invent_arms(ARMS, [0])
    ]
    axes = families_heat_map(summarise(without), {}).axes[0]
    assert texts(axes) == ["50"] * 10 * len(ARMS)


def test_nothing_is_written_for_a_damaged_record(invent_arms, tmp_path):
    for record in invent_arms(ARMS, [0]):
        path = write_record(tmp_path, record)
    path.write_text("{}")
    with pytest.raises(KitError, match="is damaged: expected correct, got nothing"):
        draw_ablation(tmp_path, tmp_path / "page", {}, "Invented")
    assert not (tmp_path / "page").exists()


def test_near_must_name_columns(folder, tmp_path):
    with pytest.raises(ValueError, match="received blurr"):
        draw_ablation(folder, tmp_path, {"chain": {"blurr", "blur"}}, "Invented")


def test_what_the_policies_are_near_to_are_columns():
    check_near({name: policy(name).near for name in POLICIES})
    assert not any(HELD_OUT & policy(name).near for name in POLICIES)


def test_diamonds_are_the_means_and_points_the_seeds(summary):
    panels = accuracy_dots(summary).axes
    assert rows(panels[0]) == ["chain", "cutmix", "flips", "none"]
    for axes, name in zip(panels, ("clean", "composite", "medmnist_c"), strict=True):
        for points, mean, arm in zip(axes.lines[::2], axes.lines[1::2], summary.arms, strict=True):
            assert mean.get_xdata() == pytest.approx([arm.accuracy[name].mean])
            assert tuple(points.get_xdata()) == arm.accuracy[name].values
            assert mean.get_color() == arm_colour(arm.arm)


def test_clean_stands_against_composite_with_its_spread_and_a_name(summary):
    axes = clean_against_composite(summary).axes[0]
    assert texts(axes) == [arm.arm for arm in summary.arms]
    for drawn, arm in zip(axes.containers, summary.arms, strict=True):
        assert drawn.lines[0].get_xydata()[0] == pytest.approx([arm.accuracy[of].mean for of in ("clean", "composite")])
        width = np.ptp(drawn.lines[2][0].get_segments()[0][:, 0])
        assert width == pytest.approx(2 * arm.accuracy["clean"].sd)


def test_the_interval_of_one_seed_is_thin_and_the_title_says_so(summary, invent_arms):
    single = difference_forest(summarise(invent_arms(ARMS, [0])))
    for figure, width, told in ((difference_forest(summary), 3, False), (single, 1, True)):
        assert ("thin and for other cells alone" in figure.get_suptitle()) == told
        assert figure.axes[1].lines[1].get_linewidth() == width


def test_the_baseline_is_not_compared_with_itself(summary):
    clean, composite = difference_forest(summary).axes
    assert rows(clean) == ["chain", "cutmix", "none"]
    chain = summary.arms[0].difference["composite"]
    assert composite.lines[1].get_xdata() == pytest.approx([100 * chain.low, 100 * chain.high])


@pytest.mark.parametrize(("draw", "marked"), [(medmnist_heat_map, 0), (families_heat_map, 5)])
def test_heat_maps_mark_what_is_near_and_what_is_held_out(summary, draw, marked):
    axes = draw(summary, NEAR).axes[0]
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert [round(float(dot.get_xdata()[0])) for dot in dots] == [marked]
    assert rows(axes)[round(float(dots[0].get_ydata()[0]))] == "chain"
    columns = [label.get_text() for label in axes.get_xticklabels()]
    framed = {columns[round(frame.get_x() + 0.5)] for frame in axes.patches}
    assert framed == ({"stain deposit", "bubble"} if draw is medmnist_heat_map else {"slide"})


def test_heat_map_shows_balanced_accuracy_and_its_mean(summary):
    axes = medmnist_heat_map(summary, {}).axes[0]
    errors = summary.arms[0].errors
    assert texts(axes)[0] == f"{100 * (1 - errors.corrupted['pixelate']):.0f}"
    assert texts(axes)[11] == f"{100 * (1 - errors.mean):.0f}"


def test_every_point_of_the_cost_is_named(summary):
    figure = accuracy_against_cost(summary)
    assert texts(figure.axes[0]) == [arm.arm for arm in summary.arms]


def test_names_keep_their_distance_and_their_order():
    moved = _apart(np.array([0.9, 0.9, 0.5, 0.01, 0.0]), 0.05)
    assert (-np.diff(moved) >= 0.05 - 1e-9).all()
    assert moved.min() >= 0
    np.testing.assert_allclose(_apart(np.array([0.9, 0.5]), 0.05), [0.9, 0.5])


def test_published_rows_stand_above_ours(summary):
    lines = error_means_table(arm.errors for arm in summary.arms).splitlines()
    assert lines[2] == "| AlexNet, published | 1.84 | 11.25 | 1.00 | 1.00 |"
    assert lines[3].startswith("| ResNet-18 (ImageNet), published | 0.98 | 10.99 | 1.27 |")
    assert [line.split(" | ")[0] for line in lines[4:]] == ["| chain", "| cutmix", "| flips", "| none"]


def test_a_table_by_corruption_has_a_column_for_few_networks(page, summary):
    lines = errors_by_corruption_table([summary.arms[0].errors]).splitlines()
    assert lines[0] == "| corruption | AlexNet | ResNet-18 (ImageNet) | chain |"
    ours = f"{100 * summary.arms[0].errors.corrupted['pixelate']:.2f}"
    assert f"| pixelate | 5.98 | 7.90 | {ours} |" in lines
    assert [line.split(" | ")[0] for line in lines[-3:]] == ["| mean", "| BE", "| relative BE"]
    head = "| corruption | AlexNet | ResNet-18 (ImageNet) | chain | flips |"
    assert head in (page / "index.md").read_text(encoding="utf-8")


def test_every_arm_has_a_colour_of_its_own_in_its_figure():
    assert {*KNOWN_ARMS, *RETIRED} == set(ARM_COLOURS)
    for figure in (POLICIES, (RECIPE_BASELINE, *RECIPES, *RETIRED)):
        assert len({ARM_COLOURS[arm] for arm in figure}) == len(figure)


def test_arms_of_the_recipe_have_no_gallery_and_old_galleries_go(negatives, cells, invent_arms, tmp_path):
    for record in invent_arms(["flips", "cutmix", "lion"], [0]):
        write_record(tmp_path, record)
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "gallery_stain.jpg").write_bytes(b"of an arm that is gone")
    (tmp_path / "page" / "cell_stain.jpg").write_bytes(b"of an arm that is gone")
    draw_ablation(tmp_path, tmp_path / "page", {}, "Invented", cells)
    pictures = {path.name for path in (tmp_path / "page").glob("*.jpg")}
    assert pictures == {"gallery_flips.jpg", "gallery_cutmix.jpg"}


def test_too_few_seeds_of_every_arm_are_told_at_once(invent_arms):
    words = unfinished_in_words(summarise(invent_arms(["flips", "chain"], [0, 1])))
    assert words == "**Unfinished:** 2 seeds each, where 3 are wanted."


def test_pictures_from_elsewhere_have_a_table_where_there_are_some(summary, invent_arms):
    assert "from elsewhere" not in ablation_page(summary, "Invented", {}, {})
    records = [
        replace(one, elsewhere=Elsewhere("cells of a laboratory", "ef" * 32, 4, "e0", 0.6))
        for one in invent_arms(["flips", "chain"], [0])
    ]
    page = ablation_page(summarise(records), "Invented", {}, {})
    assert " | 0.750 | 0.600 | +0.0 (+0.0 to +0.0, one seed) |" in page
    assert "*Of cells of a laboratory. Single views" in page and "with one seed, which makes none the best" in page
