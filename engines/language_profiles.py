"""Which language a stretch of text is in, from its script, its small words and its letters.

A profile is the small words of a language, the pieces that many of its words have and the letters
that are its own. It decides about a sentence or more; a stretch that shows too little, or as much
of two languages, stays undecided.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Mapping

SCRIPTS: dict[str, str] = {
    "Latin": "A-Za-zªºÀ-ÖØ-öø-ɏḀ-ỿﬀ-ﬆＡ-Ｚａ-ｚ",
    "Greek": "\u0370-\u03ff\u1f00-\u1fff",
    "Cyrillic": "\u0400-\u052f\u2de0-\u2dff\ua640-\ua69f",
    "Armenian": "\u0531-\u058f",
    "Hebrew": "\u05d0-\u05f4\ufb1d-\ufb4f",
    "Arabic": "\u0620-\u065f\u066e-\u06d3\u06fa-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefc",
    "Devanagari": "\u0900-\u097f",
    "Bengali": "\u0980-\u09ff",
    "Gurmukhi": "\u0a00-\u0a7f",
    "Gujarati": "\u0a80-\u0aff",
    "Tamil": "\u0b80-\u0bff",
    "Telugu": "\u0c00-\u0c7f",
    "Kannada": "\u0c80-\u0cff",
    "Malayalam": "\u0d00-\u0d7f",
    "Sinhala": "\u0d80-\u0dff",
    "Thai": "\u0e00-\u0e3a\u0e40-\u0e5b",
    "Lao": "\u0e80-\u0eff",
    "Tibetan": "\u0f00-\u0fff",
    "Myanmar": "\u1000-\u109f",
    "Georgian": "\u10a0-\u10ff\u1c90-\u1cbf",
    "Ethiopic": "\u1200-\u139f",
    "Khmer": "\u1780-\u17ff",
    "Hangul": "\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3",
    "Hiragana": "\u3041-\u309f",
    "Katakana": "\u30a1-\u30fa\u30fd-\u30ff\uff66-\uff9d",
    "Han": "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f",
}
"""Unicode ranges of letters."""

BY_SCRIPT = {
    "Greek": "el", "Armenian": "hy", "Hebrew": "he", "Devanagari": "hi", "Bengali": "bn",
    "Gurmukhi": "pa", "Gujarati": "gu", "Tamil": "ta", "Telugu": "te", "Kannada": "kn",
    "Malayalam": "ml", "Sinhala": "si", "Thai": "th", "Lao": "lo", "Tibetan": "bo",
    "Myanmar": "my", "Georgian": "ka", "Ethiopic": "am", "Khmer": "km", "Hangul": "ko",
    "Hiragana": "ja", "Katakana": "ja", "Han": "zh",
}  # fmt: skip
"""Scripts that tell the language; Han beside kana is Japanese."""

_LATIN = {
    "en": "the of and to in is that it for you was with on as are be this have from or by not what"
    " but can an your if will how which they would about there their when we all do has my me so"
    " please could should than these write give i he she who any tell into them his her been were",
    "de": "der die und das den von zu mit sich des auf für ist im dem nicht ein eine als auch es an"
    " werden aus er hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum"
    " war"
    " haben nur oder aber vor zur bis mehr durch kann ich wir wenn mir ihr mein bitte was uns ihre"
    " keine schon sein man doch diese",
    "fr": "le de la et les des en un une du dans est que pour qui sur au pas plus par avec ne se ce"
    " il sont nous vous je ou mais comme on cette être aux ont fait tout même leur sans aussi ces"
    " elle été quel quelle mon votre notre moi bien peut très où c'est j'ai d'un d'une qu'il ma",
    "es": "de la que el en y los se del las un por con no una su para es al lo como más pero sus le"
    " ha me sin sobre este ya entre cuando todo esta ser son dos también fue había era muy hasta"
    " desde está mi qué cómo porque yo tu puedo puede nos esto eso cuál dónde escribe quiero",
    "it": "di e il la che in un a per è una sono del non con le si da della i nel alla come più ma"
    " anche lo gli dei delle al dal ha questo o se nella mi ci cosa perché quando molto essere chi"
    " io tu mio tuo questa suo può fare stato degli sul tutto sulla dell' l'ho ho quale vorrei",
    "pt": "de a o que e do da em um para é com não uma os no se na por mais as dos como mas foi ao"
    " ele das tem à seu sua ou ser quando muito há nos já está eu também só pelo pela até isso ela"
    " entre era depois sem mesmo aos ter seus quem nas me esse eles você essa num nem meu minha são"
    " qual fazer",
    "nl": "de het een van en in is dat op te zijn met voor niet aan er om ook als dan maar bij of"
    " uit"
    " nog naar heeft ze deze over hij wordt door worden je ik hebben kan meer wat zo geen wel mijn"
    " hun dit we jij u moet waar hoe die tot was heb mij daar veel zou zal onze",
    "sv": "och att det i en som på är av för med den till inte har de ett om jag var men sig så"
    " från"
    " vi kan man när år säga hon under också efter eller nu hans ut ska där alla mig du vad hur min"
    " skulle över bli vara finns mycket skriv detta någon",
    "da": "og at det i en er til på som med for af den ikke der har de et jeg var men sig så fra vi"
    " kan man om han også efter eller nu ud skal hvor alle mig du hvad hvordan min være blev meget"
    " nogle kun havde dette mellem hun været over ville",
    "no": "og at det i en er til på som med for av den ikke har de et jeg var men seg så fra vi kan"
    " man om han også etter eller nå ut skal hvor alle meg du hva hvordan min være ble mye noen"
    " bare"
    " hadde dette mellom hun vært over ville blir",
    "fi": "ja on ei se että oli mutta kun hän ovat joka minä sinä mitä tai niin kuin myös jos ole"
    " minun sen voi ovat mikä miten kanssa vain olla tämä siitä sitä mukaan olen jo nyt sekä vielä"
    " ne hänen koska jotka ollut kuinka missä paljon",
    "pl": "i w na nie z się do to że jest jak o za po co od tak ale czy dla tym już jego tego przez"
    " był są ma było przy może być który która które tylko także jej mi mnie bardzo jako jednak"
    " gdy ich oraz lub sobie ten ta kiedy jestem napisz proszę",
    "cs": "a v na se je že to s z o do i jako za by pro po ale si jsem tak k který jsou která které"
    " jak nebo co už jeho být při až má ve aby když jen může toho také byl bylo byla mě mi jsme"
    " jste"
    " ze od není prosím",
    "sk": "a v na sa je že to s z o do i ako za by pre po ale si som tak k ktorý sú ktorá ktoré ako"
    " alebo čo už jeho byť pri až má vo aby keď len môže toho tiež bol bolo bola mi sme ste zo od"
    " nie prosím",
    "hu": "a az és hogy nem is egy ez meg de ha már csak van volt mint el még azt mi vagy ki le fel"
    " kell be lehet majd én te ő minden aki ami mert után között hogyan milyen kérem nagyon itt ott"
    " pedig sem ezt neki",
    "ro": "și de la în a nu o un cu să este pe că din ce mai pentru au fost sunt care se ca am are"
    " sau dar prin când după fi său sa lor cum dacă eu tu mi te ne foarte unde acest această fără"
    " fie poate toate şi să-mi vă",
    "tr": "bir ve bu da de için ile çok ne daha gibi var o kadar ama olarak olan sonra ben mi en"
    " her"
    " değil ki mı ya nasıl şey bana sen biz olduğunu veya yok diye zaman ise hem göre kendi lütfen"
    " nedir musun olur şu",
    "id": "yang dan di dari untuk dengan ini itu dalam pada tidak akan adalah ke saya ada juga oleh"
    " atau sebagai bisa dapat karena apa kami anda mereka sudah telah lebih bagaimana seperti"
    " tersebut kita hanya jika agar saja tetapi tolong buat bahwa",
    "vi": "và của là có cho không được một các những trong với người này đã để khi tôi đến về như"
    " thì"
    " bạn nhưng cũng ra sẽ nào gì từ rất nhiều hay lại vào phải hãy làm đó bị",
    "hr": "i u je se na da su za od s sa ne koji koja koje kao a bi će što ili iz po to ali nije"
    " samo kako bio biti ovo ja ti mi vi sam smo može jer kada ako već prema još kod do",
    "sl": "in je v se na da so za od s ne ki z kot bi pa to ali po ni samo kako bil biti jaz ti mi"
    " sem smo lahko ker ko če že še pri do tudi tega kaj vse bo bila",
    "et": "ja on ei see et oli aga kui ta mis või ka kes ma sa ning oma seda siis nii olen ole mida"
    " nad nende juba ainult väga mulle kuidas pole selle ole neid kus",
    "lv": "un ir ka no uz par ar bet kas tas nav es tu vai to arī kā lai ja pēc kad viņš viņa mēs"
    " jūs šis tikai vēl ļoti līdz pie man",
    "lt": "ir yra kad į iš su bet kas tai ne aš tu ar jo taip kaip apie po už nuo buvo kai jis ji"
    " mes jūs šis tik dar labai iki prie man",
    "ca": "de la i el que en els les un una per amb no es del al és com més però són seva seu ha"
    " pel"
    " dels aquest aquesta jo què perquè quan molt també on ser fer tot li ho si us",
    "sq": "të e në i për me një që nga është dhe nuk më u ka si do por janë ai ajo unë kjo ky pas"
    " shumë edhe çfarë",
    "sw": "na ya wa kwa ni katika za la kuwa hii kama cha au hiyo pia lakini yake wake sana mimi"
    " wewe yeye nini hapa kuna si ili huo",
    "tl": "ang ng sa na mga ay at ako ko mo hindi ito para kung siya niya kami ka po ano isang may"
    " nang paano lang din rin mula",
}
_CYRILLIC = {
    "ru": "и в не на что он я с а то это как по но из у за от о так же вы для все мы его только ее"
    " мне было вот меня еще нет бы когда уже или ни быть был до вас если они есть ты чтобы где"
    " какой очень при можно этот мой который напиши расскажи пожалуйста ли чем",
    "uk": "і в не на що він я з а то це як по але із у за від о так же ви для все ми його тільки її"
    " мені було ще ні би коли вже або бути був до вас якщо вони є ти щоб де який дуже при можна цей"
    " мій та й про напиши будь ласка",
    "bg": "и в не на че той аз с а то това как по но от за о така вие за всички ние го само я ми"
    " беше още да се или са съм е ще ли когато ако те ти където който много при може този тази"
    " една един към",
    "sr": "и у је се на да су за од с са не који која које као а би ће што или из по то али није"
    " само како био бити ово ја ти ми ви сам смо може јер када ако већ према још код до",
    "mk": "и во не на дека тој јас со а тоа како по но од за ќе вие сите ние го само ја ми беше"
    " уште да се или сум е кога ако тие ти каде кој многу при може овој оваа една еден",
    "be": "і ў не на што ён я з а гэта як па але у за ад так ж вы для усе мы яго толькі яе мне было"
    " яшчэ калі ужо або быць быў да вас яны ёсць ты каб дзе які вельмі пры можна",
    "kk": "және бұл мен бір да де үшін деп ол осы болып бар емес жоқ сол оның біз олар қалай не"
    " ғана туралы керек бойынша болады",
}
_ARABIC = {
    "ar": "في من على إلى أن هذا التي الذي ما لا عن مع كان هذه هو هي أو ثم كل بعد قد لم بين ذلك كما"
    " حتى إذا كيف هل أنا نحن يمكن لك عند ولا لن يكون",
    "fa": "و در به از که این را با است برای آن یک خود تا کرد بر هم نیز می شود ها شد کند من ما شما"
    " اما یا چه هر اگر نیست چگونه لطفا بود باید دارد",
    "ur": "کے میں کی ہے اور سے کا کو کہ نے ہیں پر اس یہ وہ ایک بھی نہیں تھا جو ہو کر مجھے آپ کیا"
    " تو لیے گیا ہم تھے کیسے ان",
}
WORDS: Mapping[str, Mapping[str, str]] = {"Latin": _LATIN, "Cyrillic": _CYRILLIC, "Arabic": _ARABIC}

_PIECES = {
    "en": "ing tion th wh ough ould ly ness", "de": "sch ung lich keit heit icht ä ö ü ß",
    "fr": "tion eux eau ç ê è ique oir ment", "es": "ción dad ñ ando iendo ción mente á í ó ¿",
    "it": "zione gli che ità ò zz ment sco", "pt": "ção ões ã õ nh lh ência", "nl": "ij aan oe cht"
    " lijk oo ee", "sv": "å ä ö ll ning het kt", "da": "æ ø å hed lig nde", "no": "æ ø å het lig"
    " nde", "fi": "ää yy aa ssa ssä lla kk tt ää uu ii", "pl": "ł ą ę ż ś ć sz cz rz ści ow",
    "cs": "ě ř ů č š ž ý", "sk": "ľ ť ô ň č š ž ý ch", "hu": "ő ű gy sz ny ö ü á é ban ben",
    "ro": "ț ș ă î ţ ş ilor ului", "tr": "ı ğ ş ç lar ler yor ö ü", "id": "kan nya meng per ber"
    " ang", "vi": "ạ ả ấ ầ ậ ế ề ệ ọ ộ ợ ữ ự ư ơ đ", "hr": "č ć š ž đ ije nj", "sl": "č š ž nj",
    "et": "õ ä ü aa ee st", "lv": "ā ē ī ū ņ ķ ļ ģ", "lt": "ė ų ū į š ž ų", "ca": "ç l·l ny à è"
    " ció", "sq": "ë ç sh", "sw": "wa ku ni", "tl": "ng ang ay",
    "ru": "ы э ъ ть ся ого ение", "uk": "і ї є ґ ння", "bg": "ът ят ъ та то", "sr": "ј љ њ ђ ћ",
    "mk": "ј љ њ ѓ ќ ѕ", "be": "ў і ы ё дз", "kk": "қ ғ ң ү ұ ө һ і",
    "ar": "ة أ إ ال ى", "fa": "پ چ گ ژ ی ک", "ur": "ے ٹ ڈ ڑ ں ھ ہ",
}  # fmt: skip
ALSO = {"nb": "no", "nn": "no", "ms": "id", "bs": "hr", "fil": "tl", "iw": "he", "mr": "hi",
        "ne": "hi", "yi": "he", "ti": "am"}  # fmt: skip
"""Languages that are not told from another one."""
LANGUAGES = frozenset({*_PIECES, *BY_SCRIPT.values()})

FEWEST_LETTERS = 20
_FEW_HAN = 12
"""Characters below which Japanese may do without kana."""
_MARGIN = 1.3
_HOPELESS = 3
_EVIDENCE = 2.2
_DENSITY = 0.1
_DENSE = frozenset(("Han", "Hangul", "Hiragana", "Katakana"))
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_LETTERS = re.compile("".join(f"([{ranges}]+)|" for ranges in SCRIPTS.values()).rstrip("|"))
_NAMES = tuple(SCRIPTS)


def letters_by_script(text: str) -> Counter[str]:
    """How many letters of each script a text has."""
    found: Counter[str] = Counter()
    if text.isascii():
        letters = sum(map(str.isalpha, text))
        return Counter(Latin=letters) if letters else found
    for match in _LETTERS.finditer(text):
        found[_NAMES[(match.lastindex or 1) - 1]] += match.end() - match.start()
    return found


@functools.cache
def _speakers() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """Script → word → the languages that have it."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for script, profiles in WORDS.items():
        table = found.setdefault(script, {})
        for language, listed in profiles.items():
            for word in dict.fromkeys(listed.split()):
                table[word] = (*table.get(word, ()), language)
    return found


