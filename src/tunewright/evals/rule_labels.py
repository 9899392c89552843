"""What business papers call things, in English and Hindi: the word lists of the rule baseline.

Written from general knowledge of Indian and international invoices, receipts and forms, as somebody would who has a
day for it; apart from these lists nothing in `rules.py` knows a wording.
"""

from __future__ import annotations

LABELS: dict[str, tuple[str, ...]] = {
    "invoice_number": (
        "invoice number", "invoice no", "invoice #", "invoice id", "invoice", "inv no", "inv",
        "tax invoice no", "bill number", "bill no", "bill #", "bill id", "bill", "cash memo no", "memo no",
        "document no", "doc no", "voucher no", "challan no", "order no", "reference no", "ref no", "ref",
        "बिल संख्या", "बिल क्रमांक", "बिल नंबर", "बिल नं", "बिल सं", "बिल क्र", "बिल", "इनवॉइस नंबर",
        "इनवॉइस संख्या", "इनवॉइस नं", "इनवॉइस", "इनवाइस नंबर", "इनवाइस", "चालान संख्या", "चालान नंबर",
        "चालान नं", "बीजक संख्या", "बीजक क्रमांक", "बीजक नं", "बीजक", "देयक क्रमांक", "देयक संख्या", "मेमो नं",
        "क्रमांक", "संदर्भ संख्या",
    ),
    "receipt_number": (
        "receipt number", "receipt no", "receipt #", "receipt id", "receipt", "rcpt no", "rcpt", "rec no",
        "voucher no", "transaction id", "transaction no", "txn id", "txn no", "bill no", "cash memo no",
        "memo no", "ticket no", "token no", "order id", "order no", "slip no", "document no", "doc no",
        "invoice no", "ref no", "ref", "serial no", "s no",
        "रसीद संख्या", "रसीद क्रमांक", "रसीद नंबर", "रसीद नं", "रसीद सं", "रसीद क्र", "रसीद", "पावती संख्या",
        "पावती क्रमांक", "पावती नं", "पावती", "बिल नंबर", "बिल नं", "बिल संख्या", "वाउचर नं", "टोकन नं",
        "लेनदेन आईडी", "लेन-देन संख्या", "पर्ची संख्या", "पर्ची नं", "क्रमांक", "संदर्भ संख्या",
    ),
    "customer": (
        "customer name", "name of customer", "customer", "client name", "client", "buyer name", "buyer",
        "billed to", "bill to", "invoice to", "invoiced to", "sold to", "ship to", "party name", "party",
        "consumer name", "consumer", "guest name", "guest", "patient name", "student name", "member name",
        "subscriber name", "account holder", "name", "to",
        "ग्राहक का नाम", "ग्राहक नाम", "ग्राहक", "क्रेता का नाम", "क्रेता", "खरीदार का नाम", "खरीदार",
        "ख़रीदार", "उपभोक्ता का नाम", "उपभोक्ता", "पार्टी का नाम", "पार्टी", "मरीज का नाम", "मरीज़ का नाम",
        "छात्र का नाम", "अतिथि का नाम", "सेवा में", "नाम", "प्रति",
    ),
    "vendor": (
        "vendor name", "vendor", "seller name", "seller", "sold by", "issued by", "merchant name", "merchant",
        "store name", "store", "shop name", "shop", "supplier name", "supplier", "company name", "company",
        "received by", "paid to", "from",
        "विक्रेता का नाम", "विक्रेता", "दुकान का नाम", "दुकान", "प्रतिष्ठान", "संस्था का नाम", "संस्था",
        "फर्म का नाम", "फर्म", "जारीकर्ता", "कंपनी", "स्टोर", "प्राप्तकर्ता",
    ),
    "applicant": (
        "applicant name", "applicant's name", "name of applicant", "name of the applicant", "applicant",
        "full name", "candidate name", "name of candidate", "candidate", "student name", "name of student",
        "name of the student", "student", "patient name", "name of patient", "patient", "employee name",
        "name of employee", "employee", "member name", "member", "claimant name", "claimant",
        "complainant name", "complainant", "consumer name", "insured name", "proposer", "visitor name",
        "customer name", "account holder", "name of child", "child's name", "pt name", "submitted by", "name",
        "आवेदक का नाम", "आवेदिका का नाम", "आवेदनकर्ता का नाम", "आवेदनकर्ता", "आवेदक", "आवेदिका",
        "प्रार्थी का नाम", "प्रार्थिनी", "प्रार्थी", "उम्मीदवार का नाम", "अभ्यर्थी का नाम", "अभ्यर्थी",
        "छात्र का नाम", "छात्रा का नाम", "विद्यार्थी का नाम", "मरीज का नाम", "मरीज़ का नाम", "रोगी का नाम",
        "कर्मचारी का नाम", "सदस्य का नाम", "शिकायतकर्ता का नाम", "शिकायतकर्ता", "उपभोक्ता का नाम",
        "लाभार्थी का नाम", "बच्चे का नाम", "पूरा नाम", "नाम",
    ),
    "date": (
        "invoice date", "bill date", "receipt date", "date of invoice", "date of issue", "issue date",
        "issued on", "date of application", "application date", "submission date", "submitted on",
        "transaction date", "txn date", "paid on", "payment date", "received on", "billed on", "inv date",
        "rcpt dt", "inv dt", "bill dt", "dated", "date", "dt",
        "बिल दिनांक", "बिल तारीख", "बिल तिथि", "बिल की तारीख", "रसीद दिनांक", "रसीद तिथि", "जारी करने की तिथि",
        "जारी तिथि", "आवेदन तिथि", "आवेदन दिनांक", "आवेदन की तिथि", "आवेदन की तारीख", "भुगतान तिथि",
        "भुगतान की तारीख", "दिनांक", "दिनाँक", "तारीख", "तिथि", "डेट", "दि",
    ),
    "due_date": (
        "due date", "payment due", "pay by", "due by", "due on", "payable by", "last date", "due",
        "देय तिथि", "देय तारीख", "भुगतान की अंतिम तिथि", "अंतिम तिथि", "अंतिम तारीख", "नियत तिथि",
    ),
    "tax": (
        "total tax", "tax amount", "gst amount", "total gst", "igst", "gst", "vat", "sales tax", "service tax",
        "tax",
        "कुल कर", "कर राशि", "जीएसटी", "कर", "टैक्स",
    ),
    "id_number": (
        "aadhaar number", "aadhaar no", "aadhar no", "aadhaar", "aadhar", "uid", "pan number", "pan no", "pan",
        "voter id", "epic no", "passport number", "passport no", "passport", "driving licence no",
        "ration card no", "job card no", "roll number", "roll no", "enrolment no", "enrollment no",
        "employee id", "employee code", "emp id", "emp no", "student id", "uhid", "member id", "membership no",
        "member no", "consumer no", "customer id", "policy number", "policy no", "registration number",
        "registration no", "reg no", "id number", "id no", "id card no", "identity no", "application number",
        "application no", "complaint no", "file no", "tracking no", "case no", "id", "reference no", "ref no",
        "आधार संख्या", "आधार नंबर", "आधार नं", "आधार क्रमांक", "आधार कार्ड", "आधार", "पैन नंबर", "पैन नं",
        "पैन", "मतदाता पहचान पत्र", "वोटर आईडी", "पासपोर्ट संख्या", "राशन कार्ड", "राशन कार्ड संख्या",
        "जॉब कार्ड", "अनुक्रमांक", "रोल नंबर", "रोल नं", "नामांकन संख्या", "कर्मचारी कोड", "कर्मचारी आईडी",
        "सदस्य संख्या", "उपभोक्ता संख्या", "पॉलिसी संख्या", "पंजीयन क्रमांक", "पंजीकरण संख्या",
        "पहचान पत्र संख्या", "पहचान संख्या", "पहचान पत्र", "आईडी नंबर", "आईडी", "आवेदन संख्या",
        "आवेदन क्रमांक", "शिकायत संख्या", "शिकायत क्रमांक", "फाइल संख्या",
    ),
    "phone": (
        "phone number", "phone no", "phone", "mobile number", "mobile no", "mobile", "mob no", "mob",
        "contact number", "contact no", "contact", "telephone", "tel", "cell", "whatsapp", "ph no", "ph",
        "मोबाइल नंबर", "मोबाइल नं", "मोबाइल संख्या", "मोबाइल", "मोबा", "मो नं", "मो", "फोन नंबर", "फ़ोन नंबर",
        "फोन नं", "फोन", "फ़ोन", "दूरभाष", "संपर्क नंबर", "संपर्क सूत्र", "संपर्क", "सम्पर्क",
    ),
    "email": ("email id", "email", "e-mail", "mail id", "ईमेल", "ई-मेल"),
    "address": ("billing address", "address", "addr", "पता", "निवास", "निवासी"),
    "payment_method": (
        "payment method", "payment mode", "mode of payment", "paid by", "paid via", "payment", "mode",
        "भुगतान का तरीका", "भुगतान माध्यम", "भुगतान विधि", "भुगतान",
    ),
}  # fmt: skip

