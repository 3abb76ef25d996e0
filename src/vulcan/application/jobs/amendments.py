"""The requirements as a numbered list, and a person's word on it: agree, edit an item, veto items, say what is missing."""

# ruff: noqa: RUF001 - words of other alphabets are meant

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from enum import StrEnum

from vulcan.domain.errors import UserError
from vulcan.domain.requirements import (
    AcceptanceCriterion,
    Assumption,
    CriterionKind,
    Requirement,
    with_new_words,
    without_criteria,
)


def plain_words(text: str) -> str:
    """A message as the lists of words have it: small letters, one blank between words, no commas, full stops or marks."""
    words = unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'").replace("\ufe0f", "")
    return " ".join(re.sub(r"[,、.。!¡~]", " ", words).split())


def _listed(*languages: str) -> frozenset[str]:
    return frozenset(plain_words(word) for words in languages for word in words.split(", "))


GO_ON = _listed(
    "go on, continue, resume, carry on, resume it, continue please, please continue, keep going, proceed",
    "weiter, weitermachen, mach weiter, weiter geht's, fortfahren, fortsetzen",
    "continue, continuez, on continue, reprends, reprenez",
    "sigue, continúa, continua, continuar, seguir, prosigue, adelante",
    "continue, prossiga, prosseguir, segue, continuar",
    "continua, vai avanti, procedi, prosegui, riprendi, avanti",
    "ga door, ga verder, verder, doorgaan",
    "fortsätt, fortsæt, fortsett, jatka",
    "kontynuuj, dalej, pokračuj, pokračovat",
    "продолжай, продолжайте, продолжить, продолжи, дальше, продовжуй",
    "devam, devam et",
    "続けて, 続けてください, 続行, 再開",
    "继续, 请继续, 继续吧, 接着做, 繼續",
    "계속, 계속해, 계속하세요, 계속해줘",
    "जारी रखें, استمر, أكمل, המשך, tiếp tục, lanjutkan, lanjut",
)
"""Words for: go on with the work. They agree to what starts it, never to what ends it."""

AGREED = GO_ON | _listed(
    "ok, okay, okey, k, kk, y, yes, yes please, yes do it, yep, yeah, yup, yea, aye, sure, sure thing, of course, ok go",
    "ok do it, ok go ahead, go, go ahead, go for it, sure go for it, please do, do it, do that, do so, let's go, let's do it",
    "make it so, ship it, sounds good, looks good, looks good to me, looks fine, that works, works for me, fine, all good",
    "good, fine by me, confirm, confirmed, agree, agreed, i agree, accept, accepted, correct, right, exactly, lgtm, +1",
    "👍, ✅, ✔, 👌",
    "ja, ja bitte, ja gerne, jawohl, jo, jep, jap, klar, na klar, gerne, gern, gut, passt, passt so, das passt, mach das",
    "mach, mach es, mach mal, tu das, los, los geht's, leg los, einverstanden, genau, in ordnung, stimmt, bestätigt",
    "passt so leg los, ok mach das, ja mach das, sieht gut aus, richtig, bitte",
    "oui, oui s'il te plaît, oui s'il vous plaît, ouais, d'accord, d'ac, ok d'accord, vas-y, allez-y, allons-y, c'est bon",
    "bien sûr, fais-le, faites-le, fais ça, entendu, ça marche, parfait vas-y, exact",
    "sí, si, sí por favor, si por favor, claro, claro que sí, vale, de acuerdo, dale, hazlo, está bien, bueno, correcto",
    "sim, sim por favor, pode, pode ser, pode fazer, certo, claro, beleza, faça isso, está bom, tudo bem, concordo, isso",
    "sì, sì grazie, certo, va bene, d'accordo, fallo, fai pure, perfetto procedi, esatto, confermo",
    "ja graag, prima, akkoord, goed, doe maar, doe het, natuurlijk, in orde, klopt, oké",
    "ja tack, visst, gör det, kör, kör på, okej, självklart, ja takk, gjør det, greit, gør det, fint, kyllä, joo, selvä",
    "zgoda, dobrze, dobra, jasne, zrób to, ano, jo, dobře, souhlasím, udělej to, áno, igen, jó, rendben, da, bine",
    "да, ага, угу, конечно, хорошо, ладно, давай, давайте, сделай, согласен, согласна, ок, окей, верно, так, добре, гаразд",
    "evet, tamam, olur, tabii, yap, peki, onaylıyorum, ναι, εντάξει, βεβαίως",
    "はい, ええ, うん, そうです, お願いします, はいお願いします, いいよ, いいです, いいですね, 了解, 了解です, オッケー, やって, 進めて, 進めてください",
    "好, 好的, 好啊, 好吧, 是, 是的, 对, 對, 行, 可以, 没问题, 沒問題, 同意, 确认, 確認, 嗯, 开始吧, 做吧, 去做吧, 请做",
    "네, 예, 응, 좋아, 좋아요, 그래, 그래요, 알겠습니다, 해줘, 해주세요, 진행해, 진행해주세요, 확인",
    "हाँ, हां, जी हाँ, ठीक है, نعم, أجل, حسنا, حسناً, موافق, تمام, כן, בסדר, אוקיי, có, vâng, đồng ý, được, ya, baik, setuju, boleh",
)
"""What says yes to anything that waits: the requirements, a question of Vulcan's, a job that stands still, a merge."""