@functools.cache
def _pieces() -> Mapping[str, re.Pattern[str]]:
    return {
        language: re.compile("|".join(sorted(map(re.escape, set(listed.split())), reverse=True)))
        for language, listed in _PIECES.items()
    }


def languages_of(text: str) -> tuple[str, ...]:
    """What language a stretch of text may be in, the likeliest first; empty where it shows too
    little."""
    scripts = letters_by_script(text)
    letters = sum(scripts.values())
    if letters < FEWEST_LETTERS and _DENSE.isdisjoint(scripts):
        return ()
    script, most = scripts.most_common(1)[0]
    if scripts["Hiragana"] + scripts["Katakana"] > 2 and script in _DENSE:
        return ("ja",)
    if most * 2 < letters or most < 4:
        return ()
    if script == "Han" and most < _FEW_HAN:
        return ("zh", "ja")
    if script in BY_SCRIPT:
        return (BY_SCRIPT[script],)
    return _by_words(text.lower().replace("’", "'"), script)


def _by_words(text: str, script: str) -> tuple[str, ...]:
    speakers = _speakers()[script]
    words = _WORD.findall(text)
    points: dict[str, float] = {}
    heard = 0
    for word, times in Counter(words).items():
        those = speakers.get(word, ())
        heard += times if those else 0
        for language in those:
            points[language] = points.get(language, 0.0) + min(times, 3) * len(those) ** -0.5
    if not points or heard < _DENSITY * len(words):
        return ()
    most = max(points.values())
    for language in [one for one, has in points.items() if has * _HOPELESS > most]:
        share = min(1.0, len(_pieces()[language].findall(text)) / (len(words) + 4))
        points[language] = points[language] * (1 + share) + share
    most = max(points.values())
    if most < _EVIDENCE:
        return ()
    near = [language for language, has in points.items() if has * _MARGIN > most]
    return tuple(sorted(near, key=lambda language: -points[language]))
