"""Numbers that name things: bills, receipts, people, cases, accounts, telephones, vehicles."""

from __future__ import annotations

from tunewright.data.synth.draw import DEVANAGARI_DIGITS, Draw, slot

PREFIXES = {
    "invoice": ("INV", "IN", "BILL", "B", "TI", "SI", "S", "GST", "SB", "CM", "CR", "SRV", "JB", "SALE", "TX", "DN", "EST", "PI"),
    "receipt": ("R", "RC", "RCPT", "REC", "RCT", "MR", "CR", "CM", "FEE", "DON", "PAY", "TXN", "ACK", "OPD", "TKT", "SL"),
    "form": ("APP", "REG", "F", "ADM", "REQ", "C", "CMP", "GR", "SR", "ENQ", "FRM", "TKT", "APL", "RTI", "JOB"),
}  # fmt: skip
DEVANAGARI_PREFIXES = {
    "invoice": ("बि", "ब", "बी", "दे", "माल", "उ", "न", "वि", "सा"),
    "receipt": ("र", "रसीद", "पा", "न", "ज", "शु", "दान", "भु"),
    "form": ("आ", "पं", "शि", "जन", "प्र", "आवेदन"),
}
SEPARATORS = (("/", 44), ("-", 40), ("", 10), (".", 3), (" ", 2), ("_", 1))


def _small(draw: Draw) -> str:
    """A running number, short ones likelier, at times with leading zeros."""
    digits = draw.weighted(((1, 4), (2, 14), (3, 30), (4, 28), (5, 14), (6, 8), (8, 2)))
    text = draw.digits(digits)
    if digits < 5 and draw.chance(0.25):
        text = text.zfill(digits + draw.between(1, 2))
    return text


def _initials(draw: Draw) -> str:
    vendor = draw.notes.get("initials")
    return vendor if vendor and draw.chance(0.6) else draw.letters(draw.between(2, 4))


def _years(draw: Draw) -> str:
    year = draw.notes["day"].year
    if draw.notes["day"].month < 4:
        year -= 1
    return draw.pick((
        f"{year % 100:02}-{(year + 1) % 100:02}", f"{year}-{(year + 1) % 100:02}", f"{draw.notes['day'].year}",
        f"{draw.notes['day'].year % 100:02}", f"{year % 100:02}{(year + 1) % 100:02}",
    ))  # fmt: skip


def paper(draw: Draw, kind: str | None = None) -> str:
    """The number of a bill, receipt or application, in one of many styles."""
    kind = kind or draw.doc_type
    dice = draw.random()
    if dice < 0.3:
        text = _small(draw)
    elif dice < 0.38:
        text = draw.digits(draw.between(6, 11))
    elif dice < 0.45:
        text = f"{draw.between(1, 400)}{draw.pick(('/', '/', '-'))}{draw.between(1, 9999)}"
    elif dice < 0.49:
        text = f"{_small(draw)}{draw.pick(('/', '-', ''))}{draw.letters(1)}"
    elif draw.language == "hi" and dice < 0.56 and draw.mix < 2:
        text = draw.pick(DEVANAGARI_PREFIXES[kind]) + draw.pick(("/", "-", ".", "/")) + _small(draw)
    elif dice < 0.6:
        text = f"{_small(draw)}/{_years(draw)}"
    else:
        lead = _initials(draw) if draw.chance(0.55) else draw.pick(PREFIXES[kind])
        separator = draw.weighted(SEPARATORS)
        middle = draw.weighted(
            (("", 38), (_years(draw), 34), (draw.pick(PREFIXES[kind]), 6), (draw.letters(2), 5), (draw.digits(2), 5))
        )
        parts = [part for part in (lead, middle, _small(draw)) if part]
        if draw.chance(0.1):
            parts = [parts[0], *reversed(parts[1:])]
        text = separator.join(parts) if separator or len(parts) == 2 else f"{parts[0]}{parts[1]}-{parts[2]}"
        if draw.chance(0.06):
            text = text.lower()
    if draw.notes.get("deva_ids") and not _latin(text):
        text = text.translate(DEVANAGARI_DIGITS)
    return text


def _latin(text: str) -> bool:
    return any("A" <= char <= "z" for char in text)


