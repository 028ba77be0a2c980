"""Declare tasks, join their inputs into quanta, run them in parallel and know what was made from what."""
