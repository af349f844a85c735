"""Regular on purpose: an installed library brings a package of the same name."""
