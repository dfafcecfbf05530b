"""Prepositions and set phrases of good English, each with what rough translations put for it.

A wrong version must be plainly wrong, and must have one right version only: "attack in" for "attack
on", "asked about" for "asked for" and "different than" for "different from" are left out.
"""

from __future__ import annotations

from worker.damage.clause import DAY, MONTH

__all__ = ["ABSTRACT", "NEEDLESS_ARTICLE", "PREPOSITIONS", "SET_PHRASES"]

#: Places where English has no article: before abstract nouns, months and years.
ABSTRACT = (
    r"\b(?P<before>of|for|against|by|with|about|between|from|to|into|on) "
    r"(?=[a-z]{4,}(?:tion|ment|ity|ism|ness|ance|ence|ship|omy|age|ture)"
    r"(?:[.,;]| and| in| by| for| to| is| was))"
)
NEEDLESS_ARTICLE = (
    rf"\b(?P<before>in|of|from|until|since) (?=(?:{MONTH})\b|(?:19|20)\d\d\b"
    r"|parliament\b|society\b|people\b|children\b|nature\b|politics\b|health\b|peace\b|democracy\b"
    r"|poverty\b|terrorism\b|corruption\b|inflation\b|unemployment\b)"
)

#: Patterns, each with the wrong versions of which one replaces a match.
PREPOSITIONS: dict[str, tuple[str, ...]] = {
    rf"\bon (?={DAY})": ("in ", "at ", "the "),
    rf"\bin (?=(?:{MONTH}) \d{{4}}|(?:19|20)\d\d\b)": ("at ", "on ", "in the year "),
    rf"\bin (?=(?:{MONTH})\b)": ("on ", "at ", "in the month of "),
    r"\bat the weekend": ("in the weekend", "for the weekend"),
    r"\bin the (?=morning|afternoon|evening)": ("at the ", "by the ", "on the "),
    r"\b(arriv\w+|arrival) (?:in|at) ": (r"\1 to ", r"\1 into "),
    r"\b(interest\w*) in ": (r"\1 for ", r"\1 at ", r"\1 on "),
    r"\b(depend\w*) on ": (r"\1 from ", r"\1 of "),
    r"\b(consist\w*) of ": (r"\1 from ", r"\1 in "),
    r"\b(responsib\w+) for ": (r"\1 of ", r"\1 about "),
    r"\b(accus\w+ (?:\w+ ){0,3}?)of ": (r"\1in ", r"\1for "),
    r"\b(waiting|waited|wait) for ": (r"\1 ", r"\1 to "),
    r"\b(part|participat\w+) in ": (r"\1 at ", r"\1 on "),
    r"\b(different) from ": (r"\1 of ", r"\1 as "),
    r"\b(\w+ed|rose|fell|grew|risen|fallen|grown) by (?=\d|almost|nearly|about|more)": (
        *(r"\1 on ", r"\1 for ", r"\1 in ", r"\1 with "),
    ),
    r"\b(spokes\w+) for ": (r"\1 from ",),
    r"\b(member|members) of ": (r"\1 in ", r"\1 from "),
    r"\b(reason|reasons|need|demand) for ": (r"\1 of ",),
    r"\b(increase|rise|drop|growth|decline) in (?=[a-z])": (r"\1 of ", r"\1 at "),
    r"\b(access|attention|threat|answer|solution|invitation) to ": (r"\1 for ", r"\1 at "),
    r"\b(influence|impact|effect|attack|attacks|pressure) on ": (r"\1 to ", r"\1 for "),
    r"\b(concern\w*|worried|worries|optimistic) about ": (r"\1 of ", r"\1 on "),
    r"\b(listen\w*|belong\w*|refer\w*|respond\w*|repl(?:y|ied)) to ": (
        r"\1 on ",
        r"\1 at ",
        r"\1 ",
    ),
    r"\b(called|calls|asked) for (?=an? |the |more )": (r"\1 ",),
    r"\b(ready|prepared) for ": (r"\1 to ", r"\1 at "),
    r"\b(succeed\w*|result\w*|invest\w*|involved) in ": (r"\1 at ", r"\1 to ", r"\1 with "),
    r"\b(focus\w*|concentrat\w+|insist\w*|rely|relies) on ": (r"\1 at ", r"\1 to ", r"\1 in "),
    r"\b(die|died|suffer\w*|recover\w*) (?:of|from) ": (r"\1 by ",),
    r"\b(apologi[sz]\w+|praised|arrested|fined) for ": (r"\1 of ", r"\1 because of "),
    r"\b(more|less|fewer) than (?=\d)": (r"\1 as ", r"\1 of ", r"\1 from "),
    r"(?<=[a-z]) than (?=(?:in|the|a|last|at|it|he|they)\b)": (" as ", " that "),
    r"\baccording to ": ("according with ", "according ", "accordingly to "),
    r"\bbecause of ": ("because ", "because from "),
    r"\b(told) (?=reporters|journalists|the \w+|a \w+)": (r"\1 to ",),
    r"\b(entered|reached|joined|approached|discussed|attended) (?=the |an? )": (
        *(r"\1 in ", r"\1 to ", r"\1 about "),
    ),
    r"\bof the (?=\d|two|three|four|five|six)": ("from the ",),
    r"\b(one|two|three|four|five|most|some|many|\d+) of the ": (r"\1 from the ", r"\1 out the "),
}