def deva(draw: Draw, text: str) -> str:
    """`text` in Devanagari digits where this document writes its numbers so."""
    return text.translate(DEVANAGARI_DIGITS) if draw.notes.get("deva_ids") and not _latin(text) else text


# What identifies a person or a case. Kind → function; the labels are the pools id.<kind>.<language>.


def aadhaar(draw: Draw) -> str:
    text = draw.digits(12)
    if draw.chance(0.08):
        text = "XXXXXXXX" + text[8:]
    return draw.weighted(
        ((f"{text[:4]} {text[4:8]} {text[8:]}", 7), (text, 3), (f"{text[:4]}-{text[4:8]}-{text[8:]}", 2))
    )


def pan(draw: Draw) -> str:
    return f"{draw.letters(3)}P{draw.letters(1)}{draw.digits(4)}{draw.letters(1)}"


def voter(draw: Draw) -> str:
    if draw.chance(0.15):
        return f"{draw.pick(('MP', 'UP', 'RJ', 'WB', 'OD'))}/{draw.between(1, 60):02}/{draw.between(1, 300):03}/{draw.digits(6)}"
    return f"{draw.letters(3)}{draw.digits(7)}"


def passport(draw: Draw) -> str:
    return f"{draw.letters(1)}{draw.pick(('', '', ' '))}{draw.digits(7)}"


def licence(draw: Draw) -> str:
    state = draw.atom("plate.mix")
    return f"{state}{draw.pick(('-', ' ', ''))}{draw.between(1, 60):02}{draw.pick((' ', '/', ''))}{draw.between(1995, 2024)}{draw.digits(7)}"


def ration(draw: Draw) -> str:
    return draw.pick((draw.digits(12), draw.digits(9), f"{draw.pick(('BPL', 'APL', 'AAY', 'PHH'))}-{draw.digits(6)}", f"{draw.letters(2)}{draw.digits(8)}", f"{draw.digits(4)}/{draw.digits(5)}"))  # fmt: skip


def job_card(draw: Draw) -> str:
    state = draw.atom("plate.mix")
    return f"{state}-{draw.between(1, 55):02}-{draw.between(1, 30):03}-{draw.between(1, 99):03}-{draw.between(1, 9):03}/{draw.between(1, 900)}"


def roll(draw: Draw) -> str:
    return draw.weighted((
        (draw.digits(draw.between(2, 8)), 8), (f"{draw.between(18, 26)}{draw.letters(2)}{draw.digits(draw.between(3, 4))}", 4),
        (f"{draw.letters(2)}/{draw.between(2018, 2026)}/{draw.digits(3)}", 2), (f"{draw.letters(3)}-{draw.digits(4)}", 2),
        (f"{draw.digits(4)}{draw.letters(2)}{draw.digits(5)}", 2), (f"{draw.between(1, 12)}-{chr(65 + draw.between(0, 4))}-{draw.between(1, 70)}", 1),
    ))  # fmt: skip


def employee(draw: Draw) -> str:
    return draw.weighted((
        (f"{draw.pick(('E', 'EMP', 'EC', 'S', 'P', 'T', 'ID'))}{draw.pick(('-', '', '/'))}{draw.digits(draw.between(3, 6))}", 6),
        (draw.digits(draw.between(4, 8)), 4), (f"{draw.letters(3)}{draw.digits(4)}", 2), (f"{draw.letters(2)}/{draw.digits(3)}/{draw.digits(2)}", 1),
    ))  # fmt: skip


def patient(draw: Draw) -> str:
    return draw.weighted((
        (f"{draw.letters(draw.between(2, 4))}{draw.pick(('-', '/', ''))}{draw.digits(draw.between(4, 8))}", 5),
        (draw.digits(draw.between(6, 10)), 4), (f"{draw.letters(2)}/{_years(draw)}/{draw.digits(5)}", 3),
        (f"{draw.letters(3)}-{draw.between(2019, 2026)}-{draw.digits(6)}", 2), (f"{draw.pick(('OPD', 'IP', 'MR', 'UH', 'CR'))}-{draw.letters(1)}-{draw.digits(5)}", 1),
        (f"{draw.between(1, 99):02}-{draw.between(1, 99):02}-{draw.between(1, 99):02}", 1),
    ))  # fmt: skip


