"""Simulated exposures with a known truth: for the demo, tests and benchmarks.

A survey of the camera *SimCam* (``examples/cameras/simcam.yaml``) looks at one field of stars: each visit is
dithered, each detector has its own dead columns, and every image has a sky gradient, photon and read noise,
cosmic rays and saturated stars. Detectors may also leave a signature, of which there are calibration frames.
Everything follows from the seed.
"""

from pipetask.simulate.calibrations import simulate_calibrations as simulate_calibrations
from pipetask.simulate.detector import BIAS as BIAS
from pipetask.simulate.detector import GAIN as GAIN
from pipetask.simulate.detector import SATURATION as SATURATION
from pipetask.simulate.detector import Signature as Signature
from pipetask.simulate.detector import linearity_table as linearity_table
from pipetask.simulate.stars import star_image as star_image
from pipetask.simulate.survey import simulate_survey as simulate_survey
