"""Payloads for browsers, databases, shells, template engines, spreadsheets and terminals.

The table of `output_injection`.
"""

from __future__ import annotations

import re

from engines.base import Rule

_HOSTILE_JS = (
    r"(?:document\.(?:cookie|location|write|domain)|localstorage|sessionstorage|\beval\s?\("
    r"|\batob\s?\(|string\.fromcharcode|\bfetch\s?\(|xmlhttprequest|sendbeacon|window\.location"
    r"|\blocation(?:\.href)?\s?=|\balert\s?[(`]|\bprompt\s?\(|\bconfirm\s?\(|new image"
    r"|import\s?\()"
)
_FETCH = r"\b(?:curl|wget|iwr|irm|invoke-webrequest|fetch)\b[^\n|]{0,300}"
_CELL = r"(?:^|[\n,;\t|])[ \"']{0,3}[=+@-]\s{0,3}"
_WARNED = re.compile(
    r"\b(?:never|don't|do not|not|avoid|dangerous|danger|careful|warning|beware|destroys?"
    r"|instead of|such as|like|called|known as|means|famous|would|what (?:does|is"
    r"|do))\b[^\n]{0,80}$"
)


def _no_warning(match: re.Match[str]) -> bool:
    """Whether the line does not speak about the command instead of giving it."""
    line = match.string[max(0, match.start() - 120) : match.start()].rpartition("\n")[2]
    return not _WARNED.search(line)