def member(draw: Draw) -> str:
    return draw.weighted((
        (draw.digits(draw.between(2, 5)), 4), (f"{draw.letters(draw.between(1, 3))}{draw.pick(('-', '/'))}{draw.digits(draw.between(2, 5))}", 5),
        (f"{draw.letters(3)}/{draw.digits(2)}/{draw.digits(5)}-{draw.between(1, 6):02}", 3), (f"{draw.letters(2)}{draw.digits(6)}", 3),
    ))  # fmt: skip


def consumer(draw: Draw) -> str:
    text = draw.digits(draw.between(9, 13))
    return draw.weighted(
        (
            (text, 6),
            (f"{text[:4]} {text[4:8]} {text[8:]}", 3),
            (f"{text[:3]}-{text[3:6]}-{text[6:]}", 2),
            (f"{draw.letters(1)}{text[:9]}", 2),
        )
    )


def policy(draw: Draw) -> str:
    return draw.weighted((
        (draw.digits(9), 4), (f"{draw.digits(2)}-{draw.digits(3)}-{draw.digits(5)}", 2), (f"{draw.letters(1)}/{draw.digits(6)}/{draw.digits(2)}/{draw.digits(4)}", 2),
        (f"{draw.letters(3)}{draw.digits(8)}", 3), (f"{draw.digits(4)}/{draw.digits(8)}/{draw.digits(2)}", 1),
    ))  # fmt: skip


def case(draw: Draw) -> str:
    return draw.weighted((
        (paper(draw, "form"), 10), (draw.digits(draw.between(6, 12)), 3), (f"{draw.letters(2)}{draw.digits(13)}", 1),
        (f"{draw.letters(2)}-{draw.digits(4)}-{draw.digits(4)}", 1), (f"{draw.letters(3)}/{draw.letters(1)}/{draw.between(2018, 2026)}/{draw.digits(5)}", 1),
    ))  # fmt: skip


IDS = {
    "aadhaar": aadhaar, "pan": pan, "voter": voter, "passport": passport, "licence": licence, "ration": ration,
    "job_card": job_card, "roll": roll, "employee": employee, "patient": patient, "member": member,
    "consumer": consumer, "policy": policy, "application": case, "complaint": case, "file": case, "id": case,
}  # fmt: skip


# Telephones


def mobile_digits(draw: Draw) -> str:
    return draw.pick("6789987") + f"{draw.between(0, 999999999):09}"


def phone_style(draw: Draw) -> int:
    return draw.weighted(((0, 30), (1, 22), (2, 9), (3, 8), (4, 5), (5, 5), (6, 4), (7, 3), (8, 3), (9, 2), (10, 1)))


def phone_text(n: str, style: int) -> str:
    return (
        f"{n[:5]} {n[5:]}", n, f"+91 {n[:5]} {n[5:]}", f"+91{n}", f"+91-{n}", f"{n[:4]} {n[4:7]} {n[7:]}",
        f"{n[:5]}-{n[5:]}", f"0{n}", f"{n[:3]} {n[3:6]} {n[6:]}", f"+91 {n}", f"91-{n[:5]}-{n[5:]}",
    )[style]  # fmt: skip


@slot("mobile")
def mobile(draw: Draw) -> str:
    style = draw.notes.get("phone_style")
    if style is None or draw.chance(0.2):
        style = phone_style(draw)
    return deva(draw, phone_text(mobile_digits(draw), style))


@slot("landline")
def landline(draw: Draw) -> str:
    std = draw.digits(draw.between(2, 4))
    local = draw.digits(10 - len(std))
    half = len(local) // 2
    text = draw.weighted((
        (f"0{std}-{local}", 5), (f"0{std} {local}", 2), (f"0{std}-{local[:half]} {local[half:]}", 3), (f"(0{std}) {local}", 1),
        (f"0{std} {local[:half]} {local[half:]}", 2),
    ))  # fmt: skip
    return deva(draw, text)


@slot("tollfree")
def tollfree(draw: Draw) -> str:
    tail = draw.digits(7)
    return draw.pick(
        (
            f"1800 {tail[:3]} {tail[3:]}",
            f"1800-{tail[:3]}-{tail[3:]}",
            f"1800{tail}",
            f"1{draw.digits(3)}",
            f"155{draw.digits(3)}",
        )
    )


