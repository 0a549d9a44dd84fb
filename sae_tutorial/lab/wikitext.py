"""Wikipedia's markup into paragraphs of plain prose.

What a reader of the page sees in the running text stays: words, link texts, quantities, words of other languages.
Lists, tables, captions, references and headings go. Where something in a sentence cannot be told in plain text (a
formula, a pronunciation), a hole is left; holes in parentheses take their part of the parentheses with them, and a
paragraph with any other hole is left out whole, so that no sentence is made up.
"""

import html
import re

from mwparserfromhell import nodes, parse
from mwparserfromhell.wikicode import Wikicode

HOLE, NOT_PROSE = "\ufffc", "\ufffd"
SHORTEST, FEWEST_WORDS = 80, 12  # of a paragraph, in characters and words

# Templates that a reader of the page does not see in the sentence: notes, doubts, navigation.
SILENT = re.compile(
    r"cit(e|ation)|needed|^(sfnp?|refn|efn|rp|r|fact|cn|clear|main|see also|further|anchor|update|vague|dubious)\b"
    r"|^(clarify|which|whom?|by whom|where|when|why|according to whom|page needed|nbsp|wbr)\b|^#tag:ref|bibleref"
    r"|inline|source|verif|evidence|^use |^pp-|flagicon|inflation-fn|portal|harv|reflist",
    re.IGNORECASE,
)
# Those whose argument is what the reader sees; None for the last one.
SHOWN = {
    "lang": 2, "rtl-lang": 2, "transl": None, "nowrap": 1, "sc": 1, "nihongo": 1, "vr": 1, "small": 1, "vanchor": 1,
    "angbr": 1, "ipa": 1, "marriage": 1, "visible anchor": 1, "abbr": 1, "longitem": 1, "smallcaps": 1, "linktext": 1,
}  # fmt: skip
WRITTEN = {"'s": "’s", "'": "’", "nbsp": " ", "mdashb": "—", "snd": " – ", "spaced ndash": " – ", "ndash": "–", "mdash": "—"}  # fmt: skip
UNITS = {
    "mi": "miles", "km": "kilometers", "sqmi": "square miles", "km2": "square kilometers", "sqkm": "square kilometers",
    "ft": "feet", "in": "inches", "m": "meters", "cm": "centimeters", "mm": "millimeters", "lb": "pounds",
    "lbs": "pounds", "kg": "kilograms", "g": "grams", "oz": "ounces", "acre": "acres", "ha": "hectares", "C": "°C",
    "F": "°F", "nmi": "nautical miles", "yd": "yards", "t": "tonnes", "m2": "square meters", "sqft": "square feet",
    "impgal": "gallons", "USgal": "gallons", "oilbbl": "barrels", "long ton": "long tons", "ST": "short tons",
}  # fmt: skip
RANGES = {"to": "to", "-": "to", "–": "to", "and": "and", "or": "or", "by": "by", "x": "by", "to(-)": "to"}

DROPPED_LINKS = ("file", "image", "category", "media")
DROPPED_TAGS = {
    "ref",
    "table",
    "gallery",
    "timeline",
    "source",
    "syntaxhighlight",
    "references",
    "score",
    "poem",
}
DROPPED_TAGS |= {"blockquote", "center", "pre", "imagemap"}
HOLE_TAGS = {"math", "chem", "ce"}
LIST_TAGS = {"li", "dd", "dt", "hr"}
RAISED = {
    "sup": str.maketrans("0123456789+-−n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻ⁿ"),
    "sub": str.maketrans("0123456789+-−", "₀₁₂₃₄₅₆₇₈₉₊₋₋"),
}


def paragraphs(markup: str) -> list[str]:
    """The paragraphs of an article that are clean prose, in order."""
    # Lines that follow each other are one paragraph, but a list's line or a box's stands alone.
    lines = re.sub(rf"^(\s*[{NOT_PROSE}{HOLE}].*)$", r"\n\1\n", _prose(parse(markup)), flags=re.M)
    return [text for text in map(_tidy, re.split(r"\n\s*\n", lines)) if _is_clean(text)]


