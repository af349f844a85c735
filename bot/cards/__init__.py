"""Cards: each file here shows one report as a ``discord.Embed``; it formats and decides nothing.

``show(report)`` makes the embed (``mirror.line`` a line, ``message`` the cards without a report).
Every card has the same places: badges (mode, made-up market) on top, the verdict as title, short
lines and narrow tables in the middle, age and origin of the figures last, the correlation id in
the footer. Colour only repeats what words and signs say. Discord's limits hold by construction:
what does not fit is cut, and the card says so.
"""

from bot.cards._layout import Tone, as_of, badges, card, one_line, signed, tone_of

__all__ = ["Tone", "as_of", "badges", "card", "one_line", "signed", "tone_of"]
