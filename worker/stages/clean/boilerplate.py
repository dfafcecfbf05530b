"""Wordings that news sites put around a story.

Looks at single lines; `worker.stages.clean.furniture` considers their place in the article.
"""

from __future__ import annotations

import re

from worker.records.reason import Reason

__all__ = ["bare_line", "furniture_reason", "is_list_label", "is_promo"]

#: Longer lines are story. Of 948 lines that these patterns match on 95 news pages, 2 are longer.
_LONGEST_LINE = 400

_NETWORK = (
    r"(?:facebook|twitter|instagram|whats ?app|linked ?in|reddit|telegram|pinterest|tumblr|"
    r"you ?tube|flipboard|messenger|tik ?tok|threads|google\+?|google news|x \(twitter\)|x)"
)
_BUTTON = (
    r"(?:share|tweet|e-?mail|print|save|copy(?: the)? link|pin(?: it)?|bookmark|comments?|"
    r"\d+ shares?|" + _NETWORK + r")"
)

# Each pattern must match a whole line (ignoring case and marks at its end), so a story line that
# merely contains such words is safe. A branch has at most one `.*`, which keeps matching linear.
_PATTERNS = {
    Reason.COMMENT_FORM: r"""
        be\ the\ first\ (?:one\ )?to\ (?:comment|reply|respond).{0,40}
        |(?:leave|post|add|write|submit|make)\ (?:a|your|the\ first)\ (?:comment|reply|response)s?
            (?:\ (?:below|here|now|cancel(?:\ reply)?|on\ this\ \w+))?
        |cancel\ reply|reply
        |your\ e-?mail\ (?:address\ )?(?:will\ not|won['\u2019]t|will\ never)\ be
            \ (?:published|shared).*
        |(?:all\ )?(?:required\ )?fields\ (?:are\ )?marked.{0,60}|required\ fields\ are\ marked.*
        |save\ my\ name\b.{0,120}
        |\(?\d+\)?\ comments?|comments?\ ?\(\d+\)|no\ comments(?:\ yet)?|comments?
        |comments\ (?:are|have\ been)\ (?:now\ )?(?:closed|disabled|turned\ off)
        |(?:view|show|read|load|see|hide|join)\ (?:all\ |the\ |more\ )*
            (?:\d+\ )?(?:comments|conversation|discussion)(?:\ \(\d+\))?
        |(?:name|e-?mail|website|comment)\ ?\*
        |notify\ me\ (?:of|by|when|via)\ .{0,80}
        |you\ must\ be\ (?:logged|signed)\ in\ to\ (?:post\ a\ )?(?:comment|reply)
        |(?:log|sign)\ in\ to\ (?:leave\ a\ |post\ a\ )?(?:comment|reply)
        |this\ site\ uses\ akismet.*|have\ your\ say|post\ comment|submit\ comment
        |(?:tell\ us\ )?what\ do\ you\ think\?\ .{0,60}\bcomments?(?:\ section)?(?:\ below)?
        """,
    Reason.SHARE_BAR: rf"""
        share(?:\ this|\ it)?(?:\ (?:article|story|post|page|news|video|link))?
            (?:\ (?:on|via|to|by|with)\ (?:{_NETWORK}|e-?mail|friends|your\ friends))?
        |share\ (?:this|it)?:?\s?(?:{_BUTTON}[\s,|/·•]+){{0,12}}{_BUTTON}
        |(?:{_BUTTON}[\s,|/·•]+){{1,12}}{_BUTTON}
        |tweet(?:\ this|\ it)?|print(?:\ (?:this|article|story|page|friendly)){{0,2}}
        |e-?mail\ (?:this|a\ friend|to\ a\ friend)(?:\ (?:article|story|page|link|post))?
        |(?:follow|like|find|join|visit)\ (?:us|me|[A-Z@]\S{{0,30}}(?:\ \S{{1,30}}){{0,5}})\ on[ ]
            {_NETWORK}.{{0,60}}
        |click\ to\ (?:share|tweet|print|e-?mail).{{0,60}}
        |(?:face|you)\ ?(?:book|tube)|twitter|instagram|whats\ ?app|linked\ ?in|reddit|telegram
        |like\ (?:this|loading)|\d[\d.,]*k?\ shares?|shares|order\ reprints
        """,
    Reason.SUBSCRIPTION: r"""
        (?:(?:click|tap)\ here\ to\ )?(?:please\ )?(?:sign\ up|subscribe|register|enrol)\b
            .{0,160}\b(?:newsletters?|inbox|e-?mails?|alerts?|channel|youtube|podcast|now|today|free
            |updates?|account|access|briefing)\b.{0,160}
        |subscribe(?:\ (?:now|today|here|to\ (?:our|the|my)\ .{1,60}))?
        |subscribe\ to\ [A-Z][^.!?]{1,60}
        |(?:get|receive)\ .{1,100}\b(?:in|to)\ your\ (?:e-?mail\ )?inbox.{0,120}
        |(?:get|download|install|try)\ (?:our|the)\ .{0,40}\bapps?\b.{0,60}
        |(?:click|tap)\ here\ to\ (?:subscribe|sign\ up|join|download).{0,100}
        |already\ (?:a|have\ an)\ (?:subscriber|member|account|registered).{0,60}
        |(?:you\ have|you['\u2019]ve)\ .{0,30}\bfree\ articles?\ .{0,40}
        |(?:become\ a\ (?:member|subscriber)|support\ our\ journalism).{0,80}
        |start\ your\ free\ trial.{0,80}
        |(?:join|follow)\ (?:us\ on\ )?(?:our|the)\ .{0,40}\b
            (?:whats\ ?app|telegram)\ (?:channel|group).{0,60}
        |this\ (?:article|story|content)\ is\ (?:for|only\ available\ to)\ subscribers.{0,40}
        |newsletters?(?:\ sign-?\ ?up)?|(?:(?:enter|type)\ )?(?:your\ )?e-?mail\ address
        |\[\ ?sign\ up\ ?\]
        """,
    Reason.LEGAL_LINE: r"""
        (?:copyright\ )?(?:©|ⓒ|\(c\)|&copy;).{0,200}|copyright\ (?:19|20)\d\d\b.{0,200}
        |copyright\ [^.]{1,60}(?:19|20)\d\d\b.{0,120}
        |.{0,120}\ball\ rights\ reserved\b.{0,120}
        |(?:this|our)\ (?:web\ ?)?site\ uses\ cookies.*|we\ (?:and\ our\ partners\ )?use\ cookies.*
        |by\ (?:continuing|using|clicking|browsing)\ .{0,100}\b(?:cookies|terms|privacy)\b.{0,160}
        |(?:accept|reject|manage)\ (?:all\ )?cookies|cookie\ (?:policy|settings|preferences|notice)
        |(?:terms\ (?:of|and)\ (?:use|service|conditions)|privacy\ (?:policy|notice|statement))
            (?:[\s|,·•&]+(?:and\ )?(?:terms\ (?:of|and)\ (?:use|service|conditions)
            |privacy\ (?:policy|notice|statement)|cookie\ policy
            |contact(?:\ us)?|about(?:\ us)?)){0,4}
        |this\ material\ may\ not\ be\ (?:published|reproduced).*
        |(?:re)?publication\ .{0,60}\bwithout\ (?:written\ )?(?:permission|consent).{0,60}
        |this\ copy\ is\ for\ your\ personal,\ non-?commercial\ use.*
        |distribution\ and\ use\ of\ this\ material\ are\ governed\ by.*
        """,
    Reason.NAVIGATION: r"""
        skip\ to\ (?:main\ |the\ |primary\ )?(?:content|navigation|article|search|footer|menu)
        |(?:main\ |primary\ |site\ |toggle\ |open\ |close\ )?(?:menu|navigation)
        |search(?:\ (?:for|this\ site|the\ site))?
        |(?:back|return|go)\ to\ (?:the\ )?(?:top|home.{0,20})
        |(?:next|previous|prev|older|newer)\ (?:article|post|story|page)s?(?::\ .{0,200})?
        |(?:load|show|view|see)\ (?:more|all)(?:\ (?:stories|articles|posts|news|photos))?
        |log\ ?(?:in|out)|sign\ (?:in|up|out)|register|my\ account|page\ \d+\ of\ \d+
        |(?:story|article)\ continues\ (?:below|after).{0,40}|continue\ reading(?:\ .{0,120})?
        |(?:advert(?:isements?)?|sponsored(?:\ content|\ links)?|promoted(?:\ content)?)
            (?:\ -\ .{0,60})?
        |scroll\ (?:down\ )?(?:to|for)\ .{0,40}|loading|click\ here(?:\ (?:to|for)\ .{0,80})?
        |a-\s?a\+|a\+\s?a-|filed\ under|posted\ in|contact\ us|about\ us|advertise(?:\ with\ us)?
        |an\ error\ has\ occurred,\ please\ try\ again.{0,20}
        """,
    Reason.CREDIT_LINE: r"""
        [(\[]?(?:(?:file|stock|handout|cover|featured?|lead|main)\ )?
            (?:photo(?:graph|s)?|image|picture|pic|illustration|graphic)
            (?:\ ?(?:credits?|courtesy|source|by))?\ ?:\ ?[^.!?:]{2,60}[)\]]?
        |[(\[]?(?:photo(?:graph|s)?|image|picture|illustration)[ ]
            (?:credits?|courtesy|by|courtesy\ of)\ [^.!?:]{2,60}[)\]]?
        |[(\[](?:ap|afp|reuters|getty|epa|tass)(?:\ photo)?(?:[/,]\ ?[^.!?)\]]{2,50})?[)\]]
        |(?:getty\ images|shutterstock|istock|ap\ photo|afp\ photo|reuters\ photo)
            (?:\ ?/\ ?[^.!?]{2,50})?
        """,
}
_FURNITURE = {
    reason: re.compile(pattern, re.IGNORECASE | re.VERBOSE) for reason, pattern in _PATTERNS.items()
}