TOTALS: tuple[tuple[str, ...], ...] = (
    (
        "grand total", "net payable", "total payable", "amount payable", "net amount payable",
        "total amount due", "total due", "amount due", "balance due", "net total", "final amount",
        "invoice total", "bill total", "total incl", "rounded total", "total rounded",
        "total inclusive of gst", "total after rounding", "total (rm)", "please pay",
        "कुल देय राशि", "कुल देय", "देय राशि", "शुद्ध देय", "महायोग", "सकल योग", "अंतिम राशि", "कुल भुगतान",
        "ग्रैंड टोटल", "भुगतान योग्य राशि",
    ),
    (
        "total amount", "total amt", "net amount", "net amt", "bill amount", "invoice amount", "invoice value",
        "total bill", "total sales", "total paid", "amount paid", "amount received", "paid amount",
        "received amount", "total price",
        "कुल राशि", "कुल रकम", "कुल योग", "कुल धनराशि", "बिल राशि", "प्राप्त राशि", "भुगतान राशि", "जमा राशि",
        "कुल बिल", "कुल मूल्य",
    ),
    (
        "total", "payable", "paid", "received", "amount", "amt", "sum of",
        "कुल", "योग", "टोटल", "राशि", "रकम", "धनराशि", "जमा",
    ),
)  # fmt: skip
"""Labels of a document's total, the surest first."""

