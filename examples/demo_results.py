"""What the demo says of its results: measured against true fluxes, and a picture of the apertures."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
from astropy.table import Table, vstack

from pipetask import Butler

OUTPUT = "u/demo/aperture"


def compare_with_truth(repository: Path, truth_file: Path) -> str:
    """Compare aperture fluxes of isolated, unsaturated stars with what was simulated, by brightness."""
    truth = Table.read(truth_file)
    with Butler.from_config(repository, collections=OUTPUT) as butler:
        stars = vstack(
            [_matched(butler.get(ref), truth, ref.dataId) for ref in butler.query_datasets("customAperture")]
        )
    lines = [
        f"{len(stars)} isolated stars, aperture flux over true flux (radius 12 pixels):",
        "    true flux [electron]   stars   median - 1    scatter   expected",
    ]
    for low, high in pairwise([1e3, 3e3, 1e4, 3e4, 1e5, 1e6]):
        chosen = stars[(stars["flux"] >= low) & (stars["flux"] < high)]
        if len(chosen):
            ratio = np.asarray(chosen["apFlux_12"] / chosen["flux"])
            expected = np.median(np.asarray(chosen["apFluxErr_12"] / chosen["flux"]))
            scatter = 1.4826 * np.median(np.abs(ratio - np.median(ratio)))
            interval = f"  {low:9,.0f} to {high:9,.0f}"
            lines.append(
                f"{interval} {len(chosen):7d} {np.median(ratio) - 1:+12.4f} {scatter:10.4f} {expected:10.4f}"
            )
    return "\n".join(lines)


def _matched(catalog: Table, truth: Table, data_id: Mapping[str, int]) -> Table:
    """Stars of one image that are measured well and have no neighbour, with their true flux."""
    stars = truth[(truth["visit"] == data_id["visit"]) & (truth["detector"] == data_id["detector"])]
    x, y = np.asarray(stars["x"]), np.asarray(stars["y"])
    distance = np.hypot(x[:, None] - x, y[:, None] - y)
    disturbing = (distance < 30) & (
        np.asarray(stars["flux"])[None, :] > 0.001 * np.asarray(stars["flux"])[:, None]
    )
    stars = stars[(disturbing.sum(axis=1) == 1) & ~np.asarray(stars["saturated"])]
    offsets = np.hypot(
        np.asarray(stars["x"])[:, None] - np.asarray(catalog["x"]),
        np.asarray(stars["y"])[:, None] - np.asarray(catalog["y"]),
    )
    nearest = offsets.argmin(axis=1)
    found = catalog[nearest]
    for name in ("apFlux_12", "apFluxErr_12", "apFlags_12"):
        stars[name] = np.asarray(found[name])
    return stars[(offsets.min(axis=1) < 1) & (stars["apFlags_12"] == 0)]


def draw_apertures(repository: Path, picture: Path) -> None:
    """Draw one image with the apertures that were measured on it."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Circle

    with Butler.from_config(repository, collections=OUTPUT) as butler:
        ref = min(butler.query_datasets("customAperture"))
        catalog, image = butler.get(ref), butler.get("calexp.image", ref.dataId)
    scatter = 1.4826 * np.median(np.abs(image))
    figure, axes = plt.subplots(figsize=(6.4, 6), layout="constrained")
    axes.imshow(image, origin="lower", cmap="gray_r", vmin=scatter, vmax=20 * scatter)
    good = np.asarray(catalog["apFlags"]) == 0
    for chosen, colour, label in ((good, "tab:blue", "measured"), (~good, "tab:red", "flagged")):
        circles = [Circle(place, 4) for place in zip(catalog["x"][chosen], catalog["y"][chosen], strict=True)]
        axes.add_collection(PatchCollection(circles, facecolor="none", edgecolor=colour, linewidth=1))
        axes.plot([], [], "o", mfc="none", mec=colour, label=f"{chosen.sum()} {label}")
    axes.set(
        title=f"SimCam visit {ref.dataId['visit']}, detector {ref.dataId['detector']}: apertures of 4 pixels",
        xlim=(-0.5, image.shape[1] - 0.5),
        ylim=(-0.5, image.shape[0] - 0.5),
        xlabel="x [pixel]",
        ylabel="y [pixel]",
    )
    axes.legend(loc="upper right", framealpha=0.9)
    figure.savefig(picture, dpi=80)
    plt.close(figure)