#: Set phrases and words of grammar, in the same form. No content word is added or lost.
SET_PHRASES: dict[str, tuple[str, ...]] = {
    r"\bthere (is|are) (?=no\b|an?\b|\d|many|some|two|three)": (r"it gives ", r"it \1 "),
    r"(?<=\d) people\b": (" persons",),
    r"\b(many|several|two|three|four|five|six|ten) people\b": (r"\1 persons", r"\1 peoples"),
    r"\bwho (?=was|were|is|are|has|have|had)": ("which ", "what "),
    r"\bwhose (?=[a-z]+ (?:is|was|are|were|has)\b)": ("which ", "who "),
    r"(?<=, )which (?=is|was|has|means)": ("what ", "that "),
    r"\bin order to\b": ("in order", "for to", "in order for to"),
    r"\bas well as\b": ("as also", "so as", "as well also"),
    r"\bsuch an? (?=[a-z]+)": ("a such ", "such "),
    r"\bso that\b": ("for that", "that so"),
    r"\beach other\b": ("one the other", "the one the other"),
    r"\bat least\b": ("at the least", "in the least"),
    r"\bat the same time\b": ("in the same time", "by the same time"),
    r"\bfor the first time\b": ("by first time", "for first time"),
    r"\bfor example\b": ("by example", "for the example", "on example"),
    r"\bthe day before\b": ("the before day",),
    r"\bas soon as\b": ("so soon as", "how soon"),
    r"\bas long as\b": ("so long as that", "so long"),
    r"\bevery (day|week|month|year)\b": (r"every \1s", r"all the \1s"),
    r"\b(?:a|per) (week|month|year)(?=[.,])": (r"in the \1", r"on the \1"),
    r"\b(?<!least )(two|three|four|five|six|ten|\d+) (days|weeks|months|years) ago\b": (
        *(r"before \1 \2", r"ago \1 \2"),
    ),
    r"\bhas been (?=(?:in|at|on|under)\b[^.]*\b(?:for|since)\b)": ("is ",),
    r"\bto be (\w+ed)\b": (r"be \1", r"to become \1", r"to \1 be"),
    r"\bmuch (?=better|higher|lower|bigger)": ("very ", "many "),
    r"\bdid not (want|know|say|give|take|go|have|see)\b": (r"did not to \1",),
    r"\b(wants|wanted|want) to\b": (r"\1", r"\1 for to", r"\1 that to"),
    r"\bdecided to\b": ("decided", "decided for to"),
    r"\bable to\b": ("able of", "able", "able for to"),
    r"\b(plans|planned|plan|refused|agreed|agree) to\b": (r"\1", r"\1 for to"),
    r"\bwithout (\w+ing)\b": (r"without to \1", r"without that \1"),
    r"\b(\w+) of his own\b": (r"own \1", r"an own \1"),
    r"\b(\d+)-year-old (\w+)": (r"\2 of \1 years old", r"\2 of \1 years", r"\1 years old \2"),
    r"\baged (\d+)": (r"of \1 years", r"of the age \1", r"with \1 years"),
    r"\bcan (?=be )": ("can to ", "is able "),
    r"\b(know|want|think|need|own)s(?= (?:that|the|it|he|they)\b)": (r"is \1ing",),
    r"\bmost (?=of the|people)": ("the most ", "the most part "),
    r"\bis (?:now )?the (?=first|second|third|biggest|largest)": ("is ", "it is the "),
    r"\bmore (?=(?:\w+ )?than\b)": ("more of ", "the more "),
    r"\b(two|three|four|five|six|ten|\d+) (million|billion|thousand)\b": (r"\1 \2s", r"\1 of \2"),
}