def _prose(code: Wikicode) -> str:
    return "".join(map(_text, code.nodes))


def _text(node: nodes.Node) -> str:
    """What a node shows in the running text."""
    match node:
        case nodes.Text():
            return str(node)
        case nodes.HTMLEntity():
            return node.normalize().replace("\xa0", " ")
        case nodes.Wikilink():
            return _link(node)
        case nodes.ExternalLink():
            return _prose(node.title) if node.title else "" if node.brackets else str(node.url)
        case nodes.Template():
            return _template(node)
        case nodes.Tag():
            return _tag(node)
        case nodes.Heading():
            return f"\n{NOT_PROSE}\n"
        case nodes.Argument():
            return HOLE
    return ""  # a comment


def _link(node: nodes.Wikilink) -> str:
    title = str(node.title).strip()
    if title.lower().startswith(tuple(f"{kind}:" for kind in DROPPED_LINKS)):
        return ""
    return _prose(node.text) if node.text else re.sub(r"^:|^(wikt|wiktionary|s):|#.*", "", title, flags=re.I)


def _tag(node: nodes.Tag) -> str:
    name = str(node.tag).strip().lower()
    if name in LIST_TAGS:
        return NOT_PROSE
    if name in DROPPED_TAGS:
        return ""
    if name in HOLE_TAGS:
        return HOLE
    if name == "br":
        return " "
    inside = _prose(node.contents) if node.contents else ""
    return inside.translate(RAISED[name]) if name in RAISED else inside


def _template(node: nodes.Template) -> str:
    name = str(node.name).strip().lower().replace("_", " ")
    given = [_prose(parameter.value).strip() for parameter in node.params if not parameter.showkey]
    if name in WRITTEN:
        return WRITTEN[name]
    if name in ("convert", "cvt"):
        return _quantity(given)
    if name == "as of" and given:
        start = "as of" if node.has("lc") else "As of"
        return f"{start} {' '.join(given)}"
    if name in SHOWN and len(given) >= (SHOWN[name] or 1):
        return given[(SHOWN[name] or len(given)) - 1]
    return "" if SILENT.search(name) else HOLE


def _quantity(given: list[str]) -> str:
    """`{{convert|3|to|5|ft|m}}` as it is written first: 3 to 5 feet."""
    words = []
    for word in given:
        if re.fullmatch(r"[−-]?[\d.,]+", word):
            words.append(f"{int(word):,}" if word.isdigit() else word)
        elif word in RANGES:
            words.append(RANGES[word])
        else:
            return " ".join([*words, UNITS[word]]) if word in UNITS else HOLE
    return HOLE


def _tidy(block: str) -> str:
    """One line without the traces of what was left out; in the markup a paragraph may have several lines."""
    line = re.sub(r"''+|\[\d+\]", "", html.unescape(block)).replace("\xa0", " ")
    before = None
    while before != line:  # parentheses in parentheses: from the inside
        before = line
        line = re.sub(r"\(([^()]*)\)", _without_holes, line)
    line = line.replace("\x01", "(").replace("\x02", ")")
    line = re.sub(r"\s+", " ", line)
    line = re.sub(r" +([,.;:)])", r"\1", line)
    return re.sub(r"([(]) +", r"\1", line).strip()


def _without_holes(match: re.Match[str]) -> str:
    parts = re.split(r"[;,]", match[1]) if HOLE in match[1] else [match[1]]
    kept = "; ".join(part.strip() for part in parts if HOLE not in part and re.search(r"\w", part))
    return f"\x01{kept}\x02" if kept else ""


def _is_clean(text: str) -> bool:
    return (
        len(text) >= SHORTEST
        and len(text.split()) >= FEWEST_WORDS
        and re.match(r"[A-Z0-9\"'“‘(]", text) is not None
        and re.search(r"[.!?][\"'”’)]*$", text) is not None
        and re.search(rf"[{HOLE}{NOT_PROSE}|<>{{}}]|\[\[|\]\]|https?:|thumb", text) is None
    )
