"""Sentences that speak to the model which reads a text, as rules for engines that look for them.

A document, a tool's answer or a hidden passage is data: it has no business with its reader's
tasks. The scores are those of a visible sentence in a document.
"""

from __future__ import annotations

from engines.base import Rule

_MODEL = (
    r"(?:ai(?: (?:assistants?|agents?|models?|systems?|tools?|bots?|chat ?bots?|reviewers?"
    r"|summari[sz]ers?|readers?))?|llms?(?: agents?)?|(?:large )?language models?|chat ?gpt|claude"
    r"|chat ?bots?|virtual assistants?|automated (?:assistants?|agents?|reviewers?|readers?))"
)
_READER = rf"(?:{_MODEL}|assistants?|agents?|bots?|crawlers?|summari[sz]ers?|models?)"
_MODEL_NEEDS = (
    " ai ", " ai:", " ai,", " ai-", " ai;", " ai!", "llm", "language model", "gpt", "claude",
    "chatbot", "chat bot", "virtual ass", "automated ",
)  # fmt: skip
_READING = (
    r"(?:read|process|summari[sz]|pars|review|analy[sz]|translat|index|evaluat|ingest|access"
    r"|scrap|brows|crawl)(?:e|es|ing|ping|s)?"
)
_THIS = (
    r"this(?: (?:web ?)?(?:page|document|text|e-?mail|message|file|site|article|resume|cv|paper"
    r"|ticket|review|comment|post|note|content|readme|issue|section|line))?"
)
_FILL = r"(?:[\w'’-]{1,20}[^\w\n]{1,3})"
_ANSWER = r"(?:answers?|summar(?:y|ies)|responses?|repl(?:y|ies)|outputs?|translations?)"
_YOUR_ANSWER = (
    "your answer", "your summar", "your resp", "your repl", "your output", "your trans",
    "your final", "your next", "your own", "your future",
)  # fmt: skip
_PUT = (
    r"(?:include|add|insert|mention|append|put|place|embed|state|say|begin|start|end|finish"
    r"|conclude|open|close|preface|prefix)"
)
_SECRETS = (
    r"(?:passwords?|credentials|secrets?|api[ _-]?keys?|access tokens?|private keys?|contacts?"
    r"|(?:conversation|chat)(?: history| log)?|system prompt|inbox|cookies)"
)
_ADDRESS = r"(?:https?://|[\w.+-]{1,40}@[\w-]{1,40}\.[a-z])"

