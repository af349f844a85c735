"""The Discord process: wiring, cards, buttons, charts, command line."""
