"""The words that a model may use between facts: plain English of a trading desk, no count in it.

A list of what is forbidden can always be got round: another language, a spelled-out number, letters
set apart. So it is turned around: what is not on this list is not said.
"""

import re

_PLAIN = """
a an the this that these those there here it its itself they them their theirs themselves he she
his her him we our ours us you your yours yourself who whom whose which what where when why how
whether nobody somebody anybody everybody everyone someone anyone nothing something anything
everything none neither either each every any some all most many much more less least fewer few
several enough such same other others another own only just even also too very quite rather almost
nearly about around roughly close far near still yet already again always often usually sometimes
rarely never ever now then today yesterday tomorrow tonight soon later earlier recently lately
before after afterwards during while until till since ago  meanwhile early late long short
and or but nor so because if unless although though however therefore thus hence otherwise instead
despite except besides of in on at by for from to into onto out off over under above below between
among across along against toward towards through throughout with within without upon per up down
away back forward together apart as than like unlike via
be is are was were been being am do does did done doing have has had having can could may might
must shall should will would cannot not no yes let lets
accept account act action add adjust advice advise affect aim alert allow alone answer appear apply
approach approval approve ask asset attention author automatic available average avoid aware bad
balance base basis be bear become began begin behave behind benefit best better big bigger biggest
bit black bleed book bottom bounce brief bring broad broker build bull button buy buyer calendar
call calm came cancel capital care careful carefully carry case cash cause caution cautious certain
chance change chart chase cheap check choice choose clean clear clearly clock closed closely closer
closest come comfort comfortable common compare complete concentrate concentrated concentration
concern condition confirm consider consistent contract contribute contribution control cool
correlate correlated correlation cost cover crowded current currently cushion cut daily damage
danger dangerous data date day deal decide decision decline deep deeper deepest defend delay demand
depend deserve desk detail dip direction discipline disciplined discretion distance diverse
diversify diversified dollar dominate doubt downside drag draw drawdown drift drive driven driver
drop drove due ease easily easy edge effect effort eat eaten end energy enter entire entirely entry
equal equity especially event exactly exceed exercise exist exit expect expensive expire expiry
explain expose exposed exposure extend extra eye face fact factor fail fair fall fallen far fast
faster favor favour fear fee feel fell figure fill final find fine firm fit fix flat focus follow
found fresh friendly full fully fund further future gain gap gave general get give given glance go
goal goes going gone good got gradual great greater green grew ground group grow growth guard guess
hand handle happen hard hardly harm hazard headline health healthy hear heat heavier heavily heavy
hedge held help high higher highest hit hold holder home hope hot hour hurry hurt idea idle ignore
immediate immediately impact important improve include increase index individual inform insight
intact intend interest involve issue item join judge keep kept key kind knew know known lack large
larger largest last lead leader leading lean leave led left leg lend lesson level lie lift light
limit limited line liquid list little live load lock look looking loose lose loser losing loss lost
low lower lowest made main mainly maintain make manage margin mark market material matter mean
meaningful meant measure meet met middle mild mind minor minute miss missed missing mistake mix
mixed model moderate modest moment momentum money month mood morning mostly move moved movement name
narrow nature need neutral new newer newest news next nice noise normal note notable notably notice
obvious odds offer offset old older oldest open opened opinion opportunity option order ordinary
original outcome outside outweigh overall overnight overview own paid pain paper part partial
partially particular partly past patience patient pattern pause pay payoff people perform
performance perhaps period person picture piece place plan play point poor portfolio position
positive possible possibly potential practice prefer premium prepare present press pressing pressure
previous price pricing prior priority probably problem proceed produce profit profitable prompt
proper properly protect protected protection protective prove provide pull pure purpose push put
quality question quick quickly quiet quite quote raise ran range reach react read ready real realise
realised realize realized really reason reasonable recent reckon record recover recovery red reduce
reduction refuse refused regime regular reject relate relation relative relax release relief rely
remain remaining remark remember remind remove repair repeat report require reserve resist rest
result return reverse review reward right rise risen risk riskier riskiest risky role room rose rule
run running safe safer safest safety said sat save saw say schedule sector secure see seem seen sell
seller selling sense sensible sensitive separate serious session set setback setup severe shape
share sharp sharply shift show shown side sign signal significant similar simple simply sit sitting
situation size skip slice slight slightly slip slow slower small smaller smallest smooth sold solid
sort sound source speak special spend spike split spread stable stake stand start state stay steady
step stick stock stood stop story straight strain strategy strength strengthen stretch stretched
strike strong stronger strongest structure struggle subject success successful suffer suggest sum
summary support sure surge surprise symbol system take taken talk target technical tell tend term
thesis thin thing think thought threat threaten tidy tie tied tight tighten tighter time today told
took tool top toward total touch track trade trader trail trailing trend trigger trim trouble true
trust try turn type typical unable uncertain unclear uncovered understand undo uneven unfilled
unhedged unknown unlikely unprotected unrealised unrealized unusual unwind upside urgent use useful
usual valid value vary venue verdict view volatile volatility volume wait waiting want warn warning
was watch way weak weaker weakest weakness wealth week weigh weight well went while whole wide wider
win winner winning wise wish withdraw withdrawn won wonder word work working world worse worsen
worst worth write wrong year zone
bullish bearish upward downward sideways intraday rally selloff breakout pullback breakeven
else decay rate pick picked widen wide tilt tilted technology tech financial industrial consumer
utilities healthcare semiconductor crypto bond feature ate hasty rush nearby approaching
beyond adverse allowance anyway apparent area arrive bought breach broken busy capture
clearer consequence contain decisive delta theta gamma vega deliver derive escape
established exhausted explains fade healthy inactive intention
invested nervous observe occur outlier outperform outperformed patiently pending plenty
portion preserve progress propose relevant retain revisit rough scale settle
settled spare swing test tested thorough transaction uneventful untouched
violate whipsaw overbought oversold uptrend downtrend liquidity slippage
stale fundamentals earnings dividend hedging
"""
WORDS = frozenset(_PLAIN.split())
_APOSTROPHES = str.maketrans({"’": "'"})
_SHORT = {"n't": "", "'s": "", "'re": "", "'ve": "", "'ll": "", "'d": "", "'": ""}
_ENDINGS = ("s", "es", "d", "ed", "ing", "ly", "er", "est", "ness", "able")
_WORD = re.compile(r"[A-Za-z]+(?:['’][A-Za-z]+)*['’]?")
_CHARACTERS = re.compile(r"[A-Za-z\s,.;:!?()'\"’“”–—-]*")


def strange(text: str, names: frozenset[str] = frozenset()) -> str:
    """The first thing in a text that is no plain word and none of ``names``; empty: all are."""
    rest = _CHARACTERS.match(text)
    if rest is None or rest.end() < len(text):
        return text[0 if rest is None else rest.end()]
    return next((w for w in _WORD.findall(text) if not (w in names or _is_plain(w))), "")


def _is_plain(typed: str) -> bool:
    word = typed.translate(_APOSTROPHES).lower()
    for end, instead in _SHORT.items():
        if word.endswith(end):
            word = word.removesuffix(end) + instead
            break
    return word in WORDS or any(
        stem in WORDS for end in _ENDINGS if word.endswith(end) for stem in _stems(word, end)
    )


def _stems(word: str, end: str) -> tuple[str, ...]:
    """What a word may be made from: stopped, closing, tries."""
    stem = word.removesuffix(end)
    if len(stem) < 3:
        return ()
    once = stem[:-1] if stem[-1] == stem[-2] else stem
    return stem, once, f"{stem}e", f"{stem[:-1]}y" if stem[-1] == "i" else stem