@slot("shopphone")
def shop_phone(draw: Draw) -> str:
    return mobile(draw) if draw.chance(0.65) else landline(draw)


# Distractors


@slot("account")
def account(draw: Draw) -> str:
    text = draw.digits(draw.between(9, 16))
    return deva(
        draw,
        draw.weighted(
            ((text, 6), (" ".join(text[at : at + 4] for at in range(0, len(text), 4)), 3), (f"XXXXXX{text[-4:]}", 1))
        ),
    )


@slot("ifsc")
def ifsc(draw: Draw) -> str:
    return f"{draw.atom('bank.mix')}0{draw.digits(6)}"


@slot("vehicle")
def vehicle(draw: Draw) -> str:
    state, district, series, n = (
        draw.atom("plate.mix"),
        draw.between(1, 70),
        draw.letters(draw.between(1, 2)),
        draw.digits(4),
    )
    return draw.pick((f"{state}{district:02} {series} {n}", f"{state}-{district:02}-{series}-{n}", f"{state}{district:02}{series}{n}", f"{state} {district:02} {series} {n}", f"{state}{district:02}{series} {n}"))  # fmt: skip


@slot("gstin")
def gstin(draw: Draw) -> str:
    return f"{draw.between(1, 37):02}{draw.letters(5)}{draw.digits(4)}{draw.letters(1)}{draw.between(1, 3)}Z{draw.letters(1)}"


@slot("firmpan")
def firm_pan(draw: Draw) -> str:
    return f"{draw.letters(3)}{draw.pick('CFAT')}{draw.letters(1)}{draw.digits(4)}{draw.letters(1)}"


@slot("imei")
def imei(draw: Draw) -> str:
    return draw.digits(15)


@slot("utr")
def utr(draw: Draw) -> str:
    return draw.pick((draw.digits(12), f"{draw.letters(4)}R5{draw.digits(12)}", f"T{draw.digits(14)}", draw.digits(10)))


@slot("cheque")
def cheque(draw: Draw) -> str:
    return deva(draw, f"{draw.between(0, 999999):06}")


@slot("no")
def other_number(draw: Draw) -> str:
    """The number of some other paper: order, challan, quotation, register."""
    return paper(draw, draw.pick(("invoice", "receipt", "form")))


@slot("code")
def code(draw: Draw) -> str:
    return f"{draw.letters(draw.between(1, 3))}{draw.pick(('-', '', '/'))}{draw.digits(draw.between(2, 6))}"


@slot("kin")
def kin(draw: Draw) -> str:
    """A personal number of somebody or something else, of a kind that no gold value of this document has."""
    return deva(draw, draw.digits(draw.between(5, 9)))


for _count in range(1, 7):
    slot(f"n{_count}")(lambda draw, _count=_count: deva(draw, draw.digits(_count)))
slot("few")(lambda draw: deva(draw, str(draw.between(2, 9))))
slot("tens")(lambda draw: deva(draw, str(draw.between(10, 90))))
slot("age")(lambda draw: deva(draw, str(draw.between(19, 78))))
slot("childage")(lambda draw: deva(draw, str(draw.between(3, 16))))
slot("percent")(lambda draw: deva(draw, str(draw.pick((2, 5, 5, 10, 12, 15, 18, 18, 20, 28)))) + "%")
slot("decimal")(lambda draw: deva(draw, f"{draw.between(1, 90)}.{draw.between(0, 99):02}"))
slot("upi")(
    lambda draw: (
        f"{draw.letters(draw.between(4, 8)).lower()}{draw.between(1, 99)}@{draw.pick(('okaxis', 'ybl', 'upi', 'paytm', 'oksbi', 'ibl'))}"
    )
)
slot("mailbox")(
    lambda draw: (
        f"{draw.pick(('accounts', 'billing', 'info', 'office', 'sales', 'contact', 'admin', 'noreply', 'support'))}@{_site(draw)}"
    )
)


def _site(draw: Draw) -> str:
    name = draw.atom("brand.en").lower().replace(" ", "")
    return f"{name}{draw.pick(('', 'group', 'india', 'services', draw.letters(2).lower()))}.{draw.pick(('in', 'com', 'co.in', 'org', 'net.in'))}"


slot("site")(lambda draw: _site(draw))