DECLINED = _listed(
    "no, n, nope, nah, no thanks, no thank you, don't, do not, don't do it, leave it, never mind, no way, 👎, ❌",
    "nein, nein danke, ne, nee, nö, lass es, lass das, lieber nicht, bitte nicht",
    "non, non merci, laisse, laisse tomber, surtout pas, no gracias, déjalo, mejor no, não, não obrigado, deixa, no grazie",
    "lascia stare, nee bedankt, laat maar, nej, nej tack, nei, ei, nie, nie dziękuję, ne děkuji, nem",
    "нет, не надо, нет спасибо, ні, hayır, yok, όχι",
    "いいえ, いや, やめて, 結構です, 不, 不要, 不用, 不行, 不是, 否, 别, 아니, 아니요, 아니오, 안돼, 하지마",
    "नहीं, لا, לא, không, tidak, jangan",
)
"""What says no to it."""

HOW = "ok: go on · 2: new text: edit item 2 · no 3 because ...: veto item 3 · any other sentence goes to the analyst"

# Prose about the change has numbers in it, too ("no 2 people ...", "3.5 seconds ..."): whatever could be prose is no edit.
_EDIT = re.compile(
    r"(?:edit\s+|change\s+)?(\d{1,4})(?:\s*:(?!\d)\s*|\.\s+|\s*=\s+(?=\D))(\S.*)"
    r"|(?:edit|change)\s+(\d{1,4})\s+to\s+([^\d\s].*)"
    r"|/edit\s+(\d{1,4})[\s:.=]\s*(?:to\s+)?(\S.*)",
    re.IGNORECASE | re.DOTALL,
)
_NUMBERS = r"(\d{1,4}(?:\s*(?:,|and)\s*\d{1,4})*)"
_VETO = re.compile(
    rf"(?:no|not|veto|drop|remove|-)\s*{_NUMBERS}"
    r"(?:\s*[.!]?|(?:\s*[:;]|,(?!\s*\d)|\.(?=\s)|\s+-(?=\s)|\s+(?:because|since)\b)\s*(\S.*))"
    rf"|/?veto\s*{_NUMBERS}\b\s*(?:[:,.;-]|because\b|since\b)?\s*(.*)",
    re.IGNORECASE | re.DOTALL,
)


class Word(StrEnum):
    """What a person's word on the list asks for."""

    AGREE = "agree"
    EDIT = "edit"
    VETO = "veto"
    SAY = "say"


