"""Label wordings of business papers, put together by a small grammar: thousands for what the synthesis has dozens of.

Who has read `Bill No` and `Receipt Number` a thousand times knows two labels; who has read every document's name with
every word for a number knows what a number's label is. Not every one is good grammar; labels are not either. What the synthesis
has itself, to learn from or held back to test on, is never given.
"""

from __future__ import annotations

import random
from functools import cache

import regex

from tunewright.data.synth import pools

PARTS = {
    "bill": "Invoice|Bill|Inv|Inv.|Memo|Cash Memo|Voucher|Challan|Slip|Tax Invoice|Sale Bill|Debit Memo|Document|Doc|Doc.|Statement|Sales Invoice|Order Bill|Retail Bill|Credit Bill|Transaction|Billing",
    "receipt": "Receipt|Rcpt|Rec.|Slip|Acknowledgement|Ack.|Voucher|Payment|Fee Receipt|Cash Receipt|Money Receipt|Transaction|Txn|Deposit Slip|Counterfoil|Token|Ticket|Document|Collection|Pay-in Slip",
    "form": "Application|Form|Request|Submission|Registration|Filing|Entry|Declaration|Petition|Claim|Enrolment|Admission|Complaint|Statement",
    "no": "No|No.|Number|Num|Num.|Nr|#|ID|Id No|Ref|Ref.|Reference|Ref No.|Code|Serial|Sr. No.|Serial Number|Sequence No|Registration No",
    "line": "No|No.|Number|Num|Num.|Nr|#|no",
    "day": "Date|Dt|Dt.|Date & Time|Day|Dated",
    "done": "Issued|Made|Raised|Prepared|Printed|Generated|Drawn|Written|Given|Signed|Entered|Created|Executed|Recorded|Registered",
    "filed": "Filed|Signed|Filled|Received|Lodged|Registered|Recorded|Declared|Requested|Forwarded|Filled in|Handed in|Written|Admitted|Enrolled",
    "paid": "Paid|Received|Collected|Deposited|Realised|Credited|Accepted|Tendered|Remitted|Recovered",
    "whole": "Total|Grand|Net|Final|Overall|Full|Complete|Entire|Aggregate|Invoice|Bill|Billed|Payable|Receivable|Chargeable|Due|Closing",
    "sum": "Total|Amount|Amt|Amt.|Sum|Value|Payable|Figure|Price|Charge|Charges|Cost|Bill|Worth|Consideration|Payment",
    "tail": "||||| (Rs)| (Rs.)| (INR)| in Rs| in figures| ₹| (incl. tax)| (all inclusive)| (rounded)",
    "buyer": "Customer|Client|Buyer|Purchaser|Party|Patron|Consumer|Recipient|Consignee|Addressee|Account|Shopper|Debtor|Payer|Receiver|Contractee",
    "payer": "Payer|Depositor|Remitter|Customer|Client|Party|Payor|Sender|Subscriber|Contributor|Account",
    "seller": "Seller|Vendor|Supplier|Firm|Company|Merchant|Store|Shop|Outlet|Dealer|Trader|Agency|Establishment|Provider|Business|Institution|Office|Concern|Retailer|Distributor|Creditor|Beneficiary",
    "person": "Applicant|Candidate|Person|Individual|Requester|Aspirant|Declarant|Signatory|Holder|Entrant|Nominee|User|Citizen|Resident",
    "called": "{} Name|Name of {}|{}'s Name|{}|Name of the {}|{} (Name)|{} Details|Full Name of {}|{} - Name|Name ({})|{} Full Name|The {}",
    "phone": "Mobile|Mob|Mob.|Cell|Phone|Ph|Ph.|Tel|Tel.|Telephone|Contact|WhatsApp|Calling|Handset|Cellular|Registered Mobile|Personal Phone|Primary Contact|Residence Phone|Callback",
    "card": "ID|Identity|Identification|ID Card|Identity Card|Identity Proof|ID Proof|Document|Photo ID|Card|Unique ID|Government ID|Personal ID|File|Registration",
    "hbill": "बिल|बीजक|चालान|इनवॉइस|मेमो|कैश मेमो|वाउचर|पर्ची|पर्चा|टैक्स इनवॉइस|बिक्री बिल|नकद बिल|उधार बिल|दस्तावेज़|प्रपत्र|विक्रय पत्र|खरीदी बिल",
    "hreceipt": "रसीद|पावती|पर्ची|वाउचर|भुगतान रसीद|जमा पर्ची|शुल्क रसीद|नकद रसीद|प्राप्ति|लेनदेन|जमा रसीद|टोकन|भुगतान|प्राप्ति रसीद",
    "hform": "आवेदन|फॉर्म|प्रार्थना पत्र|आवेदन पत्र|पंजीकरण|पंजीयन|प्रपत्र|निवेदन|घोषणा|दावा|शिकायत|प्रवेश|नामांकन|फार्म",
    "hno": "नं.|नं|नंबर|नम्बर|संख्या|क्रमांक|क्र.|क्र|सं.|आईडी|कोड|संदर्भ|सन्दर्भ सं.|क्रम संख्या|सीरियल नं.|पंजी क्र.",
    "hline": "नं.|नं|नंबर|नम्बर|संख्या|क्रमांक|क्र.|सं.",
    "hday": "तारीख|दिनांक|तिथि|दि.|ता.|दिन",
    "hdone": "जारी होने|बनने|बनाने|काटने|कटने|देने|छपने|लिखने|दर्ज होने|निकलने|तैयार होने",
    "hfiled": "जमा करने|भरने|देने|लिखने|दर्ज होने|प्रस्तुत करने|मिलने|प्राप्त होने|हस्ताक्षर करने|पेश करने",
    "hwhole": "कुल|सकल|शुद्ध|अंतिम|पूरी|समस्त|देय|सम्पूर्ण|कुल देय|भुगतान योग्य|चुकाने योग्य|बिल की|बिल की कुल|आखिरी|पक्की|इनवॉइस",
    "hpaid": "प्राप्त|जमा|मिली|ली गई|भुगतान की|चुकाई गई|वसूल|दी गई|कुल प्राप्त|कुल मिली|जमा की गई|कुल वसूल",
    "hsum": "राशि|रकम|धनराशि|योग|जोड़|मूल्य|भुगतान|रुपये|कीमत|लागत|अमाउंट|रक़म|धन",
    "htail": "||||| (रु.)| (₹)| रु.| अंकों में| (कर सहित)| रुपये में",
    "hbuyer": "ग्राहक|खरीदार|क्रेता|उपभोक्ता|पार्टी|खरीददार|ग्राहक महोदय|व्यापारी|देनदार|प्राप्तकर्ता|माल लेने वाला|बिल पाने वाला|सामान लेने वाला|खाताधारक|लेने वाला",
    "hpayer": "भुगतानकर्ता|जमाकर्ता|ग्राहक|देने वाला|जमा करने वाला|रकम देने वाला|दाता|पार्टी|खाताधारक",
    "hseller": "विक्रेता|दुकानदार|फर्म|कंपनी|प्रतिष्ठान|दुकान|संस्था|आपूर्तिकर्ता|बेचने वाला|व्यापारी|सप्लायर|माल भेजने वाला|सेवा देने वाला|कार्यालय|एजेंसी|रसीद देने वाला|बिल बनाने वाला|स्टोर",
    "hperson": "आवेदक|प्रार्थी|अभ्यर्थी|उम्मीदवार|निवेदक|व्यक्ति|आवेदनकर्ता|घोषणाकर्ता|हस्ताक्षरकर्ता|नागरिक|भरने वाला|धारक|निवासी",
    "hcalled": "{} का नाम|{}|{} नाम|नाम {}|{} (नाम)|{} का पूरा नाम|नाम ({})|{} का शुभ नाम|{} का विवरण",
    "hphone": "मोबाइल|फोन|फ़ोन|दूरभाष|टेलीफोन|संपर्क|सम्पर्क|सेल|व्हाट्सएप|चलभाष|मो.|घर का फोन|निजी मोबाइल|पंजीकृत मोबाइल",
    "hcard": "पहचान|पहचान पत्र|परिचय पत्र|आईडी|आईडी कार्ड|कार्ड|पंजीकरण|दस्तावेज़|पंजीयन|फोटो पहचान पत्र|सरकारी पहचान पत्र",
}  # fmt: skip

