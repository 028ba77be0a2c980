"""Where quanta run: one executor per file behind the contract in `base`."""