NOT_THE_TOTAL = (
    "sub", "taxable", "gst", "cgst", "sgst", "igst", "tax", "discount", "previous", "advance", "excl", "qty",
    "items", "item",
    "quantity", "उप", "कर", "पिछला", "पिछली", "अग्रिम", "छूट",
)  # fmt: skip
OTHER_DATES = (
    "due", "delivery", "deliver", "birth", "dob", "valid", "expiry", "exp", "till", "upto", "until", "travel",
    "departure", "arrival", "check-in", "check-out", "checkout", "joining", "cheque", "from", "by", "before",
    "last", "next", "event",
    "देय", "जन्म", "जन्मतिथि", "अंतिम", "डिलीवरी", "वैधता", "यात्रा", "चेक", "अगली", "समाप्ति", "नियत",
)  # fmt: skip
OTHER_PEOPLE = (
    "father", "father's", "fathers", "mother", "mother's", "husband", "husband's", "nominee", "nominee's",
    "guardian", "guardian's", "bank", "branch", "school", "company", "firm", "user", "file", "item", "product",
    "cashier", "doctor", "witness", "spouse",
    "पिता", "माता", "पति", "पत्नी", "अभिभावक", "नामिनी", "नॉमिनी", "बैंक", "शाखा", "विद्यालय", "गवाह",
    "संरक्षक", "फर्म", "दुकान", "का",
)  # fmt: skip
OTHER_PHONES = (
    "helpline",
    "toll",
    "office",
    "branch",
    "hospital",
    "emergency",
    "fax",
    "care",
    "हेल्पलाइन",
    "कार्यालय",
    "टोल",
)

