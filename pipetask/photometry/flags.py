"""The quality bits of aperture photometry: every value, name and meaning is defined here and nowhere else."""

import enum


class ApertureFlag(enum.IntFlag):
    """What was special about one source; no bit set means that nothing was.

    `describe` tells what a value means.
    """

    EDGE = 1
    MASKED = 2
    NON_FINITE = 4
    CENTRE_MASKED = 8
    NO_PIXELS = 16
    BAD_CENTRE = 32
    NO_BACKGROUND = 64
    BAD_VARIANCE = 128


MEANINGS: dict[ApertureFlag, str] = {
    ApertureFlag.EDGE: "part of the aperture lies off the image; the sum and the area hold the part inside",
    ApertureFlag.MASKED: "masked pixels inside the aperture were left out (or scaled for, if asked to)",
    ApertureFlag.NON_FINITE: "NaN or infinite pixels inside the aperture were left out, as if masked",
    ApertureFlag.CENTRE_MASKED: "the pixel that holds the centre is masked or not finite; the flux is NaN",
    ApertureFlag.NO_PIXELS: "the aperture covers no usable pixel (off the image, masked); the flux is NaN",
    ApertureFlag.BAD_CENTRE: "the centre is NaN or infinite; nothing was measured",
    ApertureFlag.NO_BACKGROUND: "the annulus holds too few usable pixels; background and flux are NaN",
    ApertureFlag.BAD_VARIANCE: "the variances inside the aperture add up to no finite, non-negative number",
}


def describe(flags: int) -> list[str]:
    """Meanings of the bits set in one flag value, lowest bit first."""
    return [meaning for flag, meaning in MEANINGS.items() if flags & flag]