@dataclass(frozen=True, slots=True)
class Amendment:
    """A person's word on the list; `items` are its numbers, `text` is the new text, the reason or the message."""

    word: Word
    items: tuple[int, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Amended:
    """What becomes of the requirements: changed at once, or, with a `question`, worked out again by the analyst."""

    requirement: Requirement
    change: str
    question: str = ""


Item = AcceptanceCriterion | Assumption


def items_of(requirement: Requirement) -> tuple[Item, ...]:
    """Criteria, then assumptions; an item's number is its place, from 1."""
    return (*requirement.criteria, *requirement.assumptions)


def numbered_list(requirement: Requirement) -> list[str]:
    """The list for people, a line an item."""
    lines = [f"Goal: {requirement.summary}"]
    for number, item in enumerate(items_of(requirement), 1):
        kind = _kind(item)
        lines.append(f"{number:>3}. {item.text}  ({item.id}, {kind})")
    lines += [f"     calls {api.name}: {api.purpose}" for api in requirement.external_apis]
    if requirement.changed_tests:
        lines.append(f"     changes tests: {', '.join(requirement.changed_tests)}")
    lines += [f"     taken as no demand: {each.text}" for each in requirement.doubtful]
    lines += [f"     covered by no item: {each.text}" for each in requirement.untied]
    return lines


def _kind(item: Item) -> str:
    if isinstance(item, Assumption):
        return "assumed"
    return "must go on holding" if item.kind is CriterionKind.PRESERVED else "must hold"


def list_after(before: Requirement, after: Requirement) -> list[str]:
    """The list as steering has made it: its first line says what is other than before, what was dropped comes last."""
    known = {item.text for item in items_of(before)}
    changed = [str(number) for number, item in enumerate(items_of(after), 1) if item.text not in known]
    texts = {item.text for item in items_of(after)}
    dropped = [f"no longer: {item.text}" for item in items_of(before) if item.text not in texts]
    if not changed and not dropped:
        return ["The requirements are worked out again and stay as they were."]
    other = f"new or changed: {', '.join(changed)}" if changed else "some are dropped"
    return [f"The requirements as they are now ({other}):", *numbered_list(after), *dropped]


def parse_amendment(text: str) -> Amendment:
    """What a person's line says of the list; whatever is no edit, veto or agreement is for the analyst."""
    plain = text.strip()
    if not plain or plain_words(plain) in AGREED:
        return Amendment(Word.AGREE)
    if match := _VETO.fullmatch(plain):
        numbers, why = _found(match)
        return Amendment(Word.VETO, tuple(int(number) for number in re.findall(r"\d+", numbers)), why)
    if match := _EDIT.fullmatch(plain):
        number, text = _found(match)
        return Amendment(Word.EDIT, (int(number),), text)
    return Amendment(Word.SAY, text=plain)


def _found(match: re.Match[str]) -> tuple[str, str]:
    """The numbers and the text of whichever alternative matched."""
    numbers, *text = [group for group in match.groups() if group]
    return numbers, text[0].strip() if text else ""


def amend(requirement: Requirement, word: Amendment) -> Amended:
    """Apply an edit or a veto.

    A criterion that is vetoed is dropped. An assumption that is vetoed leaves open what holds instead, so the analyst
    is asked again.

    Raises:
        UserError: there is no such item, or no criterion would be left.
    """
    if word.word is Word.SAY:
        return Amended(requirement, "the analyst takes it into account", word.text)
    items = items_of(requirement)
    for number in word.items:
        if not 1 <= number <= len(items):
            raise UserError(f"there is no item {number}; the list has {len(items)}", hint=HOW)
    chosen = [items[number - 1] for number in word.items]
    if word.word is Word.EDIT:
        return Amended(_with_text(requirement, chosen[0], word.text), f"{chosen[0].id} is now: {word.text}")
    return _veto(requirement, chosen, word.text)


def _with_text(requirement: Requirement, item: Item, text: str) -> Requirement:
    edited = replace(
        requirement,
        criteria=tuple(replace(c, text=text) if c is item else c for c in requirement.criteria),
        assumptions=tuple(replace(a, text=text) if a is item else a for a in requirement.assumptions),
    )
    return with_new_words(edited, requirement)


def _veto(requirement: Requirement, chosen: list[Item], reason: str) -> Amended:
    kept = without_criteria(requirement, [c for c in chosen if isinstance(c, AcceptanceCriterion)])
    kept = replace(kept, assumptions=tuple(a for a in requirement.assumptions if a not in chosen))
    if not kept.criteria:
        raise UserError(
            "no criterion would be left", hint="Edit one instead (1: new text), or cancel the job."
        )
    change = f"{', '.join(item.id for item in chosen)} vetoed" + (f": {reason}" if reason else "")
    if reason or any(isinstance(item, Assumption) for item in chosen):
        said = "\n".join(f"This does not hold: {item.text}" for item in chosen)
        return Amended(kept, change, f"{said}\n{reason}".strip())
    return Amended(kept, change)
