"""The demo: the real bot, a Discord on loopback, a made-up market, one crash, and the books."""
