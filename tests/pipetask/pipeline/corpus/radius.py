config.apRad = 5  # noqa: F821  (the configuration that this file is applied to)
