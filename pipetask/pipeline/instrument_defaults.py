"""What the instrument of a pipeline says about its tasks' configurations, before the pipeline has its say."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from pipetask.errors import InstrumentError
from pipetask.located_yaml import Place
from pipetask.pipeline.document import Override, expanded

if TYPE_CHECKING:
    from pipetask.butler import Butler
    from pipetask.observation.instrument import Instrument

log = logging.getLogger(__name__)


def find_instrument(name: str, butler: Butler | None) -> Instrument | None:
    """Return the instrument that a pipeline names.

    Parameters
    ----------
    name : `str`
        Dotted name of a class, YAML file of a camera, or the name of an instrument in the repository.
    butler : `Butler` or `None`
        The repository.

    Returns
    -------
    instrument : `Instrument` or `None`
        `None` for an empty name, and for one that only a repository can tell if there is none. One that is
        registered, and whose class cannot be imported here, is `None`, too, with a warning.

    Raises
    ------
    InstrumentError
        If there is no such instrument.
    """
    if not name:
        return None
    from pipetask.observation.register_instrument import load_instrument, read_instrument

    if is_known_without_repository(name):
        return read_instrument(expanded(name))
    if butler is None:
        return None
    try:
        return load_instrument(butler, name)
    except InstrumentError as err:
        if butler.registry.dimension_record("instrument", {"instrument": name}) is None:
            raise
        log.warning("Nothing is known of the configurations that instrument %r begins with: %s", name, err)
        return None


def is_known_without_repository(name: str) -> bool:
    """Whether a name is that of a class or a file."""
    return "." in name or "/" in name


def instrument_overrides(instrument: Instrument | None, task_name: str) -> tuple[Override, ...]:
    """Return what an instrument sets for the tasks of one ``_DefaultName``: its files, then its values."""
    if instrument is None or not task_name:
        return ()
    place = Place(f"instrument {instrument.name}", 0)
    paths = [Path(expanded(folder)) / f"{task_name}.py" for folder in instrument.config_folders]
    files = [Override("file", "", str(path), place) for path in paths if path.is_file()]
    values = instrument.configs().get(task_name, {})
    return (*files, *(Override("value", field, value, place) for field, value in values.items()))