#: Labels above a list of links to other stories.
_LISTS = (
    r"related (?:stories|articles|posts|news|links|content|coverage|videos)|"
    r"recommended(?: for you| reading| stories)?|"
    r"(?:you )?(?:may|might) also (?:like|be interested in)|"
    r"more (?:on this(?: story)?|from .{2,40}|stories|news|in .{2,30})|"
    r"editor['\u2019]?s['\u2019]? (?:picks?|choice)|in case you missed it|further reading|"
    r"trending(?: now)?|most (?:read|popular|viewed)|popular (?:now|stories|posts)|top stories|"
    r"latest (?:news|stories|headlines)|what to read next"
)
#: Labels that point to another story anywhere in an article.
_POINTERS = (
    _LISTS + r"|(?:also|must) (?:read|watch|see)|(?:read|watch|see) (?:also|more|next|this)|"
    r"don['\u2019]?t miss|related(?: (?:story|article|post|video))?|icymi|up next|more"
)
#: Labels that point to another story only in the middle of an article.
_ALERTS = (
    r"breaking(?: news)?|just in|watch(?: live| video| now)?|video|live|listen|read|exclusive|"
    r"photos|in (?:photos|pictures)|gallery|opinion|explained|explainer|podcast"
)
_POINTER_LINE = re.compile(rf"(?:{_POINTERS})\s?[:|»\u2013—-]\s?\S.*", re.IGNORECASE)
_ALERT_LINE = re.compile(rf"(?:{_ALERTS})\s?[:|]\s?\S.*", re.IGNORECASE)
_CAPITAL_ALERT = re.compile(r"[A-Z]{4,}")
# "Watch:" counts only before a capital: "Watch: a history" heads a part of its own story.
_ALWAYS_ALERT = re.compile(
    r"(?i:breaking(?: news)?\s?[:|]|\S+(?: \S+)?\s?\|)|[Ww]atch(?: (?:[Ll]ive|[Nn]ow))?: \W?[A-Z]"
)
_LIST_LABEL = re.compile(rf"(?:{_LISTS})(?:\.{{3}}|…|:|\s?[|»>]+)?", re.IGNORECASE)
_LABEL = re.compile(rf"(?:{_POINTERS})(?:\.{{3}}|…|:|\s?[|»>]+)?", re.IGNORECASE)

