"""One story each, from its trigger to its outcome: facts in, decide, write ahead, act."""
