config.apRad = "wide"  # noqa: F821  (a config file)
