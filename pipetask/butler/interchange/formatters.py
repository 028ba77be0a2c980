"""Names of formatters on both sides of an exchange."""

from __future__ import annotations

from pathlib import PurePosixPath

_BUTLER = "lsst.daf.butler.formatters."

THEIRS = {
    "config": "lsst.pipe.base.formatters.pexConfig.PexConfigFormatter",
    "fits_exposure": "lsst.obs.base.formatters.fitsExposure.FitsExposureFormatter",
    "fits_image": "lsst.obs.base.formatters.fitsExposure.FitsImageFormatter",
    "fits_raw": "lsst.obs.base.FitsRawFormatterBase",
    "fits_table": f"{_BUTLER}astropyTable.AstropyTableFormatter",
    "json": f"{_BUTLER}json.JsonFormatter",
    "parquet": f"{_BUTLER}parquet.ParquetFormatter",
    "png": f"{_BUTLER}matplotlib.MatplotlibFormatter",
    "yaml": f"{_BUTLER}yaml.YamlFormatter",
}
_OURS = {theirs: ours for ours, theirs in THEIRS.items()} | {
    f"{_BUTLER}packages.PackagesFormatter": "",
    f"{_BUTLER}logs.ButlerLogRecordsFormatter": "json",
    "lsst.obs.base.formatters.fitsExposure.FitsMaskFormatter": "fits_image",
}
_BY_SUFFIX = {
    ".json": "json",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".parq": "parquet",
    ".parquet": "parquet",
    ".npy": "npy",
    ".png": "png",
    ".py": "config",
}


def exported(formatter: str) -> str:
    """Return the name that the reference has for a formatter of ours; ours where it has none."""
    return THEIRS.get(formatter, formatter)


def imported(formatter: str, path: str) -> str | None:
    """Return the formatter of ours that reads a file of an export; `None` for that of the storage class.

    A formatter of a camera's raw images reads raw images; others are told by the file's suffix. Names of
    classes are never imported: an export is data.
    """
    if formatter and "." not in formatter and ":" not in formatter:
        return formatter
    if "raw" in formatter.rpartition(".")[2].lower():
        return "fits_raw"
    return _OURS.get(formatter) or _BY_SUFFIX.get(PurePosixPath(path.partition("#")[0]).suffix.lower())
