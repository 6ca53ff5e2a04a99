"""Characters that look like ASCII letters and survive compatibility normalisation.

A small table of our own, after the idea of Unicode Technical Standard 39.
"""

from __future__ import annotations

_ALIKE = (
    # Cyrillic
    ("аАвВсСеЕһНіІјЈкКмМоОрРѕЅтТуУхХԁԛԝѵѴӏӀпгьғ", "aAbBcCeEhHiIjJkKmMoOpPsStTyYxXdqwvVlInrbf"),
    # Greek
    ("αΑβΒεΕΖηΗιΙκΚΜνΝοΟρΡτΤυΥχΧγωσϳ", "aAbBeEZnHiIkKMvNoOpPtTuYxXywoj"),
    # Latin letters without a compatibility decomposition, and small capitals
    ("ıɑɡɩłøđɪɴʀᴀʙᴄᴅᴇꜰɢʜᴊᴋʟᴍᴏᴘꜱᴛᴜᴠᴡʏᴢ", "iagilodinrabcdefghjklmopstuvwyz"),
    # Armenian
    ("օոսհցզա", "onuhgqw"),
    # Cherokee
    ("ᎪᏴᏟᎠᎬᏀᎻᎥᎫᏦᏞᎷᏢᎡᏚᎢᏙᎳᏃ", "ABCDEGHiJKLMPRSTVWZ"),
)
_ENCLOSED = (0x1F150, 0x1F170, 0x1F1E6)
"""Where the alphabets of negative circled, negative squared and regional letters begin."""

CONFUSABLES: dict[str, str] = {
    strange: plain
    for alike, letters in _ALIKE
    for strange, plain in zip(alike, letters, strict=True)
} | {chr(first + place): chr(ord("A") + place) for first in _ENCLOSED for place in range(26)}
