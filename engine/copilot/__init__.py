"""The copilot: answers from the desk's own reports, with figures that code fills in.

``recommend`` and ``ideas`` say what could be done, ``correlator`` what an event would cost,
``question`` what is asked, ``topics/★`` hold the facts and the plain sentences of one subject
each, ``answer`` puts them together. A model (``model``, ``prompt``, ``draft``) may add an
interpretation: it names facts, never figures, and points at actions, never takes them.
"""
