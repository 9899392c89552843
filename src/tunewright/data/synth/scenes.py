"""What a document is about: who issues it, to whom, for which goods, with which facts beside the gold ones."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scene:
    """One kind of business.

    issuer: a trade of `firms.txt`, an institution (`inst.school`) or "person" (a landlord).
    items: pool of goods and rates. party: person, firm, any, or none (nobody is named).
    facts, story, purpose: pools of further facts, sentences and purposes; "" takes the doc_type's general one.
    labels: label pool of the party or applicant. ids: kinds of id that forms of this scene carry.
    """

    name: str
    issuer: str
    items: str = ""
    party: str = "any"
    facts: str = ""
    story: str = ""
    purpose: str = ""
    labels: str = ""
    ids: tuple[str, ...] = ()
    weight: float = 1.0
    rows: float = 0.6
    upto: int = 6


INVOICES = (
    Scene("grocery", "grocery", "grocery", weight=1.3, purpose="goods", rows=0.8, upto=9),
    Scene("hardware", "hardware", "hardware", weight=1.4, purpose="goods", facts="goods", rows=0.75, upto=8),
    Scene("electrical", "electrical", "electrical", facts="repair", purpose="goods", rows=0.7),
    Scene("mobile", "mobile", "mobile", facts="device", purpose="repair", rows=0.65, upto=4),
    Scene("pharmacy", "pharmacy", "pharmacy", facts="goods", purpose="goods", rows=0.8, upto=8),
    Scene("clothes", "clothes", "clothes", "person", facts="tailor", purpose="tailor", rows=0.65),
    Scene("food", "food", "food", facts="event", story="event", purpose="event", rows=0.7, upto=7),
    Scene(
        "motor",
        "motor",
        "motor",
        "person",
        facts="motor",
        story="motor",
        purpose="motor",
        labels="owner",
        weight=1.3,
        rows=0.6,
    ),
    Scene("furniture", "furniture", "furniture", purpose="goods", facts="goods", rows=0.6, upto=4),
    Scene("print", "print", "print", purpose="goods", rows=0.7),
    Scene("event", "event", "event", facts="event", story="event", purpose="event", weight=1.3, rows=0.7, upto=7),
    Scene("farm", "farm", "farm", facts="goods", purpose="goods", rows=0.7),
    Scene("transport", "transport", "transport", facts="transport", purpose="transport", weight=1.2),
    Scene("travel", "transport", "transport", "person", facts="travel", purpose="travel", labels="guest"),
    Scene("service", "service", "service", facts="service", story="service", purpose="service", weight=1.8, upto=4),
    Scene("construct", "construct", "construct", facts="works", story="works", purpose="works", weight=1.4, upto=7),
    Scene("salon", "salon", "salon", "person", facts="optic", purpose="goods", weight=0.6, upto=4),
    Scene("jewel", "jewel", "jewel", "person", purpose="goods", facts="goods", weight=0.6, upto=3),
    Scene("school", "inst.school", "coach", "person", facts="school", story="fee", purpose="fees", weight=0.8),
    Scene(
        "hospital",
        "inst.hospital",
        "hospital",
        "person",
        facts="patient",
        story="patient",
        purpose="treatment",
        weight=1.2,
        upto=8,
    ),
    Scene(
        "utility",
        "inst.utility",
        "utility",
        "person",
        facts="utility",
        story="utility",
        purpose="utility",
        weight=1.3,
        upto=5,
    ),
    Scene("civic", "inst.civic", "civic", facts="civic", purpose="civic", weight=0.7, upto=5),
    Scene(
        "society",
        "inst.coop",
        "coop",
        "person",
        facts="society",
        story="society",
        purpose="society",
        weight=0.9,
        upto=5,
    ),
    Scene("water", "service", "service", facts="monthly", purpose="monthly", weight=0.7, rows=0.3, upto=2),
)

RECEIPTS = (
    Scene("grocery", "grocery", "grocery", facts="counter", purpose="goods", rows=0.85, upto=9, weight=1.2),
    Scene("hardware", "hardware", "hardware", facts="counter", purpose="goods", rows=0.6),
    Scene("clothes", "clothes", "clothes", facts="counter", purpose="goods", rows=0.7, weight=0.8),
    Scene("food", "food", "food", facts="table", purpose="food", rows=0.85, upto=7, weight=1.2),
    Scene("pharmacy", "pharmacy", "pharmacy", facts="medicine", purpose="goods", rows=0.85, upto=7, weight=1.3),
    Scene("mobile", "mobile", "mobile", facts="device", purpose="repair", rows=0.5, upto=3, weight=0.7),
    Scene("electrical", "electrical", "electrical", facts="repair", purpose="repair", rows=0.5, upto=3, weight=0.6),
    Scene("print", "print", "print", facts="counter", purpose="goods", rows=0.6, weight=0.6),
    Scene("jewel", "jewel", "jewel", facts="counter", purpose="goods", rows=0.4, upto=2, weight=0.4),
    Scene("fuel", "fuel", "fuel", "none", facts="fuel", purpose="fuel", rows=0.5, upto=1, weight=1.3),
    Scene("laundry", "salon", "salon", facts="laundry", purpose="salon", rows=0.7, upto=4, weight=1.0),
    Scene("motor", "motor", "motor", facts="motor", story="motor", purpose="motor", rows=0.5, upto=4, weight=0.8),
    Scene("rent", "person", "", facts="rent", story="rent", purpose="rent", rows=0.0, weight=1.6),
    Scene(
        "school",
        "inst.school",
        "coach",
        facts="school",
        story="fee",
        purpose="fees",
        labels="student",
        rows=0.5,
        upto=6,
        weight=1.5,
    ),
    Scene(
        "college",
        "inst.college",
        "coach",
        facts="college",
        story="fee",
        purpose="fees",
        labels="student",
        rows=0.4,
        upto=4,
        weight=1.0,
    ),
    Scene("coach", "coach", "coach", facts="course", story="fee", purpose="course", rows=0.4, upto=4, weight=1.1),
    Scene(
        "hospital",
        "inst.hospital",
        "hospital",
        facts="patient",
        story="patient",
        purpose="treatment",
        rows=0.6,
        upto=5,
        weight=1.4,
    ),
    Scene(
        "temple",
        "inst.temple",
        "temple",
        labels="donor",
        facts="donation",
        story="donation",
        purpose="donation",
        rows=0.3,
        upto=2,
        weight=1.5,
    ),
    Scene("civic", "inst.civic", "civic", facts="civic", purpose="civic", rows=0.6, upto=6, weight=1.4),
    Scene(
        "society",
        "inst.coop",
        "coop",
        labels="memberpay",
        facts="society",
        story="society",
        purpose="society",
        rows=0.4,
        upto=4,
        weight=1.2,
    ),
    Scene("mandi", "inst.mandi", "mandi", facts="mandi", purpose="mandi", rows=0.7, upto=3, weight=0.9),
    Scene(
        "utility",
        "inst.utility",
        "utility",
        facts="utility",
        story="utility",
        purpose="utility",
        rows=0.3,
        upto=3,
        weight=1.3,
    ),
    Scene("finance", "inst.finance", "", facts="finance", story="finance", purpose="finance", rows=0.0, weight=1.5),
    Scene("courier", "transport", "transport", facts="courier", purpose="courier", rows=0.5, upto=3, weight=1.0),
    Scene("ticket", "transport", "transport", facts="travel", purpose="travel", rows=0.3, upto=2, weight=0.8),
    Scene("parking", "inst.civic", "", "none", facts="parking", purpose="parking", rows=0.0, weight=0.6),
    Scene("puc", "motor", "", "none", facts="puc", purpose="puc", rows=0.0, weight=0.5),
    Scene(
        "works", "construct", "construct", facts="works", story="works", purpose="works", rows=0.2, upto=3, weight=0.9
    ),
    Scene("event", "event", "event", facts="event", story="event", purpose="event", rows=0.3, upto=3, weight=0.7),
    Scene("farm", "farm", "farm", facts="counter", purpose="goods", rows=0.6, upto=4, weight=0.7),
    Scene(
        "service",
        "service",
        "service",
        facts="monthly",
        story="service",
        purpose="service",
        rows=0.3,
        upto=3,
        weight=1.0,
    ),
    Scene("shop", "goods", "grocery", facts="counter", purpose="goods", rows=0.4, upto=4, weight=0.7),
)

FORMS = (
    Scene("admission", "inst.school", labels="child", facts="child", story="school", purpose="admission", ids=("aadhaar", "application", "id"), weight=1.4),
    Scene("exam", "inst.college", labels="student", facts="student", story="school", purpose="exam", ids=("roll", "roll", "application", "aadhaar"), weight=1.2),
    Scene("certificate", "inst.school", labels="student", facts="student", story="school", purpose="certificate", ids=("roll", "roll", "roll", "aadhaar"), weight=1.5),
    Scene("scholarship", "inst.college", labels="student", facts="student", story="school", purpose="scholarship", ids=("application", "aadhaar", "roll"), weight=0.8),
    Scene("job", "service", labels="", facts="job", story="job", purpose="job", ids=("pan", "aadhaar", "roll", "application"), weight=1.5),
    Scene("leave", "service", labels="employee", facts="leave", story="leave", purpose="leave", ids=("employee",), weight=1.5),
    Scene("bank", "inst.finance", labels="member", facts="bank", story="bank", purpose="bank", ids=("pan", "aadhaar", "voter", "passport", "consumer"), weight=1.6),
    Scene("loan", "inst.finance", labels="", facts="loan", story="bank", purpose="loan", ids=("pan", "aadhaar", "application", "voter"), weight=0.8),
    Scene("power", "inst.utility", labels="complainant", facts="meter", story="power", purpose="power", ids=("consumer", "consumer", "complaint"), weight=1.3),
    Scene("civic", "inst.civic", labels="complainant", facts="ward", story="civic", purpose="civiccomplaint", ids=("complaint", "complaint", "aadhaar", "voter"), weight=1.2),
    Scene("product", "electrical", labels="complainant", facts="product", story="product", purpose="product", ids=("complaint", "complaint", "application"), weight=1.2),
    Scene("delivery", "transport", labels="complainant", facts="order", story="delivery", purpose="delivery", ids=("complaint", "file"), weight=0.9),
    Scene("claim", "inst.finance", labels="claimant", facts="claim", story="claim", purpose="claim", ids=("policy", "member", "patient", "complaint"), weight=1.4),
    Scene("opd", "inst.hospital", labels="patient", facts="opd", story="health", purpose="opd", ids=("patient", "patient", "aadhaar"), weight=1.5),
    Scene("vaccine", "inst.hospital", labels="patient", facts="vaccine", story="health", purpose="vaccine", ids=("aadhaar", "patient", "id"), weight=0.5),
    Scene("rti", "inst.civic", labels="petitioner", facts="rti", story="rti", purpose="rti", ids=("application", "aadhaar", "voter", "file"), weight=0.9),
    Scene("petition", "inst.civic", labels="petitioner", facts="land", story="land", purpose="land", ids=("aadhaar", "aadhaar", "voter", "complaint", "file"), weight=1.3),
    Scene("pension", "inst.civic", labels="", facts="welfare", story="welfare", purpose="pension", ids=("aadhaar", "voter", "ration", "application"), weight=1.2),
    Scene("ration", "inst.civic", labels="", facts="welfare", story="welfare", purpose="ration", ids=("ration", "aadhaar", "application"), weight=0.8),
    Scene("work", "inst.civic", labels="", facts="labour", story="labour", purpose="work", ids=("job_card", "job_card", "aadhaar"), weight=0.8),
    Scene("farmer", "inst.coop", labels="farmer", facts="field", story="farm", purpose="farmer", ids=("id", "aadhaar", "application", "member"), weight=1.0),
    Scene("mandi", "inst.mandi", labels="farmer", facts="field", story="farm", purpose="mandi", ids=("id", "aadhaar", "application"), weight=0.5),
    Scene("licence", "inst.civic", labels="", facts="licence", story="licence", purpose="licence", ids=("application", "licence", "aadhaar"), weight=0.8),
    Scene("passport", "inst.civic", labels="", facts="passport", story="passport", purpose="passport", ids=("file", "passport", "application"), weight=0.7),
    Scene("tenant", "inst.civic", labels="owner", facts="tenant", story="tenant", purpose="tenant", ids=("pan", "aadhaar", "voter"), weight=0.8),
    Scene("society", "inst.coop", labels="owner", facts="flat", story="society", purpose="noc", ids=("member", "aadhaar", "application"), weight=0.9),
    Scene("library", "inst.civic", labels="member", facts="library", story="library", purpose="library", ids=("member", "aadhaar", "roll"), weight=0.7),
    Scene("event", "inst.coop", labels="runner", facts="sport", story="sport", purpose="sport", ids=("id", "aadhaar", "application"), weight=0.9),
    Scene("income", "inst.civic", labels="", facts="welfare", story="welfare", purpose="income", ids=("aadhaar", "application", "ration"), weight=1.0),
    Scene("water", "inst.civic", labels="", facts="ward", story="water", purpose="water", ids=("application", "consumer", "aadhaar"), weight=1.0),
    Scene("lost", "inst.civic", labels="complainant", facts="lost", story="lost", purpose="lost", ids=("aadhaar", "complaint", "licence"), weight=0.8),
    Scene("gas", "inst.utility", labels="", facts="connection", story="gas", purpose="connection", ids=("consumer", "application", "aadhaar"), weight=0.8),
    Scene("hostel", "inst.college", labels="student", facts="hostel", story="school", purpose="hostel", ids=("roll", "application"), weight=0.6),
)  # fmt: skip

SCENES = {"invoice": INVOICES, "receipt": RECEIPTS, "form": FORMS}
