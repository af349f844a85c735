"""Verbs of the command line: one file each; the file name is the verb (see bot/__main__)."""