_WORD = re.compile(r"[^\W\d_][\w'\u2019.-]*")
_CREDIT_WORD = re.compile(
    r"photo(?:s|graphs?)?|images?|pictures?|credits?|courtesy|source|by|of|via|the|and|for|from"
)
#: Separators in breadcrumbs and menus, each with the minimum number of items and the maximum number
#: of words per item. Slashes and bars also occur in stories, so slashes need a leading "Home" and
#: bars need four short items.
_PATH_SEPARATORS = ((">", 3, 8), ("»", 3, 8), ("\u203a", 3, 8), ("|", 4, 3), ("/", 2, 8))
_PATH_STARTS = (["Home"], ["HOME"])
#: Longer lines are not labels above a list of links.
_LABEL_CHARS = 60

_LEAD_MARKS = re.compile(r"^(?:[#>*•·▪\u2013-]+\s+|[•·▪►▶])+")
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*\)")
_END_MARKS = " \t.:!*_…»"


def bare_line(line: str) -> str:
    """Return ``line`` without bullets, heading marks, link targets and surrounding emphasis."""
    return _LEAD_MARKS.sub("", _LINK.sub(r"\1", line)).strip(" \t*_")


def furniture_reason(line: str) -> Reason | None:
    """Return why ``line`` is certainly furniture, whatever its place in the article, or None."""
    if len(line) > _LONGEST_LINE:
        return None
    text = bare_line(line)
    wording = text.rstrip(_END_MARKS)
    for reason, pattern in _FURNITURE.items():
        if not wording or not any(map(pattern.fullmatch, {wording, text, line.strip()})):
            continue
        if reason is not Reason.CREDIT_LINE or _names_only(text):
            return reason
    return Reason.NAVIGATION if _is_path(text) else None