RULES = (
    Rule(
        "hostile_script",
        rf"<script\b[^<>]{{0,300}}>[^<]{{0,600}}?{_HOSTILE_JS}"
        r"|<script\b[^<>]{0,200}?\bsrc\s{0,3}=\s{0,3}[\"']?(?:data:|//|https?://\d)",
        0.85,
        "holds a script that takes data or control",
        needs=("<script",),
    ),
    Rule(
        "script",
        r"<script\b[^<>]{0,300}>",
        0.65,
        "holds a script",
        needs=("<script",),
    ),
    Rule(
        "hostile_handler",
        r"<[a-z][^<>]{0,300}?[\s/\"']on[a-z]{3,20}\s{0,3}=\s{0,3}[\"']?[^<>\n]{0,300}?"
        rf"{_HOSTILE_JS}",
        0.85,
        "holds an element whose event handler takes data or control",
        needs=("onerror", "onload", "onfocus", "ontoggle", "onmouse", "onclick", "onpointer",
               "onanimation", "onbegin", "onstart", "onpageshow", "oninput", "onhashchange"),
    ),
    Rule(
        "handler",
        r"<[a-z][^<>]{0,300}?[\s/\"']on(?:error|load|focus|toggle|mouse\w{2,6}|click"
        r"|pointer\w{2,6}|animation\w{3,9}|begin|start|pageshow)\s{0,3}=(?!\s{0,3}\{)",
        0.55,
        "holds an element with an event handler",
        needs=("onerror", "onload", "onfocus", "ontoggle", "onmouse", "onclick", "onpointer",
               "onanimation", "onbegin", "onstart", "onpageshow"),
    ),
    Rule(
        "script_address",
        r"(?:\b(?:href|src|action|formaction|data|content"
        r"|xlink:href)\s{0,3}=\s{0,3}[\"']?(?:\d{1,3};\s?url=)?"
        r"|\]\(\s{0,3}<?)\s{0,3}(?:(?:javascript|vbscript)\s{0,3}:(?!\s{0,3}(?:void|;|\"|'|#))"
        r"|data:(?:text/html|image/svg\+xml|application/xhtml))|\b(?:href|src"
        r"|action)\s{0,3}=\s{0,3}[\"']?(?:&#x?[0-9a-f]{1,7};?){4}",
        0.75,
        "holds an address that runs a script",
        needs=("javascript", "vbscript", "data:text/html", "data:image/svg", "data:application",
               "&#"),
    ),
    Rule(
        "foreign_frame",
        r"<(?:iframe|object|embed|frame|portal)\b[^<>]{0,200}?\b(?:src|srcdoc"
        r"|data)\s{0,3}=(?!\s{0,3}[\"']?https?://(?:[\w-]{1,20}\.)?(?:youtube|youtube-nocookie"
        r"|vimeo|google|open\.spotify|maps\.google|codepen)\.)"
        r"|<meta\b[^<>]{0,100}?http-equiv\s{0,3}=\s{0,3}[\"']?refresh|<base\b[^<>]{0,60}?\bhref",
        0.55,
        "holds an element that loads or leads to another page",
        needs=("<iframe", "<object", "<embed", "<frame", "<portal", "http-equiv", "<base"),
    ),
    Rule(
        "sql_tautology",
        r"['\"]\)?\s{0,3}(?:or|and|\|\|)\s{1,3}(?:not\s{1,3})?(?:['\"(]{0,2}(?P<same>[\w%]{1,20})"
        r"['\")]{0,2}\s{0,3}(?:=|\blike\b)\s{0,3}['\"(]{0,2}(?P=same)(?!\w)"
        r"|(?P<quote>['\"])(?P=quote)\s{0,3}=\s{0,3}(?P=quote)|(?:true|\d)\s{0,3}(?:--|#))"
        r"|['\")\d]\s{0,3}union\s{1,3}(?:all\s{1,3})?select\b|['\"]\s{0,3}(?:--|#)\s{0,3}$"
        r"|\bor\s{1,3}1\s{0,3}=\s{0,3}1\b",
        0.6,
        "holds SQL that makes a condition true or adds a query",
        needs=("' or", "\" or", "') or", "\") or", "'or", "or 1", "' and", "\" and", "' ||",
               "union",
               "'--", "' --", "\"--", "'#"),
    ),
    Rule(
        "sql_stacked",
        r"['\")\d]\s{0,3};\s{0,3}(?:(?:drop|alter|truncate)\s{1,3}(?:table|database|schema|user"
        r"|role|view|index)|delete\s{1,3}from|insert\s{1,3}into|update\s{1,3}\w{1,40}\s{1,3}set"
        r"|exec(?:ute)?\s{1,3}\w{2}|shutdown|create\s{1,3}user|grant\s{1,3}\w{1,20}\s{1,3}(?:on"
        r"|to))\b[^\n]{0,120}?(?:--|#|;|$|\n)|\bxp_cmdshell\b|\binto\s{1,3}(?:out"
        r"|dump)file\s{0,3}['\"]",
        0.75,
        "holds SQL that ends one statement and begins another",
        needs=(
            *(
                f";{joint}{verb}"
                for joint in ("", " ", "\n")
                for verb in ("drop", "truncate", "delete", "alter", "insert", "update", "exec",
                             "shutdown", "grant", "create")
            ),
            "xp_cmdshell", "outfile", "dumpfile",
        ),
    ),
    Rule(
        "sql_destruction",
        r"\b(?:drop\s{1,3}(?:table|database|schema)"
        r"|truncate\s{1,3}table)\s{1,3}(?:if\s{1,3}exists\s{1,3})?[\w.\"`\[\]]{1,60}(?:\s{1,3}cascade)?\s{0,3};|\bdelete\s{1,3}from\s{1,3}[\w.\"`\[\]]{1,60}\s{0,3};",
        0.55,
        "holds SQL that destroys a table",
        needs=("drop", "truncate", "delete"),
        check=_no_warning,
    ),
    Rule(
        "fetch_and_run",
        rf"{_FETCH}\|\s{{0,4}}(?:sudo\s{{1,3}}(?:-\w{{1,3}}\s{{1,3}})?)?(?:/bin/)?(?:ba|z|da"
        rf"|k)?sh\b|{_FETCH}\|\s{{0,4}}(?:sudo\s{{1,3}})?(?:python[\d.]{{0,4}}|perl|node|ruby|php"
        rf"|iex)\b"
        r"|\b(?:ba|z)?sh\s{1,3}(?:-c\s{1,3}[\"']?\$\(|<\()\s{0,3}(?:curl|wget)\b"
        r"|\biex\s{0,3}\(+\s{0,3}(?:iwr|irm|new-object|invoke-webrequest|\[)|base64\s{1,3}(?:-d|-D"
        r"|--decode)\b[^\n|]{0,60}\|\s{0,4}(?:sudo\s{1,3})?(?:ba|z)?sh\b"
        r"|\bpowershell(?:\.exe)?\b[^\n]{0,80}\s-e(?:nc\w{0,12})?\s{1,3}[\w+/=]{20}|\b(?:mshta"
        r"|regsvr32)\b[^\n]{0,60}https?://|\bcertutil\b[^\n]{0,40}urlcache",
        0.7,
        "holds a command that fetches code and runs it",
        needs=("curl", "wget", "iwr", "irm", "invoke-webrequest", "fetch", "iex", "base64",
               "powershell", "mshta", "regsvr32", "certutil"),
        check=_no_warning,
    ),
    Rule(
        "destructive_command",
        r"\brm\s{1,4}(?:-\w{1,10}\s{1,4}|--\w[\w-]{1,20}\s{1,4}){0,4}(?:-\w{0,6}[rf]\w{0,6}"
        r"|--recursive|--no-preserve-root)\s{1,4}(?:-\S{1,20}\s{1,4}){0,3}(?:/(?:\*|\s|$|[\"'`;&]"
        r"|(?:etc|home|usr|var|boot|bin)\b(?!/\w))|~(?:/?\*|/?\s|/?$)|\$home\b|\*(?:\s|$)"
        r"|\.\s{0,2}$)|\bmkfs(?:\.\w{2,5})?\s{1,3}(?:-\w{1,4}\s{1,3}){0,3}/dev/"
        r"|\bdd\s{1,4}[^\n]{0,60}of=/dev/[shnv]|:\(\)\s{0,3}\{\s{0,3}:\s{0,2}\|\s{0,2}:\s{0,2}&"
        r"|\bdel\s{1,4}(?:/[sfq]\s{1,3}){1,3}[^\n]{0,20}(?:c:|\*)|\bformat\s{1,3}c:"
        r"|\brd\s{1,3}/s\s{1,3}/q\s{1,3}c:|\bremove-item\b[^\n]{0,60}-recurse\b[^\n]{0,30}-force"
        r"|>\s{0,3}/dev/[sh]d[a-z]\b|\bchmod\s{1,3}-r\s{1,3}(?:777|000)\s{1,3}/(?:\s|$)"
        r"|\bshutil\.rmtree\(\s{0,3}[\"']/[\"']",
        0.75,
        "holds a command that destroys",
        needs=("rm -", "rm  -", "mkfs", "of=/dev", ":()", "del /", "format c", "rd /s",
               "remove-item", "/dev/sd", "/dev/hd", "chmod -r", "rmtree"),
        check=_no_warning,
    ),
    Rule(
        "reverse_shell",
        r"/dev/(?:tcp|udp)/[\w.$-]{3,80}/[\w$]{1,8}|\bn(?:c|cat"
        r"|etcat)\b[^\n]{0,60}\s-\w{0,4}e\w{0,2}\s{1,3}[\"']?(?:/bin/)?(?:ba|z)?(?:sh|cmd)"
        r"|\bmkfifo\b[^\n]{0,100}\bn(?:c|cat)\b|\bsocat\b[^\n]{0,100}\bexec:"
        r"|\bsocket\b[^\n]{0,200}\.connect\([^\n]{0,200}(?:dup2|pty\.spawn|/bin/sh|subprocess)"
        r"|\bfsockopen\([^\n]{0,100}(?:exec|shell|proc_open)|net\.sockets\.tcpclient"
        r"|\buse socket;[^\n]{0,200}exec|-rsocket\b[^\n]{0,120}\bexec\b",
        0.85,
        "holds a shell that opens to another host",
        needs=("/dev/tcp", "/dev/udp", "nc ", "ncat", "netcat", "mkfifo", "socat", ".connect(",
               "fsockopen", "tcpclient", "use socket", "-rsocket"),
    ),
    Rule(
        "template_expression",
        r"\{\{[^{}\n]{0,120}?(?:__\w{2,20}__|\bconfig\b(?:\.items|\[|\s{0,2}\}\}|\|)|\bself\."
        r"|\brequest\.(?:application|environ|args)|\bcycler\b|\blipsum\b|\bjoiner\b"
        r"|\b\d{1,6}\s{0,2}\*\s{0,2}['\d]|constructor|\bpopen\b|\bsystem\()[^{}\n]{0,160}?\}\}"
        r"|\$\{\s{0,3}(?:jndi:|\d{1,6}\s{0,2}\*\s{0,2}\d|[^{}\n]{0,60}(?:getruntime|processbuilder"
        r"|\.exec\(|t\(java))|[#*]\{\s{0,2}\d{1,6}\s{0,2}\*\s{0,2}\d|<%=?\s{0,3}(?:system|`"
        r"|\d{1,6}\s{0,2}\*\s{0,2}\d|file\.|io\.|kernel|runtime|exec)"
        r"|\{%-?\s{0,3}(?:import\s{1,3}os|for\s{1,3}\w{1,20}\s{1,3}in\s{1,3}[^%\n]{0,40}__|debug)"
        r"|<!entity\b[^<>]{0,100}?\bsystem\b|<!--#(?:exec|include)\b|<\?(?:php"
        r"|=)[^?]{0,200}?(?:system|exec|passthru|shell_exec|eval|assert|base64_decode)\s{0,2}\("
        r"|\\write18\b|\\input\{/etc/",
        0.7,
        "holds an expression that a template engine or parser would execute",
        needs=("{{", "${", "#{", "*{", "<%", "{%", "<!entity", "<!--#", "<?", "\\write18",
               "\\input{/"),
    ),
    Rule(
        "executing_formula",
        rf"{_CELL}(?:[\w()+*]{{0,30}}?(?:cmd|powershell|msexcel|mshta|regsvr32|rundll32)\s{{0,2}}\|\s{{0,2}}['\"/]"
        r"|\w{1,20}\|'[^'\n]{1,120}'!\w|dde\w{0,4}\(|exec\(\"|call\(\"|register\(\")",
        0.85,
        "holds a cell that makes a spreadsheet run a program",
        needs=("|'", "| '", "|/", "|\"", "dde", "exec(", "call(", "register("),
    ),
    Rule(
        "formula",
        rf"{_CELL}(?:[\w(]{{0,30}}\()?(?:hyperlink|webservice|importxml|importdata|importhtml"
        rf"|importfeed"
        r"|importrange|image)\(\s{0,3}(?:concatenate\(\s{0,3}|concat\(\s{0,3})?[\"']{0,2}https?:",
        0.65,
        "holds a cell whose formula contacts another host",
        needs=("hyperlink(", "webservice(", "importxml(", "importdata(", "importhtml(",
               "importfeed(", "importrange(", "image("),
    ),
    Rule(
        "clipboard_sequence",
        r"(?:\x1b\]|\x9d)(?:52|50|8|0|1|2|7|9|1337|777);|\x1bp|\x1b\[\d{0,3}(?:i|n|c)|\x1b\[2[01]t"
        r"|\x1b\[>",
        0.75,
        "holds a control sequence that makes a terminal answer, link or copy",
        needs=("\x1b", "\x9d"),
    ),
    Rule(
        "terminal_sequence",
        r"(?:\x1b\[|\x9b)[0-9;?]{0,20}[a-ln-z@]|\x1bc|\x1b\[(?:[0-9;]{0,12};)?8m",
        0.6,
        "holds a control sequence that moves, erases or hides on a terminal",
        needs=("\x1b", "\x9b"),
    ),
    Rule(
        "colour_sequence",
        r"\x1b\[[0-9;]{0,20}m",
        0.3,
        "holds a control sequence for a terminal",
        needs=("\x1b",),
    ),
)  # fmt: skip
