"""The words of alert rooms: what each word or phrase can mean."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from engine.parsers._grammar import chatter, english, foreign


@dataclass(frozen=True, slots=True)
class Entry:
    """Meaning of a word: ``kind`` says how it is used, ``value`` what it stands for."""

    kind: str
    value: str


# Each line: meaning = phrase; phrase; ... Words are compared in lower case without apostrophes.

_VERBS = """
bto! = bto; buy to open; bought to open; buying to open; b t o; btoo
sto! = sto; sell to open; sold to open; selling to open; s t o
stc! = stc; sell to close; sold to close; selling to close; s t c
btc! = btc; buy to close; bought to close; buying to close; b t c
buy = bght; buy; buying; bought; purchased; purchasing; purchase; buys
sell = sld; sell; selling; sold; sells; offloaded; offloading; offload; unloaded; unloading; unload
sell = dumped; dumping; dump; sold out; selling out
open = grabed; entred; weare in; weare long; open; opened; opens; opening; entered; entering; enter
open = enters; initiated; initiating; initiate; started; starting; grabbed; grabbing; grab; grabs
open = snagged; snagging; snag; scooped; scooping; scoop; scooped up; scooping up; scoop up
open = back into; snapped up; snapping up; snap up; picked up; picking up; pick up; nabbed
open = nabbing; im in; in on; got in; getting in; back in; jumped in; jumping in; hopped in
open = hopping in; hopped into; jumped into; jumping into; loaded; loading; load; loaded up
open = loading up; nibbled; nibbling; nibble; nibbling on; nibbled on; nibble on; reentered
open = re entered; reentry; re entry; reentering; re entering; reloading; reloaded; im entering
open = position in; new position; new entry; opening position; opening a position
open = starting a position; opened a position; started a position; entering a position; got some
open = new position in; getting into; got into; going in; went in; im buying; entered long
open = going with; went with; picked these up; picked this up; took a shot at; taking a shot at
open = took a stab at; grabbed these; opn; opnd
open = pulled the trigger; pulling the trigger; pull the trigger
open = picked some; picked up some; grabbed some; grabbing some; getting some
take = took; taking; take; im taking
in = in
out = out
starter = starter; starter in; starter on; starter position; starter position in; small starter
starter = starting small; started small; starter here
long = lng; long; longing; longed; going long; went long; go long
short = short; shorting; shorted; going short; went short; go short; sold short; selling short
short = sell short; entered short
write = writing; wrote; write
cover = cvr; cvrd; bought it back; bought them back; buying it back
cover = cover; covered; covering; buy to cover; bought to cover; buying to cover; bought back
cover = buying back; buy back; buyback; covers
close = close; closed; closing; closes; exit; exited; exiting; exits; im out; got out; getting out
close = out of; flattened; flattening; flatten; flat; cut; cutting; cut it; bailed; bailing; bail
close = bailed on; bailing on; ditched; ditching; ditch; done with; done; unwound; unwinding
close = unwind; liquidated; liquidating; liquidate; closed out; closing out; close out; going flat
close = cashed out; cashing out; cash out; cashed; cashing; booked; booking; banked; banking
close = booked profits; booking profits; took profits; took profit; taking profits; taking profit
close = take profits; locked in; locking in; lock in; locked; locking; took the loss
close = taking the loss; taking the l; took the l; out here; exit here; cut here; im flat
close = we are flat; weare flat; weare out; we are out; gone; im done; getting flat; bailing out
close = bailed out; cut loss; cut losses; cutting losses; scratched; scratching; closing it
close = close it; closed it; dumping it; selling it; sold it; took it off; taking it off
close = exit trade; exited trade; trade closed; position closed; closed position; closing position
close = locked in profits; locking in profits; locked in gains; locking in gains; booked gains
close = booking gains; banked profits; ring the register; ringing the register; rang the register
close = secured profits; securing profits; secure profits; profit taken; profits taken; done here
close = securing; full exit; fully out; fully exited
close = gains taken; cls; clsd; clsng; cashing in; cashed in; cash in
stopped = stoped out; stoped; stopped out; stopped; stop out; stopped out of; stopped on
stopped = got stopped out; stop hit; stop loss hit; sl hit; stopped at; stop was hit; hit stop
stopped = hit my stop; hit stop loss; sl triggered; stop triggered; stop loss triggered; hit sl
stopped = trailing stop hit; trail stop hit; trailing stop hit on; stop hit on; trail hit
stopped = trailing stop triggered; trailing stop was hit
stopped = stops hit; stops triggered; sl was hit; stop got hit; sl got hit; stopped me out
stopped = hit the stop; stop was triggered; stop taken out; stop taken; took my stop
trim = trimed; triming; trim; trimmed; trimming; trims; scale out; scaled out; scaling out; scaling
trim = scaled; scale; scaling out of; scaled out of; scale out of; peeled; peeling; peel
trim = peeled off; peeling off; peel off; lightened; lightening; lighten; lightened up
trim = lightening up; lighten up; reduced; reducing; reduce; derisk; derisking; derisked
trim = de risking; de risked; de risk; shaved; shaving; shave; partial exit; partials
trim = taking partials; took partials; take partials; partial; taking some off; took some off
trim = take some off; some off; taking a few off; partial profits; taking partial profits
trim = took partial profits; partial profit; taking some profits; took some profits
trim = taking some profit; took some profit; sold some; selling some; sell some; taking partial
trim = took partial; took a few off; paying myself; pay yourself; paid myself
add = add; added; adding; adds; avg down; averaging down; average down; averaged down; avg up
add = averaging; averaged; averaged in; averaging in; averaged up; averaging up; average up
add = doubled down; doubling down; double down; topping up; topped up; added to; adding to; add to
add = scaling in; scaled in; scaling into; scaled into; bought more; buying more; buy more
add = adding more; added more; add more; averaged long; averaging in to; averaged into
add = grabbed more; grabbing more; avging; avgd; avging down; avgd down; avg in; dca; dcaing; dcad
add = dca in; adding here; add here; added here; doubling; doubled up; double up; doubling up
add = double
update = exit update; move; moved; moving; raise; raised; raising; raises; lower; lowered; lowering
update = bump; bumped; bumping; tighten; tightened; tightening; adjust; adjusted; adjusting; drag
update = widen; widened; widening; loosen; loosened; loosening
update = dragging; dragged; slide; sliding; slid; ratchet; ratcheting; exits update
update = position update; revised; revising; amend; amended; adjusted exits
nofill = didnt get it
nofill = no fill; not filled; didnt fill; did not fill; never filled; no fills; unfilled
nofill = didnt get filled; did not get filled; havent been filled; wasnt filled
cancel = cancel; canceled; cancelled; canceling; cancelling; cancels; cxl; nvm; nevermind
cancel = never mind; disregard; scratch that; void; voided; ignore that; ignore this
cancel = pulling the order; pulled the order; pull the order; pulling my order; pulled my order
cancel = order pulled; order canceled; order cancelled; withdrawn; withdraw; withdrawing
cancel = scrap that; taking the order off; taking this off; kill that; kill the order; scrap it
cancel = cancelled order; scrap the; scrap my; scrapped; scrapping; pulling it; pulled it; pull it
roll = roll; rolled; rolling; rolls; rolling to; rolled to; roll to; rolling into; rolled into
roll = rolling out; rolled out; rolling up; rolled up; roll up; roll out; rolling out to
roll = rolled out to; rolling up to; rolled up to; rolling down to; rolled down to
"""

_RESTING = """
buy = buy stop; buy limit; stop entry; buy stop limit; limit buy; stop buy
sell = sell stop; sell limit; limit sell
"""

_TAGS = """
GAMMA = gamma
"""

_PARTS = """
all = all; everything; all of it; entire; entire position; whole; whole position; full position
all = all contracts; all cons; all my; all of my; all of the; 100 percent; completely; fully
rest = rest; the rest; remainder; remaining; the remainder; balance; the balance; final; whats left
rest = rest of it; rest of them; last of it; last of them; the other half; other half; last runner
rest = last quarter; last third; last few; last bit; last half
rest = last runners; last one; last con; last contract; remaining runners; remaining half; rest of
rest = the last; final piece; last piece; final runner; final runners; the rest of; remainder of
rest = the remainder of; what was left; what is left; remaining position; last half; final half
runner = runner; runners; my runner; my runners; the runner; the runners
half = half; a half; one half; half of; half of my; half my; half the
third = third; a third; one third; 1 third
quarter = quarter; a quarter; one quarter; one fourth; a fourth
twothirds = two thirds
threequarters = three quarters; three fourths
some = some; a few; few; a bit; bit; a little; little; portion; a portion; a piece; piece; most
some = several; couple; a couple; a chunk; chunk; some of; a few of; a bit of; part; part of
some = a part; all but one; all but 1; all but two; all but 2; all but a few; all but a runner
some = all but the runner; all but runners; all but the runners; all except one; all except a few
"""

_LEVELS = """
stop = sl; s/l; stop; stops; stoploss; stop loss; stop losses; hard stop; stoplosses; stope; stp
stop = stop level; hard sl; my stop; my sl; stop price; stp loss; initial stop; sls
stop = protective stop; invalidation; cover stop; cover stop at
target = pt; pts; tp; tps; tgt; tgts; target; targets; take profit; profit target; price target
target = profit targets; price targets; pt1; pt2; pt3; pt4; tp1; tp2; tp3; tp4; t1; t2; t3; t4
target = tgt1; tgt2; tgt3; target1; target2; target3; first target; second target; third target
target = 1st target; 2nd target; 3rd target; cover target; exit target; upside target; final target
target = looking for; aiming for; targeting; goal; goals; trim target; next target; main target
target = downside target; take profits at; targetting; profit tgt; take profit 1; take profit 2
target = take profit 3; take profit target; t/p; p/t
trail = ts; tsl; tsbuy; trail; trailing; trailing stop; trail stop; trailing sl; trailed; trails
trail = trailing stop loss; trailing stops
risk = risk; risking
"""

_PRICES = """
plain = at; @; for; price; fill; filled; filled at; limit; lmt; limit price; fill price; my fill
plain = fills; around; near; approx; roughly; approximately; circa; about; paid; premium; filled on
plain = px; prem; price paid; lim; net price; my price; average fill; limit at; avg fill
entry = entry; my entry; entry price; entry at; in at; avg; average; avg price; average price
entry = avg entry; average entry; avg cost; cost; my avg; my average; bought at; entry point
entry = cost basis; entered at; entry fill; avg in price; in from; new avg; new average; avg now
exit = scaling price; exit price; sale price; trim price; close price
market = mkt; market; cmp; current price; market price; at market; market order; mp; mkt price
ref = from; off of
"""

_EVEN = """
even = breakeven; break even; b/e; bep; even; scratch; cost basis; brekeven
"""

_TIMES = """
0dte = same day; sameday; today; todays; same day exp; same day expiry; exp today; expiring today
tomorrow = tomorrow; tommorow; tommorrow; tomorow; tmrw; tmr; tomorrows; tmw; tmrow
weekly = weekly; weeklies; weeklys; this week; eow; this weeks; end of week; wkly; wklys; wk
weekly = this wk; end of the week; weekly exp; weekly expiry; wklies
nextweek = next week; next weeks; next wk; nxt week; nxt wk; following week; the following week
monthly = monthly; monthlies; monthlys; opex; op ex
leaps = leaps; leap
vague = eom; eoy; end of month; end of year; quarterly; quarterlies; daily; dailies; next month
vague = this month; month end; year end
day:0 = monday; mon; mondays
day:1 = tuesday; tue; tues; tuesdays
day:2 = wednesday; wed; weds; wednesdays
day:3 = thursday; thu; thur; thurs; thursdays
day:4 = friday; fri; fridays
"""

_MONTHS = """
1 = jan; january
2 = feb; february
3 = mar; march
4 = apr; april
5 = may
6 = jun; june
7 = jul; july
8 = aug; august
9 = sep; sept; september
10 = oct; october
11 = nov; november
12 = dec; december
"""

_SIZES = """
lotto = lotto sizing; lotto; lottos; lotto size; lotto play; lotto sized; lotto position
lotto = lotto ticket; lottery; lotto tickets; yolo; yolo size; lotto only; lottery ticket
small = small sizing; light sizing; small size; small; tiny; tiny size; light size; light
small = small position; smaller size; starter size; small sized; size small; small risk
small = reduced size; low size; super small; very small; sized small; smaller; size light
small = tiny position; light position; size down; sized down; size it small
half = half sizing; half size; half position; half sized; 1 2 size; size half; half size only
half = half a position
full = full size; full sized; full position size; size full; full size now
odd = quarter size; double size; 2x size; triple size; max size; big size; size up; oversized
odd = third size; large size; 3x size; half the usual; all in; size heavy; usual half; bigger size
odd = go big; sized up; third position; quarter position; double position; heavy size; huge size
"""

_LABELS = """
symbol = ticker; symbol; underlying; stock; tickers; instrument
contract = contract; option; contracts traded; option contract; options contract; shares; lots
contract = contracts; cons
strike = strike; strike price; strikes; k; strick; stike; strk
exp = exp; expiry; expiration; expires; expiring; expiration date; exp date; expiry date; exprity
exp = expitry; experation; exipration; expirey; xp date; expirations; expire; expiries; exps; expir
exp = exp on; expiring on; expires on; date; dte date
type = type; option type; direction; put call; call put; cp; c/p; p/c
action = action; side; order; signal; instruction; order type; trade; trade type
dte = dte; days to expiration; days to expiry; days to exp
qty = qty; quantity; size; position size; q; amount; no of contracts; number of contracts
fraction = fraction
notes = notes; note; comment; comments; reason; thesis; remarks; commentary
"""

_UNITS = """
contracts = contracts; contract; cons; con; cont; conts; cars; car; lots; lot; ctrs; cts; ct; ctr
shares = shares; share; shs; sh
points = points; point; pts; pt; handles; handle
ticks = ticks; tick; tks; pips; pip
cents = cents; cent; pennies
dte = dte; dtes; day dte; days dte; d t e
"""

_RIGHTS = """
C = call; calls; c; cs; callz; call option; call options
P = put; puts; p; ps; putts; putz; put option; put options
"""

_SPREADS = """
call debit = call debit spread; cds; bull call spread; bull call; debit call spread
call debit = bull call vertical; call debit vertical; call debits; long call spread
call debit = call debit spreads; bcs spread
call credit = call credit spread; ccs; bear call spread; bear call; credit call spread
call credit = bear call vertical; call credit vertical; short call spread; call credit spreads
put debit = put debit spread; pds; bear put spread; bear put; debit put spread; bear put vertical
put debit = put debit vertical; long put spread; put debit spreads
put credit = put credit spread; pcs; bull put spread; bull put; credit put spread
put credit = bull put vertical; put credit vertical; short put spread; put credit spreads
call = call spread; call vertical; call spreads; calls spread; call verticals
put = put spread; put vertical; put spreads; puts spread; put verticals
vertical = vertical; spread; vertical spread; verticals; spreads; vert; verts
debit = debit spread; debit vertical; debit spreads
credit = credit spread; credit vertical; credit spreads
condor = iron condor; condor; ic; iron condors; condors; irons
fly = butterfly; fly; butterflies; flies; bfly; bwb; broken wing butterfly; broken wing; bwb fly
call fly = call butterfly; call fly
put fly = put butterfly; put fly
ironfly = iron fly; iron butterfly; ironfly
straddle = straddle; straddles; long straddle; short straddle
strangle = strangle; strangles; long strangle; short strangle
calendar = calendar; calendars; calendar spread; cal; time spread; horizontal
call calendar = call calendar; calendar call spread; call calendar spread
put calendar = put calendar; calendar put spread; put calendar spread
diagonal = diagonal; diag; diagonals; diagonal spread; pmcc
ratio = ratio; ratio spread; back ratio; backspread; backratio; front ratio
call ratio = call ratio; call ratio spread; call backspread; ratio call spread
put ratio = put ratio; put ratio spread; put backspread; ratio put spread
other = collar; risk reversal; jade lizard; box; box spread; covered strangle; synthetic
other = christmas tree; double diagonal; double calendar; big lizard; covered call; covered calls
other = buy write; buywrite
"""

_EFFECTS = """
credit = cr; credit; net credit; credits; for a credit
debit = db; debit; net debit; debits; dr; for a debit
"""

_TABLES: tuple[tuple[str, str], ...] = (
    ("cue", foreign.CUES),
    ("verb", foreign.VERBS),
    ("part", foreign.PARTS),
    ("level", foreign.LEVELS),
    ("price", foreign.PRICES),
    ("even", foreign.EVEN),
    ("fill", chatter.FILLERS),
    ("note", chatter.NOTES),
    ("cue", chatter.CUES),
    ("verb", _VERBS),
    ("resting", _RESTING),
    ("tag", _TAGS),
    ("part", _PARTS),
    ("level", _LEVELS),
    ("even", _EVEN),
    ("keep", chatter.KEEP),
    ("kept", chatter.KEPT),
    ("occasion", chatter.OCCASIONS),
    ("price", _PRICES),
    ("when", _TIMES),
    ("month", _MONTHS),
    ("size", _SIZES),
    ("label", _LABELS),
    ("unit", _UNITS),
    ("right", _RIGHTS),
    ("spread", _SPREADS),
    ("effect", _EFFECTS),
)
_MULTI = frozenset(("unit", "label"))
"""Kinds that keep their meaning beside an earlier one: ``contracts`` is a label and a unit."""

Phrases = list[tuple[tuple[str, ...], Entry]]


@cache
def _compiled() -> tuple[dict[str, Phrases], dict[str, dict[str, str]]]:
    heads: dict[tuple[str, ...], Entry] = {}
    extra: dict[str, dict[str, str]] = {kind: {} for kind in _MULTI}
    for kind, table in _TABLES:
        for meaning, phrase in english.rows(table):
            words = tuple(phrase.split())
            if kind in _MULTI and len(words) == 1:
                extra[kind][phrase] = meaning
            if kind != "unit" or words not in heads:
                heads[words] = Entry(kind, meaning)
    lexicon: dict[str, Phrases] = {}
    for words, entry in heads.items():
        lexicon.setdefault(words[0], []).append((words[1:], entry))
    for phrases in lexicon.values():
        phrases.sort(key=lambda one: -len(one[0]))
    return lexicon, extra


def phrases(first: str) -> Phrases | None:
    """Everything that may begin with the word ``first``, longest phrase first."""
    return _compiled()[0].get(first)


def words() -> Iterable[str]:
    """Every word that may begin a phrase."""
    return _compiled()[0].keys()


def meaning(word: str) -> Entry | None:
    """What the word alone means."""
    return next((entry for rest, entry in phrases(word) or () if not rest), None)


def unit(word: str) -> str | None:
    """``contracts``, ``shares``, ``points`` or ``dte`` when the word counts something."""
    return _compiled()[1]["unit"].get(word)


def label(word: str) -> str | None:
    """What a ``word:`` before a value names, if it names something."""
    return _compiled()[1]["label"].get(word)