def _names_only(credit: str) -> bool:
    """Return whether a credit consists only of names; the words of a caption are story."""
    words = _WORD.findall(credit)[1:]
    return all(word[0].isupper() or _CREDIT_WORD.fullmatch(word) for word in words)


def _is_path(text: str) -> bool:
    """Return whether a line is a breadcrumb (``Home > World > Asia``) or a menu."""
    for separator, least_items, most_words in _PATH_SEPARATORS:
        items = [item.split() for item in text.split(separator)]
        if len(items) >= least_items and all(len(item) <= most_words for item in items):
            return items[0] in _PATH_STARTS or separator != "/"
    return False


def is_promo(line: str, *, alerts: bool) -> bool:
    """Return whether the label of ``line`` points to another story.

    Args:
        line: a line that does not end like a sentence.
        alerts: also accept labels such as ``BREAKING:``, which may open an entry of a live blog.
    """
    if len(line) > _LONGEST_LINE:
        return False
    text = bare_line(line)
    if _POINTER_LINE.fullmatch(text) or (len(text) < _LABEL_CHARS and _LABEL.fullmatch(text)):
        return True
    if not alerts or not _ALERT_LINE.fullmatch(text):
        return False
    return bool(_ALWAYS_ALERT.match(text) or _CAPITAL_ALERT.match(text))


def is_list_label(line: str) -> bool:
    """Return whether ``line`` heads a list of links to other stories ("You may also like:")."""
    text = bare_line(line)
    return len(text) < _LABEL_CHARS and _LIST_LABEL.fullmatch(text) is not None