WORDINGS = {
    "number.invoice.en": "[bill] [no];[no] of [bill];Our [bill] [no];[bill]/Ref;This [bill]'s [no]",
    "number.receipt.en": "[receipt] [no];[no] of [receipt];Our [receipt] [no];[receipt]/Ref;This [receipt]'s [no]",
    "date.invoice.en": "[bill] [day];[day] of [bill];[done] on;[bill] [done] on;Date [done];[done] Date;Billed on;[day] of Billing;Date of Sale;Sale Dt;[done]",
    "date.receipt.en": "[receipt] [day];[day] of [receipt];[done] on;[receipt] [done] on;Date [paid];[paid] on;[paid] Date;Payment [paid] on;[day] of Collection",
    "date.form.en": "[form] [day];[day] of [form];[filed] on;[form] [filed] on;Date [filed];[filed] Date;[day] of Signing;Date today;Today's Date;[form] dt.",
    "total.invoice.en": "[whole] [sum][tail];[sum] Payable[tail];[sum] to Pay[tail];[sum] of [bill];[bill] [sum][tail];To be paid;Please pay[tail];Payable now;You pay;Total to collect;[whole] [sum] Due",
    "total.receipt.en": "[paid] [sum][tail];[sum] [paid][tail];Total [paid][tail];Net [paid];[paid] in full;[receipt] [sum][tail];Sum of Rs;We [paid];You paid;[paid] in all;[whole] [sum] [paid]",
    "party.en": "[buyer>];Billed in name of;Sold to;Bill in favour of;Made out to;Charged to;Supplied to;Invoiced to;Raised on;Sent to;Bill for;Billing Name;Prepared for;Addressed to;Purchased by;Bought by;Taken by;Ordered for",
    "payer.en": "[payer>];Deposited by;Given by;Collected from;Amount from;Taken from;Remitted by;Payment by;Tendered by;Amount given by",
    "vendor.en": "[seller>];Sold by;Supplied by;Billed by;Store;Issuing Office;Issued from;Amount taken by;Payment to;Service by;Amount paid to",
    "applicant.en": "[person>];Form filled by;Filled by;Signed by;Applied by;I am;Self;Name in block letters;Your Name;Name as per ID;My name;Legal Name;Complete Name;First & Last Name;Given Name and Surname",
    "phone.en": "[phone] [line];[phone];Call at;Reach me on;Call me on;Your [phone];[phone] of Applicant;My [phone]",
    "id.id.en": "[card] [no];[card] Number;[card] No.;No. of [card];[no] of [card];Applicant's [card] No",
    "number.invoice.hi": "[hbill] [hno];[hbill] की [hno];[hbill] का [hno];[hno] [hbill];हमारा [hbill] [hno]",
    "number.receipt.hi": "[hreceipt] [hno];[hreceipt] की [hno];[hreceipt] का [hno];[hno] [hreceipt];हमारी [hreceipt] [hno]",
    "date.invoice.hi": "[hbill] [hday];[hbill] की [hday];[hbill] का [hday];[hday] [hbill];[hdone] की [hday];[hdone] का [hday];[hbill] [hdone] की [hday];बिक्री की [hday];आज की [hday]",
    "date.receipt.hi": "[hreceipt] [hday];[hreceipt] की [hday];[hreceipt] का [hday];[hday] [hreceipt];[hdone] की [hday];पैसे मिलने की [hday];रकम मिलने की [hday];भुगतान होने की [hday];जमा होने की [hday];आज की [hday]",
    "date.form.hi": "[hform] [hday];[hform] की [hday];[hform] का [hday];[hday] [hform];[hfiled] की [hday];[hfiled] का [hday];[hform] [hfiled] की [hday];आज की [hday]",
    "total.invoice.hi": "[hwhole] [hsum][htail];[hbill] की [hsum];भुगतान हेतु [hsum];चुकाने की [hsum];देने हैं[htail];कुल देना है;कुल चुकाना;देय कुल [hsum];[hsum] कुल;सब मिला कर [hsum]",
    "total.receipt.hi": "[hpaid] [hsum][htail];[hreceipt] की [hsum];कुल लिए गए;कुल मिले;कुल चुकाए;कुल दिए;नकद [hpaid];[hsum] [hpaid];हमें मिले",
    "party.hi": "[hbuyer>];के नाम बिल;किसको दिया;किसको बेचा;माल किसको;बिल किसे;बिक्री किसको;श्री/मेसर्स;खाता नाम;बिल पर नाम",
    "payer.hi": "[hpayer>];किसने दिए;किसने जमा किए;जिनसे मिले;रकम किससे मिली;द्वारा जमा;द्वारा भुगतान",
    "vendor.hi": "[hseller>];किसने बेचा;किसने लिए;रकम किसे मिली;जारी करने वाली संस्था;द्वारा जारी;पैसा किसको दिया;किसे भुगतान",
    "applicant.hi": "[hperson>];मेरा नाम;आपका नाम;पूरा नाम साफ अक्षरों में;नाम व उपनाम;नाम (आधार अनुसार);फॉर्म भरने वाले का नाम;किसने भरा;आवेदन देने वाला;शुभ नाम;नाम एवं सरनेम",
    "phone.hi": "[hphone] [hline];[hphone];[hphone] का [hline];आवेदक का [hphone];मेरा [hphone];आपका [hphone];बात करने का नंबर;[hphone] (स्वयं)",
    "id.id.hi": "[hcard] [hno];[hcard] का [hno];[hcard] की [hno];[hno] [hcard];आवेदक की [hcard] [hno]",
}  # fmt: skip
"""Pool of the synthesis, without `label.` → forms of its labels. `[x]`: one of a part; `[x>]`: one of it, as a name is asked."""

