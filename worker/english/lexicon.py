"""English word lists: closed word classes, irregular forms, loaded words.

Every set holds lower-case words as `worker.english.facts.words` splits them, with separate clitics
(``n't``, ``'s``). Also decides whether two words are related, without regard to their sentences.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

__all__ = [
    "ATTRIBUTION_VERBS",
    "AUXILIARIES",
    "BE_FORMS",
    "CONJUNCTIONS",
    "DETERMINERS",
    "DOUBLED_ON_PURPOSE",
    "FRONT_ADVERBS",
    "FRONT_WORDS",
    "FUNCTION_WORDS",
    "GUARDED_WORDS",
    "HEDGES",
    "INTRANSITIVES",
    "IRREGULAR_FORMS",
    "LOADED_WORDS",
    "MODALS",
    "MONTHS",
    "NEGATIONS",
    "NUMBER_WORDS",
    "ORDINAL_WORDS",
    "PARTICLES",
    "PERSONS",
    "PREPOSITIONS",
    "PRONOUNS",
    "SCALE_WORDS",
    "WEEKDAYS",
    "are_related",
    "base_forms",
    "is_plain",
]


def _list(text: str) -> list[str]:
    return text.split()


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


DETERMINERS = _set(
    """a an the this that these those each every either some any all both half such another other
    much many more most few fewer several little less least enough what which whose"""
)

PREPOSITIONS = _set(
    """about above across after against along alongside amid amidst among amongst around as at
    before behind below beneath beside besides between beyond by despite down during except for
    from in inside into like near of off on onto opposite out outside over past per regarding since
    than through throughout till to toward towards under underneath unlike until up upon versus via
    with within without"""
)

CONJUNCTIONS = _set(
    """and but or nor so yet if because although though whereas while whether unless once when
    whenever where wherever that than lest provided"""
)

PRONOUNS = _set(
    """i me my mine myself you your yours yourself yourselves he him his himself she her hers
    herself it its itself we us our ours ourselves they them their theirs themselves who whom whose
    which what whoever whatever one's oneself someone somebody something anyone anybody anything
    everyone everybody everything"""
)

BE_FORMS = _set("be am is are was were been being 're 'm")

AUXILIARIES = BE_FORMS | _set("have has had having do does did done doing 've")

MODALS = _set("can could may might must shall should will would ought 'll 'd")

NEGATIONS = _set(
    """not n't no never none nobody nothing nowhere neither nor cannot without hardly scarcely
    barely rarely seldom"""
)

#: Words and clitics that only carry grammar or link the parts of a sentence.
PARTICLES = _set("'s ' to there here then thus hence also too very just how why even rather")

FUNCTION_WORDS = (
    DETERMINERS
    | PREPOSITIONS
    | CONJUNCTIONS
    | PRONOUNS
    | AUXILIARIES
    | MODALS
    | NEGATIONS
    | PARTICLES
)

#: Function words whose addition or removal changes the claim: time order, condition, cause,
#: concession, comparison, quantity, direction, agent. Articles, plain conjunctions and ``of, in,
#: on, at, to, for, with`` are left out because grammatical corrections often add or drop them.
GUARDED_WORDS = _set(
    """after against before behind below beneath beyond between despite during except from inside
    outside off out since till towards toward until unlike by per up down versus
    if unless because although though whereas whether or once while when where over
    each every either some any all both half another other much many more most few fewer
    several little
    less least enough even also too very just"""
)

#: The person of each pronoun. Forms of ``it`` and ``they`` are left out because grammatical
#: corrections often add them.
PERSONS = {
    form: forms[0]
    for forms in map(
        _list,
        (
            "i me my mine myself",
            "you your yours yourself yourselves",
            "he him his himself",
            "she her hers herself",
            "we us our ours ourselves",
        ),
    )
    for form in forms
}

#: Words that turn the number after them into an estimate or a bound.
HEDGES = _set(
    """about around over under above below some nearly almost approximately roughly only least
    most than to"""
)

#: Number words below one hundred, with their digits; `worker.english.facts` joins tens and units.
NUMBER_WORDS = {
    word: str(value)
    for value, word in [
        *enumerate(
            _list(
                """zero one two three four five six seven eight nine ten eleven twelve thirteen
                fourteen fifteen sixteen seventeen eighteen nineteen"""
            )
        ),
        *zip(
            range(20, 100, 10),
            _list("twenty thirty forty fifty sixty seventy eighty ninety"),
            strict=True,
        ),
    ]
}

#: Ordinal words, with their digits.
ORDINAL_WORDS = dict(
    zip(
        _list(
            """first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth
            thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth
            thirtieth fortieth fiftieth sixtieth seventieth eightieth ninetieth"""
        ),
        _list(
            """1st 2nd 3rd 4th 5th 6th 7th 8th 9th 10th 11th 12th 13th 14th 15th 16th 17th 18th
            19th 20th 30th 40th 50th 60th 70th 80th 90th"""
        ),
        strict=True,
    )
)

#: Scale words, each with the form under which it is counted.
SCALE_WORDS = {
    form: word
    for word in _list("dozen hundred thousand million billion trillion")
    for form in (word, word + "s")
} | {"half": "half", "halves": "half", "twice": "twice", "thrice": "thrice"}

MONTHS = _set(
    """january february march april may june july august september october november december
    jan feb mar apr jun jul aug sep sept oct nov dec"""
)

WEEKDAYS = _set("monday tuesday wednesday thursday friday saturday sunday")

ATTRIBUTION_VERBS = _set(
    """say says said saying tell tells told claim claims claimed state states stated announce
    announces announced report reports reported add adds added argue argues argued insist insists
    insisted warn warns warned note notes noted explain explains explained call calls called
    calling describe describes described describing accuse accuses accused allege alleges alleged
    assert asserts asserted believe believes believed think thinks thought stress stresses stressed
    emphasize emphasizes emphasized emphasise emphasises emphasised suggest suggests suggested
    acknowledge acknowledges acknowledged admit admits admitted confirm confirms confirmed deny
    denies denied declare declares declared comment comments commented reply replies replied respond
    responds responded write writes wrote written criticize criticizes criticized criticise
    criticises criticised denounce denounces denounced condemn condemns condemned praise praises
    praised dub dubs dubbed brand brands branded label labels labelled labeled vow vows vowed
    pledge pledges pledged promise promises promised urge urges urged quote quotes quoted
    according"""
)

#: Adverbs, and words used like adverbs, that often begin a news sentence.
FRONT_ADVERBS = _set(
    """yesterday today tomorrow tonight now later earlier recently meanwhile however moreover
    furthermore therefore nevertheless nonetheless otherwise instead still again already soon
    sometimes often perhaps maybe finally currently previously first firstly second secondly third
    last next early late according following speaking asked given based"""
)

#: Common words that often begin a news sentence; a capital there does not make them names.
FRONT_WORDS = FRONT_ADVERBS | _set(
    """new old many people police officials authorities sources experts analysts
    witnesses residents investigators prosecutors lawmakers doctors scientists researchers
    government parliament president minister reports military army troops soldiers rescue
    emergency local public state national international former senior high low heavy strong good
    bad long short big small great rebels militants protesters young men women children
    students teachers workers rain snow fire oil gas water food prices
    production power trade news media work life time part world home school health education
    sanctions negotiations talks elections protests voters critics supporters opponents traffic
    trains flights passengers customers investors shares stocks exports imports inflation
    unemployment growth demand supply schools hospitals banks companies businesses firms"""
)

#: Evaluative words and intensifiers: writers who use them in their own voice take sides. The list
#: is chosen for precision, so words that news also uses neutrally (big, serious, massive, radical,
#: tragic, controversial) are left out.
LOADED_WORDS = _set(
    """abhorrent abominable absurd absurdly appalling appallingly amazing amazingly atrocious
    awesome awful awfully astonishing astonishingly astounding bizarre bizarrely blatant blatantly
    bogus brazen brazenly breathtaking breathtakingly brilliant brilliantly callous clueless
    contemptible cowardly crazy deplorable despicable detestable disastrously disgraceful
    disgracefully disgusting disgustingly dishonorable dishonourable draconian egregious
    egregiously evil extraordinary extraordinarily fabulous fantastic farcical fearmongering
    foolish foolishly ghastly glorious gloriously gorgeous heinous heroic heroically hideous
    horrendous horrible horribly horrid horrific hypocritical hypocrisy hysterical hysteria idiotic
    ignorant immoral incompetent incredible incredibly infamous inexcusable insane insanely
    insidious insulting irresponsible laughable loathsome ludicrous magnificent marvelous
    marvellous masterful mindless monstrous moronic nasty nefarious nonsensical notorious
    notoriously obscene obscenely odious outlandish outrageous outrageously outstanding pathetic
    pathetically phenomenal preposterous reckless recklessly remarkable remarkably repugnant
    repulsive ridiculous ridiculously rotten ruthless ruthlessly sadly savage savagely scandalous
    senseless shameful shamefully shameless shamelessly shocking shockingly sickening sinister
    sleazy spectacular spectacularly splendid stellar stunning stunningly stupid stupidly sublime
    superb superbly tasteless terrible terribly terrific thankfully toxic tyrannical unbelievable
    unbelievably unconscionable unfortunately unforgivable unhinged utterly vicious viciously vile
    villainous wicked wonderful wonderfully worthless wretched"""
)

#: Groups separated by ``|``: a base word, then its irregular forms and derivations.
_IRREGULAR = """
    arise arose arisen|awake awoke awoken|bear bore borne|beat beaten|become became|begin began
    begun|bend bent|bind bound|bite bit bitten|blow blew blown|break broke broken|bring
    brought|build built|burn burnt|buy bought|catch caught|choose chose chosen choice|come
    came|deal dealt|dig dug|draw drew drawn|dream dreamt|drink drank drunk|drive drove driven|eat
    ate eaten|fall fell fallen|feed fed|feel felt|fight fought|find found|flee fled|fly flew
    flown|forbid forbade forbidden|forget forgot forgotten|forgive forgave forgiven|freeze froze
    frozen|get got gotten|give gave given|go goes went gone|grow grew grown growth|hang hung|hear
    heard|hide hid hidden|hold held|keep kept|know knew known|lay laid|lead led|leave left|lend
    lent|light lit|lose lost loss|make made|mean meant|meet met|mistake mistook mistaken|overcome
    overcame|pay paid|prove proven|ride rode ridden|ring rang rung|rise rose risen|run ran|say
    said|see saw seen|seek sought|sell sold|send sent|shake shook shaken|shine shone|shoot
    shot|show shown|shrink shrank shrunk|sing sang sung|sink sank sunk|sit sat|sleep slept|slide
    slid|speak spoke spoken|spend spent|spin spun|spring sprang sprung|stand stood|steal stole
    stolen|stick stuck|strike struck stricken|strive strove striven|swear swore sworn|sweep
    swept|swim swam swum|swing swung|take took taken|teach taught|tear tore torn|tell told|think
    thought|throw threw thrown|undergo underwent undergone|understand understood|wake woke
    woken|wear wore worn|weep wept|win won|withdraw withdrew withdrawn|write wrote written|child
    children|foot feet|tooth teeth|man men|woman women|mouse mice|goose geese|person people|life
    lives|wife wives|knife knives|leaf leaves|self selves|thief thieves|crisis crises|analysis
    analyses|basis bases|medium media|criterion criteria|phenomenon phenomena|die dies died
    dying|lie lies lied lying|tie ties tied tying|expand expansion|extend extension|decide
    decision|divide division|invade invasion|explode explosion|collide collision|conclude
    conclusion|exclude exclusion|include inclusion|permit permission|admit admission|submit
    submission|suspend suspension|propose proposal|arrive arrival|refuse refusal|approve
    approval|deny denial|strong strength|long length|deep depth|wide width|describe
    description|produce production|reduce reduction|introduce introduction|receive
    reception|destroy destruction|fail failure|press pressure|close closure|depart departure|serve
    service|sign signature"""

#: Irregular forms, each with its base word.
IRREGULAR_FORMS = {form: forms[0] for forms in map(_list, _IRREGULAR.split("|")) for form in forms}

#: Verbs without a passive: a form of ``be`` before their participle is a grammar mistake.
INTRANSITIVES = _set(
    """happen occur die arrive appear disappear exist remain fall rise come go become belong emerge
    collapse erupt begin start end depart return vanish survive last increase decrease decline"""
)

#: Words that correct English may double: for a tense ("had had"), a clause ("that that") or stress.
DOUBLED_ON_PURPOSE = _set("had that very")

# Plain and related words ---------------------------------------------------------------------

#: Endings of common nouns and adverbs that do not occur in names. ``-ing``, ``-ed`` and ``-ly`` are
#: left out because they would make Beijing, Ahmed and Italy common words.
_PLAIN_ENDINGS = (
    *("tion", "tions", "sions", "ously", "ently", "antly", "cally"),
    *("edly", "ingly", "ately", "fully", "ually", "ively", "ibly", "ably"),
)
_MIN_PLAIN_LENGTH = 7


def is_plain(word: str) -> bool:
    """Return whether the word is certainly not a name, even if it begins a sentence."""
    lower = word.lower()
    if lower in MONTHS or lower in WEEKDAYS:
        return False
    return (
        lower in FUNCTION_WORDS
        or lower in FRONT_WORDS
        or lower.partition("-")[0] in NUMBER_WORDS
        or lower in SCALE_WORDS
        or (len(lower) >= _MIN_PLAIN_LENGTH and lower.endswith(_PLAIN_ENDINGS))
    )


#: Endings, each with its replacement in the base form and the minimum length of the base form. Edit
#: distance would not do: `country` and `county` differ by one letter, `inform` and `information` by
#: five. Endings for persons, degrees and qualities (-er, -est, -ee, -ist, -less, -able) and -ise
#: for -ize are left out. The minimum lengths keep state, mission and question apart from station,
#: miss and quest.
_ENDINGS = (
    *(("s", "", 3), ("es", "", 3), ("ies", "y", 3), ("ves", "f", 4)),
    *(("ed", "", 3), ("ed", "e", 3), ("ied", "y", 3), ("ing", "", 3), ("ing", "e", 3)),
    *(("ly", "", 4), ("ily", "y", 4), ("ly", "le", 5), ("ally", "", 6), ("ness", "", 4)),
    *(("iness", "y", 4), ("ment", "", 3), ("al", "", 6), ("al", "e", 7), ("ic", "y", 6)),
    *(("ical", "y", 6), ("ical", "ic", 6), ("ity", "", 5), ("ity", "e", 5), ("ility", "le", 6)),
    *(("ion", "", 6), ("ion", "e", 6), ("ation", "", 6), ("ation", "e", 6), ("ication", "y", 5)),
    *(("ance", "", 5), ("ance", "e", 6), ("ence", "", 6), ("ence", "e", 6), ("ence", "ent", 5)),
    ("ance", "ant", 5),
)
#: Words that only look inflected or derived.
_UNDERIVED = _set(
    """news goods arms customs means series species united personal during something morning
    evening wedding building meeting being thing king sing ring wing spring string bring ceiling
    police minority majority"""
)
#: Longer strings are not words and must not fill the cache.
_MAX_WORD_CHARS = 40
_DOUBLED_CONSONANT = re.compile(r"([bdfglmnprt])\1")


def base_forms(word: str) -> frozenset[str]:
    """Return a lower-case word and all words that it may be inflected or derived from."""
    return _base_forms(word) if len(word) <= _MAX_WORD_CHARS else frozenset({word})


@lru_cache(maxsize=20_000)
def _base_forms(word: str) -> frozenset[str]:
    forms = {word, IRREGULAR_FORMS.get(word, word)}
    if word in _UNDERIVED:
        return frozenset(forms)
    for form in (word, *_singular(word)):  # Two endings may stack: "organisations".
        forms.add(IRREGULAR_FORMS.get(form, form))
        for ending, replacement, least_length in _ENDINGS:
            if form.endswith(ending):
                stem = form[: -len(ending)]
                forms.update(
                    IRREGULAR_FORMS.get(base, base)
                    for base in (stem + replacement, _undouble(stem, ending))
                    if len(base) >= least_length
                )
    return frozenset(forms)


def _singular(word: str) -> Iterator[str]:
    if word.endswith("ies"):
        yield word[:-3] + "y"
    elif word.endswith("s") and not word.endswith("ss"):
        yield word[:-1]


def _undouble(stem: str, ending: str) -> str:
    """Return the stem without the consonant that its ending doubles: ``stop`` for ``stopp-ed``."""
    if ending in {"ed", "ing"} and _DOUBLED_CONSONANT.fullmatch(stem[-2:]):
        return stem[:-1]
    return stem


def are_related(first: str, second: str) -> bool:
    """Return whether two lower-case words differ at most in inflection or plain derivation."""
    return first == second or not base_forms(first).isdisjoint(base_forms(second))
