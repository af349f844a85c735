"""Order words of German, Spanish and French rooms, without accents; laid out as in ``words``."""

from engine.parsers._grammar.english import rows

VERBS = """
buy = kauf; kaufe; kaufen; gekauft; compra; compro; compre; comprado; compramos; comprando
buy = achat; achete; achetons
sell = verkauf; verkaufe; verkaufen; verkauft; vende; vendo; vendi; vendido; vendemos; vendiendo
sell = venta; vente; vendu
trim = teilverkauf; teilverkauft; teilgewinn; parcial
close = geschlossen; glattgestellt; cierro; cerrado; cerrada; ferme
stopped = ausgestoppt
add = nachgekauft; nachkauf
"""

WORDS = frozenset(phrase for _, phrase in rows(VERBS))
"""A verb of another language is understood, and asked about."""

PARTS = """
half = halfte; haelfte; mitad; la mitad; moitie
"""

LEVELS = """
stop = stopp
target = ziel; kursziel; objetivo; objectif
"""

PRICES = """
plain = zu
entry = einstieg
"""

EVEN = """
even = einstand
"""

CUES = """
neg = kein; keine; keinen; nicht; nie; nunca; pas; jamais; ohne; todavia
cond = wenn; falls; sobald; sofern; cuando; quand; hasta
plan = wurde; wurden; vielleicht; mochte; moechte; warte; wollte; quiero; espero; compraria
plan = venderia; esperando; quizas; tal vez; peut etre; plane; uberlege; konnte; koennte
recap = gestern; ayer; hier; hatte; hatten; hubiera; war; waren
question = alguien; deberia; wer; quien; sollte; soll; wieso; warum
watch = beobachte; beobachten; vigilando
test = beispiel; ejemplo; exemple
flow = mi amigo; mein freund; jemand
"""