SAME = {"paid": "total.receipt", "guest": "party", "student": "payer", "memberpay": "payer", "landlord": "vendor"}
"""Pools whose labels may be worded like another's."""

_PART = regex.compile(r"\[([a-z]+)(>?)\]")


@cache
def taken() -> frozenset[str]:
    """Keys (`pools.atom_key`) of every label of the synthesis, of either side, and of the labels of its facts."""
    entries = {
        label
        for name, pool in pools.pools().items()
        if pool.kind == "wordings" and name.startswith(("label.", "facts."))
        for side in pool.sides
        for entry in side
        for label in entry.partition("::")[0].split("|")
    }
    return frozenset(map(pools.atom_key, entries))


def wording(rng: random.Random, pool: str) -> str | None:
    """A wording for the labels of this pool, or None where the grammar has none or gave one that is taken.

    Half of the time it is of the pool's first form.
    """
    name, _, language = pool.removeprefix("label.").rpartition(".")
    forms = WORDINGS.get(f"{SAME.get(name, name)}.{language}", "").split(";")

    def part(found: regex.Match[str]) -> str:
        word = rng.choice(PARTS[found[1]].split("|"))
        called = PARTS["hcalled" if found[1].startswith("h") else "called"]
        return rng.choice(called.split("|")).format(word) if found[2] else word

    made = _PART.sub(part, forms[0] if rng.random() < 0.5 else rng.choice(forms))
    return made if made and pools.atom_key(made) not in taken() else None
