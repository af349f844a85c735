"""One Discord area per file: read Discord, call one flow or report, reply."""
