"""From files of a camera to datasets: instruments, raws, visits, sky maps and calibrations."""