HONORIFICS = (
    "mr", "mrs", "ms", "miss", "dr", "shri", "sri", "smt", "kumari", "prof", "m/s", "messrs", "er", "adv",
    "श्री", "श्रीमती", "सुश्री", "कुमारी", "डॉ", "डा", "मैसर्स", "मेसर्स", "मे", "प्रो",
)  # fmt: skip
AFTER_NAMES = ("जी", "ji", "sir", "madam", "भैया")
NAME_ENDS = (
    "ने", "को", "से", "के", "की", "का", "पुत्र", "पुत्री", "पति", "पत्नी", "निवासी", "है", "हूँ", "हूं",
    "उम्र", "आयु", "द्वारा",
    "s/o", "d/o", "w/o", "c/o", "aged", "age", "gstin", "gst",
)  # fmt: skip
TITLES = (
    "tax invoice", "proforma invoice", "retail invoice", "invoice", "cash receipt", "payment receipt",
    "fee receipt", "official receipt", "receipt", "cash memo", "cash bill", "bill of supply", "bill", "cash",
    "memo", "estimate", "original", "duplicate", "copy", "customer copy", "welcome", "thank you", "payment",
    "acknowledgement", "tax", "simplified",
    "रसीद", "नकद रसीद", "भुगतान रसीद", "कैश मेमो", "बिल", "कर बीजक", "इनवॉइस", "पावती", "चालान", "नकद", "मेमो",
    "प्राप्ति",
)  # fmt: skip
FIRMS = (
    "sdn bhd", "sdn", "bhd", "ltd", "limited", "pvt", "llp", "inc", "corp", "co", "company", "enterprise",
    "enterprises", "trading", "traders", "trader", "store", "stores", "mart", "supermarket", "hypermarket",
    "restaurant", "restoran", "cafe", "hotel", "bakery", "pharmacy", "medical", "hospital", "clinic", "labs",
    "school", "college", "university", "electronics", "hardware", "motors", "services", "industries", "agency",
    "agencies", "bros", "brothers", "& sons",
    "ट्रेडर्स", "स्टोर", "स्टोर्स", "भंडार", "भण्डार", "एंटरप्राइजेज", "एजेंसी", "ब्रदर्स", "होटल",
    "रेस्टोरेंट", "मेडिकल", "अस्पताल", "विद्यालय", "लिमिटेड", "प्रा लि", "केंद्र", "केन्द्र", "उद्योग",
    "मार्ट", "समिति", "ट्रस्ट", "नगर निगम", "नगर पालिका", "ग्राम पंचायत",
)  # fmt: skip
SALUTATIONS = ("dear", "hi", "hello", "प्रिय", "नमस्ते", "नमस्कार", "आदरणीय", "माननीय")
SIGNATURES = (
    "yours faithfully", "yours sincerely", "yours truly", "yours obediently", "your obedient student",
    "sincerely", "faithfully",
    "regards", "thanking you", "thanks", "भवदीय", "भवदीया", "आपका", "आपकी", "आपका आज्ञाकारी", "प्रार्थी",
    "प्रार्थिनी", "धन्यवाद", "निवेदक",
)  # fmt: skip
SELF = ("my name is", "i am", "myself", "this is", "i", "मेरा नाम", "मैं", "मै")

MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
    "november", "december", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sept", "sep", "oct", "nov",
    "dec",
    "जनवरी", "फरवरी", "फ़रवरी", "मार्च", "अप्रैल", "मई", "जून", "जुलाई", "अगस्त", "सितंबर", "सितम्बर",
    "अक्टूबर", "अक्तूबर", "नवंबर", "नवम्बर", "दिसंबर", "दिसम्बर",
)  # fmt: skip
