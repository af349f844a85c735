"""What the parsers share: cleaning, tokens, words, numbers, dates, levels, judgement."""
