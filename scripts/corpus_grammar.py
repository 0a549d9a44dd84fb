"""A grammar that writes short, invented news items in four classes.

The grammar is the text of `corpus_topics.txt`-like blocks in `TOPICS` below: for each topic a few headlines,
opening sentences, details and closings.  Two marks make one sentence into thousands:

    [rose|fell]          one of the alternatives (they may be nested)
    {person}, {10-90}    a slot: a drawn name, word or number

A slot is drawn once per item and then remembered, so that `{person}` is the same woman in every sentence of an
item, and `{person2}` is somebody else.  Number ranges such as `{10-90}` are drawn anew each time.  Objects have
parts: `{person.last}`, `{person.he}`, `{place.capital}`.  People, companies, clubs and institutes are invented;
countries and cities are real.
"""
