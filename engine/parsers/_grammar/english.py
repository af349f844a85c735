"""Everyday English, so that a word is not taken for a ticker or for a misspelt keyword."""

from collections.abc import Iterator

_COMMON = """
a able about above acct ache act acted add added adds admin adult after again age aged ago agree
ahead aid aided aiding aim aims ain air alarm alert alike alive all allow alone along alot also
although always am amid among amount amply an and anger angle angry annoy another answer any
anyone anything anyway apart appear apple apply apps area areas arent argue around arrive art as
aside ask asked asks at ate aunt auto avocados avoid awake award aware away awful axe baby back
bad badly bag bagel bags baked balls band bank banks bar barely base based basic basis bath be
beach bear beat beats became because become bed bedding been beer beers before began begin begun
behind being believe bell below belt bench bending best better between beyond bid bidding big
bigger bike bill birth bit bite black blame blank blast bleed bless blew blind block blood blow
blown blue board boat body bold bolder bomb bond bone book books boom boost boot bored boring born
boss both bother bottom bought boulder bounce bound bowl box boy boys brain brave bread break
breaks breath bred brick brief bright brimming bring broad broke broken brother brought brown
brush bug build built bulk bull bully bunch burger burgers burn burned bus busy but buy buyer by
bye cab cake call calm came camp can candle cant cap card cards care cares carpet carts case cash
cast catch caught cause cells cent cents chair chance change channel charge charm chart charts
chat cheap check checks cheer chest chief child chill china choice choose chop church city claim
class clean clear clearly clerk click climb clock close closer closet cloud club clue coach coast
coat coded coffee cold colder come comes coming common comply condo cook cooked cool copy cost
costly costs couch couches could count couple course court cover crack crap crash crazy cream credit
creek crew cried crime cross crowd crude cry cup cure curve cut cute cycle dad daily dam damn
dance dark darts data date dates dawn day days dead deal deals dealt dear death debt decent deep
deeper degree delay delta deny depth desk did didnt die died dies diet different difficult dig dim
dinner dip dips dirt dirty disc dish do doctor does doesnt dog dogs doing dollar done dont donut
donuts door dot double doubt down dozen drag draw drawn dream dress drew drink drive drop drops
drove drunk dry duck dude due dumb dump during dust duty each eager ear early earn earth ease east
easy eat edge effort egg eggs eight either else email empty end ended ending ends enemy energy
engine enjoy enough enter entire entry equal error escape euro even event ever every exact exactly
exam except exist exit expect extra eye eyes face faced fact facts fade fading fail fails faint
fair faith fake fall falls false fame family fan fancy fans far farm faster fat fate fault favor
fear fed fee feed feel feels fees feet fell felt few field fifth fifty fight file files fill film
filthy final finally find finds fine finger finish fire fired firm first fish fit five fix fixed
flag flat flew flip floor flow fly focus fold folder folks follow food fool foot for force forest
forget form forth forty fought found four frame free fresh fried friend fright frog from front
fruit fuel full fully fun fund funny gain game games gap garden garnet gas gate gave gear gentry
get gets giant gift girl girls give given gives giving glad glass global gnarly go goal god goes
going gone gonna good goods goose gosh got gotta grab grade grading grand grass gray great greatly
green greet grew grill grind gross ground group grow grown guard guess guest guide guilt guitar
gun guy guys gym habit had hair half hall halls hand hands handy hang happy hard harder hardly
harm has hasnt hat hate have havent he head health hear heard heart hearts hearty heat heavily
heavy heck height held hell hello help her here hero hers hes hey hi hidden hide hiding high
higher highs hike hill him hire his hit hits hmm hold holder holds hole home honest honey hook hop
hope horse host hot hotel hour hours house hovered how huge human humor hung hunt hurry hurt i
idea ideas idiot if ill image imply in inch info inner input inside intel into invest iron is isnt
issue it item items its itself jail jaw jeez job jobs join joint joke joy judge juice juicy july
jump jumps june junk jury just keen keep keeps kept kick kid kids kill kind king kiss kitten knee
knew knife knock know known knows labor lack ladder lady lag laid lake lamp land lane laptop large
largely last lastly late lately later laugh law laws lay layer lead leading leads lean leap learn
least leave led left leg legs lend lending less let lets level lid lie lies life lift light like
likely likes limit line lines link lips list listen lit little live lives load loan local lock log
logic lone long longer look looks loose lord lose loses loss lost lot lots loud love loved lower
lowest luck lucky lunch lying mad made magic mail main major make makes male malls man many map
march margin mark market married mass match mate math matter max may maybe me meal mean means
meant meat media meet meets mega men mending mere mess met metal mid might mighty mild mile milk
mill min mind mine minor mint minus minute miss mix mixed mode model mom moment money monster
month months mood moon moons moral more most mostly mother motor mount mouse mouth move moves
movie much mud muddy music must mute my myself nail naked name named names narrow nasty nation
near nearby nearly neat neck need needs never new news next nice night nine no nobody noise none
noon nor north nose not note notes nothing notice now null number nuts obey object obvious odd
odds of off offer office often oh oil okay old older on once one ones only onto oops open opens or
order orders other ought our ours out outer over owe owed own owner owns pace pack padding page
paid pain paint pair pale panic pants paper parent park part partly parts party pass past paste
patch pause pay pays peace peak peek pen pending people perfect phase phone phones photo piano
pick picks pics pie piece pig pile pills pilot pin pink pint pit pivot pizza place plain plan
plane plans plant plate plays please plenty plot plus pm point points poll polls pool poor pop
pops port pos post posts pot pound pour power ppl praise pray press pretty price prices pride
prime print prior prize pro prob probe probs proof proper proud prove pub pull pulls pump pumps
puppy pure push put puts queen quick quiet quit quite quote race rage rain raise raised rally ran
range rapid rare rarely rate rates rather raw reach react read readily reading ready real really
reason records red relax rely rent reply report rest rich rid ride riding right ring rip rips rise
risen rises risk risks risky river road rock role roll roof room rooms root rope rough round route
row royal rude rule rules rumor run runs rush sad safe safer said sail sake sale sales salt same
sand sat save saved saw say says scale scare scene school score scrap scream screen sea seat seats
second see seed seek seem seems seen self sell sells send sending sends sense sent sentry serve
set sets seven sex sexy shade shake shall shame shape sharp she sheep sheet shelf shell shes shift
shine ship shirt shirts shit shock shoe shoes shoot shops shore short shorts shot should shout
show shown shows shut shy sick side sides siding sight sign signs silly silver simply since sing
sir sister sit site sits six size sized skill skin skip sky slap sleep slept slide slight slimming
slip slow slower small smart smash smell smelling smile smoke smooth snort so soap socks soft sold
solid some son song soon sooner sorry sort sought soul sound soup south space spare speak speed
spell spelling spend spending spent spicy spike spin spirit split spoke sport spots spread spring
stack staff stage stake stand star stare stark stars start state stay stays steadily steady steal
steam steel steep steer stem step steps stick still stock stocks stomp stone stood stop store
stork storm story stove straw street stress strike strong stuck study stuff stump stupid style
such suck sucks sudden sugar suit sum sun super supply sure surf surge swap sweat sweep sweet
swift swim swimming swing table taco tacos tag tail take taken takes tale talk talks tall tally
tank tape task taste taught tax tea teach teams tear tech teen tell telling tells temp ten tend
tending tends term terms test tests text than thank thanks that thats the their them theme then
theory there these they thick thief thin thing things think third thirty this those though three
threw throw thru thus tick tickets ticks tiding tie tied tight till time times tiny tip tips tired
title to toast today toe told tomorrow tone tons too took tool tools tooth top tops toss total
totally touch tough tour toward towel tower town toy track trade trades trading train tramp trap
trash tray tree trend trial trick trim trip trips trouble truck true truly trust truth try tube
tune turn turns twice two type types ugly uh ultra um under unit until up upon upper upset us use
used useful user uses usual vague value vast vending versus very via video view views virus visit
vital voice vote wading wage wait waits wake walk wall walls want wants war warm warn was wash
wasnt waste watch water wave waves way ways we weak wear web wedding week weeks weight weird well
went were werent west wet what whats wheel when where which while white who whole whom whose why
wide wider wife wild will win wind window wine wing wings winner winter wipe wire wise wish with
within wobble woke woman women won wont wood wool word words wore work works world worn worry
worse worst worth would wow wrap write wrong wrote yard yeah year years yell yelling yep yes yet
yield you young your youre yours youth zero zone
abort aborted backed backing bounced bugs cached caching cased casing casted casting cats choosing
chose chosen clearer clone closest compare compared compares contact contacts contrast copies
cores counted crashed crashing divide divided editing existed existing exists extensive feeds
filler flips handler handlers lacking lacks latter launch leaks lease loader logged logging looked
merge merged merges newer opener packed packing paused placing pointed pointing project quoted
reached reloader reporter reporting resume resumed roles saves saving saying scope seconds served
serves shaped shapes sharing shells shipped shorten shorter simple single slice slicing slope
slopes sole solely sorted sorting source stable stated stating status stored strange strict stride
strides string stroke supposed tested texts tighter timing trailer unbound valued wherever worker
writer hooked hooking tolled tolling welling nought losing topped
"""
_TICKERS = """
ANY BEST BIG BILL BOOM CAR CARS CASH CAT COST EAT EDIT FAST FLY FUN GAP GM GOOD HAS HEAR HOPE KEY
LAND LOVE LOW LUCK MAIN NET NOW OPEN PLAY PLUG REAL ROOM RUN SAFE SAVE SPOT TEAM TGT TWO WELL YUM
"""

COMMON = frozenset(_COMMON.split())
"""Words of everyday talk. A ticker that is one of them needs a ``$`` or capitals to be read."""
TICKER_WORDS = frozenset(_TICKERS.split())
"""Words that are tickers when written in capitals amid small letters."""
NAMESAKES = frozenset(("ON", "IT", "SO", "GO", "ARE", "ALL"))
"""Tickers that are little words, and named only where nothing else can stand."""


def rows(table: str) -> Iterator[tuple[str, str]]:
    """(meaning, phrase) of every entry of a ``meaning = phrase; phrase`` table."""
    for line in table.strip().splitlines():
        meaning, _, phrases = line.partition("=")
        for phrase in phrases.split(";"):
            if phrase.strip():
                yield meaning.strip(), phrase.strip()