ORDERS = (
    Rule(
        "notice_to_model",
        r"\b(?:attention|note|notice|message|memo|instructions?|reminder|important)"
        rf"\W{{1,4}}(?:to |for )?(?:any |all |the |every |each |you |other ){{0,2}}{_MODEL}\b"
        rf"(?:[^\w\n]{{0,3}}[:,;!—–]|[^\w\n]{{1,3}}{_READING}\b)",
        0.6,
        "carries a notice to AI models",
        needs=_MODEL_NEEDS,
    ),
    Rule(
        "greeting_to_model",
        rf"(?:^|[\n.!?>] {{0,4}})(?:dear|hello|hi|hey) {_MODEL}\b[^\w\n]{{0,2}}[,:;!—–]",
        0.6,
        "greets the model that reads it",
        needs=_MODEL_NEEDS,
    ),
    Rule(
        "reader_model",
        rf"\b{_READER}\W{{1,3}}(?:that |who |which )?(?:is |are |may be |might be |currently )"
        rf"{{0,2}}{_READING}\W{{1,3}}{_THIS}\W{{0,3}}(?:[:,;!—–]|\b(?:must|should|shall|please|you"
        r"|has to|have to|need to|ought))",
        0.65,
        "addresses the model that reads it",
        needs=(" this", "\nthis"),
    ),
    Rule(
        "if_you_are_a_model",
        rf"\bif you(?:'re| are) (?:an? |the |some (?:kind|sort) of )?{_MODEL}(?:[^\w\n]{{0,2}}[,:;]"
        r"|\W{1,3}(?:read|process|summar|asked|and|or|you|please|then|working|tasked|acting|that"
        r"|with|assist|help|evaluat|review|answer|model)\w{0,5}\b)",
        0.6,
        "sets a condition that only a model meets",
        needs=("if you",),
    ),
    Rule(
        "order_on_the_task",
        r"\b(?:when|while|before|after|whenever|if)\W{1,3}(?:you(?:'re| are)? )?(?:asked to )?"
        r"(?:(?:summari[sz]|translat|paraphras)(?:e|ing|ed)"
        r"\W{1,3}(?:this|the|any|it)\b"
        r"|(?:answer|respond|reply)(?:ing)?(?: to)?\W{1,3}(?:any |the |all |a )?(?:user|quer|prompt"
        r"|questions? (?:about|on) this))[^\n.!?]{0,80}?\b(?:you (?:must|should|need to)|always"
        r"|also|make sure|be sure|please|include|add|append|mention|insert|state|say|tell"
        r"|recommend|do not|don't|never|ignore)\b",
        0.6,
        "gives orders about how it is to be summarised or answered",
        needs=("summari", "translat", "paraphras", "answer", "respond", "reply"),
    ),
    Rule(
        "planted_text",
        rf"\b{_PUT}\W{{1,3}}(?:(?:this|the|exact|following|above|below|exactly|these|only) ){{1,3}}"
        r"(?:link|text|sentence|url|image|phrase|paragraph|words?|code|line|message|markdown"
        rf"|banner|statement|disclaimer)s?\b[^\n]{{0,200}}?\b(?:your|the|every|each|all|any)\W{{1,3}}"
        rf"(?:final |next |own |future ){{0,2}}{_ANSWER}\b",
        0.7,
        "wants a given text put into the answer",
        needs=("answer", "summar", "response", "repl", "output", "translation"),
    ),
    Rule(
        "order_on_the_answer",
        rf"\b(?:{_PUT}\W{{1,3}}(?:(?!your\b){_FILL}){{0,14}}?(?:in|into|to|of|with)\W{{1,3}}your"
        rf"\W{{1,3}}(?:final |next |own |future ){{0,2}}{_ANSWER}\b"
        rf"|(?:end|begin|start|finish|limit) your {_ANSWER}\b"
        rf"|your (?:final |next )?{_ANSWER} (?:must|should|shall|has to|needs to)\b)",
        0.45,
        "says what the answer is to contain",
        needs=_YOUR_ANSWER,
    ),
    Rule(
        "rewrite_the_answer",
        r"\b(?:modify|alter|adjust|rewrite|rephrase|replace|change) your"
        rf" (?:final |next |own )?{_ANSWER}\W{{1,3}}(?:to|so|such|with|by|in a way)\b",
        0.6,
        "wants the answer changed",
        needs=_YOUR_ANSWER,
    ),
    Rule(
        "hide_from_the_user",
        r"\b(?:do not|don't|never|without|must not|avoid)\W{1,4}(?:tell|inform|mention|alert"
        r"|notify|reveal|disclos|let|warn)\w{0,4}\W{1,4}"
        rf"{_FILL}{{0,5}}?(?:the |to the |your )?(?:user|human)s?\b",
        0.65,
        "orders something to be hidden from the user",
        needs=("user", "human"),
    ),
    Rule(
        "drop_the_task",
        r"\b(?:ignore|disregard|forget|skip|abandon|instead of(?: answering| following)?)\W{1,3}"
        rf"{_FILL}{{0,3}}?(?:(?:user|original|current|previous|prior|above|earlier|main|initial)"
        r"(?:'s)? (?:\w{1,12} )?(?:requests?|questions?|task|query|instructions?|prompts?|orders?"
        r"|assignment)|rest of (?:this|the) (?:document|page|text|article|content))\b",
        0.75,
        "wants the task that was given dropped",
        needs=("ignore", "disregard", "forget", "skip", "abandon", "instead"),
    ),
    Rule(
        "forged_authority",
        r"(?:^|[\n\[<(*#\"])\s{0,5}(?:system|developer|admin(?:istrator)?|assistant|ai)[ _-]?"
        r"(?:prompt|instruction|override|directive|command)s?\s{0,2}[\])>*]{0,3}\s{0,2}[:\]>]",
        0.45,
        "poses as an instruction of the system",
        needs=("prompt", "instruction", "override", "directive", "command"),
    ),
    Rule(
        "you_are_now",
        r"\byou (?:are|will) now (?:be )?(?:(?:in|entering) \w{1,15} mode|(?:an? |the |my )"
        r"(?:\w{1,15} ){0,3}?(?:ai|assistant|bot|model|chatbot|pirate|hacker))\b",
        0.6,
        "gives the model another part to play",
        needs=("are now ", "will now "),
    ),
    Rule(
        "send_secrets",
        r"\b(?:forward|send|e-?mail|upload|post|transmit|leak|exfiltrate|submit|deliver|copy)"
        rf"\W{{1,3}}{_FILL}{{0,6}}?{_SECRETS}\b[^\n]{{0,80}}?\bto\W{{1,3}}[^\n]{{0,40}}?{_ADDRESS}",
        0.75,
        "wants secrets or the conversation sent somewhere",
        needs=("http", "@"),
    ),
    Rule(
        "send_everything",
        r"\b(?:forward|send|e-?mail|upload|transmit|copy|bcc)\W{1,3}(?:all|every|any|each)\b"
        rf"\W{{1,3}}{_FILL}{{0,5}}?(?:e-?mails?|messages?|files?|documents?|attachments?|data"
        rf"|information|invoices?|records?)\b[^\n]{{0,60}}?\bto\W{{1,3}}[^\n]{{0,40}}?{_ADDRESS}",
        0.5,
        "wants everything sent somewhere",
        needs=("http", "@"),
    ),
    Rule(
        "take_from_the_session",
        r"\b(?:reveal|include|output|print|send|encode|append|repeat|attach|copy|extract|collect)\b"
        rf"\W{{1,3}}{_FILL}{{0,5}}?(?:(?:system|initial|developer) prompt|(?:conversation|chat)"
        r" (?:history|log|so far|above)|previous messages|the user's (?:passwords?|api keys?"
        r"|credentials|e-?mails?|private|personal|messages?|questions?|data|name|address)"
        r"|(?:api|secret|access) (?:keys?|tokens?) you)\b",
        0.6,
        "asks for what the model knows of its session",
        needs=("prompt", "conversation", "chat h", "chat l", "previous messages", "user's",
               "your instr", "keys you", "tokens you"),
    ),
    Rule(
        "use_your_tools",
        r"\b(?:use|call|invoke|run|execute|trigger)\W{1,3}(?:one of |the )?your "
        r"(?:[\w-]{1,20} ){0,3}?(?:tools?|plugins?|functions?|code interpreter|tool access"
        r"|memory tool|shell)\b",
        0.5,
        "tells the model to use its tools",
        needs=("tool", "plugin", "function", "code interpreter", "shell"),
    ),
    Rule(
        "bend_the_judgement",
        r"\b(?:(?:give|write|provide|return|assign|submit)\W{1,3}"
        rf"{_FILL}{{0,5}}?(?:positive|favou?rable|glowing|perfect|highest|maximum|top|excellent)\W"
        r"{1,3}(?:\w{1,12} )?(?:reviews?|scores?|ratings?|evaluation|recommendation|marks?"
        r"|assessment)|(?:recommend|rank|rate|hire|accept|approve|shortlist|select|favou?r) this"
        r" (?:candidate|product|paper|applicant|resume|cv|company|seller|supplier|manuscript))\b",
        0.3,
        "asks for a favourable judgement",
        needs=("review", "score", "rating", "evaluation", "recommendation", "mark", "assess",
               "recommend this", "rank this", "rate this", "hire this", "accept this",
               "approve this", "shortlist this", "select this"),
    ),
    Rule(
        "orders_in_other_languages",
        r"\b(?:hinweis|anweisung|nachricht|achtung) (?:an|für) (?:alle |die |jede )?"
        r"(?:kis?|ki-\w{3,20}|sprachmodelle?|assistenten)\b"
        r"|\bwenn (?:du|sie) (?:eine? )?(?:ki|sprachmodell|llm|assistent) (?:bist|sind)\b"
        r"|\bsi (?:eres|usted es) (?:una? )?(?:ia|modelo de lenguaje|asistente)\b"
        r"|\bsi (?:tu es|vous êtes) (?:une? )?(?:ia|modèle de langage|assistant)\b"
        r"|\bse (?:sei|você é) (?:una? |uma? )?(?:ia|intelligenza artificiale|modelo de linguagem)"
        r"|\b(?:nota|mensaje|instrucciones?|instructions?|consignes?) (?:para|pour|à) (?:la|las|los"
        r"|l'|les|cualquier|toute?)? ?(?:ias?|asistentes?|modelos? de lenguaje"
        r"|modèles? de langage)\b|(?:если ты|если вы) (?:ии|языковая модель|ассистент)"
        r"|如果你是(?:一个)?(?:ai|人工智能|语言模型)",
        0.6,
        "addresses the model in another language",
        needs=("sprachmodell", "an ki", "für ki", "alle ki", "ki-", "ki bist", "ki sind",
               "assistenten", "si eres", "usted es", "si tu es", "si vous", "se sei", "se você",
               "nota para", "mensaje", "instrucciones", "instructions p", "instruction p",
               "consigne", "если ", "如果你是"),
    ),
)  # fmt: skip
