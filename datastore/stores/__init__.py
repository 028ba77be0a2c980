"""Stores: places for artifacts, one module each, behind the contract in ``base``."""
