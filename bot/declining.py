""" "No thanks, that's all": a no to any more help, not to what the bot has just said.

Told by its words, and only where nothing else is said: "no, eso no me ayuda, gracias" is about the answer. To
the model it is a no like every other.
"""

from __future__ import annotations

import re

from bot.learning.text import drop_accents, normalise

# All written without accents, as customers leave them out.
_NO = (
    r"nope|nah|no|nein|neen|nee|ne|non|nao|לא(?: צריך)?|لا|(?:khong|ko)(?: can(?: gi)?(?: nua)?)?|thoi"
    r"|不用了?|不需要了?|不了|[没沒]有?了?|不|いいえ|いえ|いや|ううん"
    # "Never mind".
    r"|never ?mind|lass mal|schon gut|laat maar|laissez? tomber|dej[ae]lo|lascia (?:stare|perdere)"
    r"|deixa(?: pra la)?|עזוב|עזבי|算了|もういいです|もういい"
)
_THANKS = (
    r"(?:many )?thanks|thank (?:you|u)|thx|cheers|(?:vielen )?danke?|dank ?(?:je|u)(?: ?wel)?|bedankt|merci"
    r"|(?:muchas |mil )?gracias|grazie|(?:muito )?obrigad[oa]|תודה|شكرا|مشكور|تسلم|cam on"
    r"|[谢謝]{1,2}|多[谢謝]|大丈夫|結構|けっこう|ありがとう|どうも"
)
_MORE = (
    r"so much|very much|a lot|for now|dir|ihnen|schon|sehr|hoor|beaucoup|bien|mille|רבה|جزيلا|لك"
    r"|ban|shop|em|nha|nhe|a|[你您啦了]|です|ございます|ございました"
)
# After a bare "no" these would be denied in other languages: "non è tutto", "não é só isso".
_THATS_ALL = (
    r"(?:that'?s|that is|that'?ll be|that will be) (?:all|it)|(?:i'?m|im) (?:good|fine|ok|all set)|all good"
    r"|(?:das )?war'?s|das (?:war|ist) alles|passt|(?:dat|dit) (?:was|is) (?:het|alles)|c'?est (?:tout|bon)"
)
_THATS_ALL_AFTER_A_COMMA = (
    rf"{_THATS_ALL}|ca (?:ira|va)|eso es todo|(?:eso )?nada mas|(?:asi )?estoy bien|asi esta bien|ya esta"
    r"|e tutto|(?:sono )?a posto(?: cosi)?|va bene cosi|basta cosi|(?:era|e) so(?: isso)?|so isso|isso e tudo"
    r"|זה הכל|זהו|هذا كل شي[ءئ]?|خلاص|het roi|(?:the|vay) thoi|du roi"
    r"|就[这這][样樣]|[没沒]别的了?|[没沒]事了?|可以了|以上|特にありません|もう|それだけ"
)
_BETWEEN = r"[\s,，、،.!。！…]*"
_COMMA = r"\s*[,，、،.!。！…]\s*"
_DECLINES = re.compile(
    rf"(?:{_NO})(?:{_BETWEEN}(?:{_THANKS})|{_BETWEEN}(?:{_THATS_ALL})|{_COMMA}(?:{_THATS_ALL_AFTER_A_COMMA}))"
    rf"(?:{_BETWEEN}(?:{_THANKS}|{_MORE}|{_THATS_ALL_AFTER_A_COMMA}))*{_BETWEEN}"
)


def declines(text: str) -> bool:
    """Return whether a text says no to any more help, politely, and nothing else."""
    plain = normalise(text).replace("’", "'").strip()
    return any(_DECLINES.fullmatch(form) for form in (plain, drop_accents(plain)))
