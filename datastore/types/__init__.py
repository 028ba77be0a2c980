"""The classes that users hold: images with their calibrations, and small values; numpy only at import."""
