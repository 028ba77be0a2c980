"""Stand-ins for ``lsst.pipe.base`` and ``lsst.daf.butler``: modules written for the reference run here."""

from pipetask.compat.finder import VARIABLE, OriginalInstalledWarning, install

__all__ = ["VARIABLE", "OriginalInstalledWarning", "install"]
