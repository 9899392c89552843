"""Field notions in two languages: hundreds of keys with their label wordings, composed from things and attributes.

A notion is what a schema can ask for: a key, the kind of its value, and how documents label it in English and in
Hindi. `order` × `number` gives `order_number`, "Order No.", "ऑर्डर क्र." … so that meaning is learnt in parts.
The last wording of every list is held out for Wren's own examination, and so is every twelfth notion.
"""

from __future__ import annotations

from dataclasses import dataclass

RESERVED_KEYS = frozenset(
    [
        "title",
        "invoice_number",
        "customer_name",
        "date",
        "total_amount",
        "receipt_number",
        "vendor_name",
        "applicant_name",
        "id_number",
        "phone",
        "due_date",
        "tax",
        "payment_method",
        "address",
        "items",
        "company",
        "total",
        "date_of_birth",
    ]
)
"""Keys of the shipped recipes; no pretraining document has them."""


KEPT_OUT = frozenset(
    word.strip()
    for word in """
card number; complaint id; complaint number; date of claim; date of issue; document date; document no; donor;
employee; employee id; from; gst; guest; name of farmer; name of member; name of the patient; owner name;
patient; patient's name; policy number; quantity; student; sub total; to; units; voucher no; एडवांस; काम;
किसान; किसान का नाम; कृषक; दुकानदार; द्वारा; नाम कर्मचारी; नाम विद्यार्थी; पत्रक क्रमांक; पर्ची क्र.; पैन नं.;
पॉलिसी नं.; फाइल नं.; बीमा क्र.; भाड़ा; भाव; मरीज आईडी; मात्रा; मालिक का नाम; मेहमान; रियायत; रोगी; वाद
संख्या; विद्यार्थी का नाम; शिकायत दिनांक; शिकायत संख्या; सदस्य नं.; सदस्यता क्र.
""".replace("\n", " ").split(";")
)
"""Label wordings that the shipped jobs keep for testing: no pretraining document shows them (a test compares)."""


@dataclass(frozen=True, slots=True)
class Notion:
    """labels: language → wordings seen in pretraining; held: language → wordings kept for the examination."""

    key: str
    kind: str
    labels: dict[str, tuple[str, ...]]
    held: dict[str, tuple[str, ...]]
    hindi_key: str


# thing | hindi names | what it may have (letters of ATTRIBUTES)
THINGS = """
order|ऑर्डर;आदेश|ndastqx
booking|बुकिंग;आरक्षण|ndastix
delivery|डिलीवरी;सुपुर्दगी|ndatsx
patient|मरीज;रोगी|nmgcpeix
doctor|डॉक्टर;चिकित्सक|mpeif
hospital|अस्पताल;चिकित्सालय|mcpek
student|छात्र;विद्यार्थी|mngcpeir
teacher|शिक्षक;अध्यापक|mpeci
school|विद्यालय;स्कूल|mckpe
college|महाविद्यालय;कॉलेज|mcke
employee|कर्मचारी|mnigcpe
manager|प्रबंधक;मैनेजर|mpe
shop|दुकान|mckp
buyer|खरीदार;क्रेता|mcpei
supplier|आपूर्तिकर्ता;सप्लायर|mckpe
owner|मालिक;स्वामी|mcpg
tenant|किरायेदार|mpge
bank|बैंक|mck
account|खाता|ntsbd
loan|ऋण;कर्ज|nadts
policy|पॉलिसी;बीमा|nadtsxv
claim|दावा|nadsv
vehicle|वाहन;गाड़ी|ntbd
engine|इंजन|nt
driver|चालक;ड्राइवर|mpgi
passenger|यात्री|mgpei
train|ट्रेन;रेलगाड़ी|nmx
flight|उड़ान;फ्लाइट|nxd
bus|बस|nx
ticket|टिकट|nasx
hotel|होटल|mcpek
room|कमरा;कक्ष|nta
guest|अतिथि;मेहमान|mcpeg
event|कार्यक्रम;आयोजन|mdxct
meeting|बैठक;सभा|dxs
book|पुस्तक;किताब|mnal
author|लेखक;रचनाकार|mce
publisher|प्रकाशक|mc
product|उत्पाद;प्रोडक्ट|mkatq
batch|बैच;खेप|ndq
project|परियोजना;प्रोजेक्ट|mkdas
contract|अनुबंध;ठेका|ndav
tender|निविदा;टेंडर|nda
court|न्यायालय;अदालत|mc
case|मुकदमा;वाद|nds
judge|न्यायाधीश;जज|m
complaint|शिकायत|ndsi
village|गाँव;ग्राम|mk
district|ज़िला;जनपद|mk
farmer|किसान;कृषक|mpgi
crop|फसल;उपज|mqta
land|भूमि;ज़मीन|nt
house|मकान;घर|nt
meter|मीटर|ntl
connection|कनेक्शन;संयोजन|ntds
exam|परीक्षा;इम्तिहान|mdxa
course|पाठ्यक्रम;कोर्स|mkda
member|सदस्य;मेंबर|mnpegd
team|टीम;दल|mc
player|खिलाड़ी|mgc
match|मैच;मुकाबला|dxs
film|फिल्म;सिनेमा|mt
father|पिता;पिताजी|mpg
mother|माता;माँ|mpg
husband|पति|mp
wife|पत्नी|mp
nominee|नामांकित;नॉमिनी|mg
guardian|अभिभावक;संरक्षक|mpe
donor|दाता;दानकर्ता|mcp
sender|प्रेषक;भेजने वाला|mcpe
receiver|प्राप्तकर्ता;पाने वाला|mcpe
parcel|पार्सल;पैकेट|nqs
warehouse|गोदाम;भंडार|mkc
office|कार्यालय;दफ्तर|mkcpe
department|विभाग;महकमा|mk
branch|शाखा;ब्रांच|mkcp
machine|मशीन;यंत्र|nmt
device|उपकरण;डिवाइस|nmts
card|कार्ड;पत्रक|ntv
licence|लाइसेंस;अनुज्ञप्ति|ndvt
permit|परमिट;अनुमति पत्र|ndv
certificate|प्रमाणपत्र;सर्टिफिकेट|ndv
quotation|कोटेशन;भाव पत्र|nda
challan|चालान|nda
voucher|वाउचर|nda
agent|एजेंट;अभिकर्ता|mkpe
witness|गवाह;साक्षी|mgp
contractor|ठेकेदार|mpc
engineer|इंजीनियर;अभियंता|mpe
officer|अधिकारी;अफसर|mpe
clerk|लिपिक;क्लर्क|mi
shipment|शिपमेंट;माल|nqds
consignment|कंसाइनमेंट;परेषण|nqd
subscription|सदस्यता;सब्सक्रिप्शन|nadv
prescription|नुस्खा;पर्ची|nd
medicine|दवा;औषधि|mqa
test|जाँच;टेस्ट|mdas
sample|नमूना;सैंपल|nd
report|रिपोर्ट;प्रतिवेदन|ndts
file|फाइल;संचिका|nd
document|दस्तावेज़;कागज़ात|ntd
plot|प्लॉट;भूखंड|nq
flat|फ्लैट|nqt
shopkeeper|दुकानदार|mp
trainer|प्रशिक्षक;ट्रेनर|mpe
host|मेज़बान|mcp
sponsor|प्रायोजक|ma
route|मार्ग;रूट|nk
station|स्टेशन;पड़ाव|mk
airport|हवाई अड्डा;एयरपोर्ट|mkc
lawyer|वकील;अधिवक्ता|mpe
winner|विजेता|mc
""".strip()

# the same, none of them kept for the examination
MORE_THINGS = """
ration|राशन|ndqt
garden|बाग;बगीचा|mkz
temple|मंदिर;देवालय|mchk
festival|त्योहार;पर्व|mdyo
donation|दान;चंदा|nadot
wedding|विवाह;शादी|dxco
bride|वधू;दुल्हन|mgc
groom|वर;दूल्हा|mgc
priest|पुजारी;पंडित|mpg
caterer|कैटरर;हलवाई|mpac
tailor|दर्जी|mpcf
carpenter|बढ़ई|mpf
plumber|नलसाज़;प्लंबर|mpf
mechanic|मिस्त्री;मैकेनिक|mpfi
electrician|बिजली मिस्त्री;इलेक्ट्रीशियन|mpfi
cook|रसोइया|mpg
gardener|माली|mpg
guard|पहरेदार;चौकीदार|mpig
nurse|नर्स;परिचारिका|mpie
surgeon|शल्य चिकित्सक;सर्जन|mpfe
pharmacy|दवाखाना;फार्मेसी|mcku
laboratory|प्रयोगशाला;लैब|mckhu
ward|वार्ड;खंड|nkhz
bed|बिस्तर;पलंग|nta
vaccine|टीका;वैक्सीन|mdqn
appointment|मुलाकात;अपॉइंटमेंट|ndxs
insurance|बीमा योजना;इंश्योरेंस|ntavd
lottery|लॉटरी|nda
prize|इनाम;पुरस्कार|manyt
scholarship|छात्रवृत्ति|madyn
hostel|छात्रावास;हॉस्टल|mchf
library|पुस्तकालय;ग्रंथालय|mchzu
magazine|पत्रिका|mnly
newspaper|अखबार;समाचार पत्र|mcly
article|लेख;आलेख|mdl
song|गीत;गाना|mly
singer|गायक|mgc
actor|अभिनेता|mgc
director|निर्देशक;संचालक|mpe
theatre|रंगमंच;नाट्यशाला|mcz
museum|संग्रहालय|mchu
painting|चित्र;तस्वीर|mtay
camera|कैमरा|nmta
mobile|मोबाइल फोन;हैंडसेट|nma
computer|कंप्यूटर;संगणक|nmta
printer|प्रिंटर|nmta
server|सर्वर|nmts
software|सॉफ्टवेयर|mntv
licensee|लाइसेंसधारी|mpi
network|नेटवर्क;जाल|mkts
tower|टावर;मीनार|nkct
pump|पंप|ntam
borewell|नलकूप;बोरवेल|nadt
tractor|ट्रैक्टर|nmta
fertiliser|खाद;उर्वरक|mqaw
seed|बीज|mqaw
mill|मिल;चक्की|mckh
factory|कारखाना;फैक्ट्री|mckhu
worker|मज़दूर;कामगार|mipg
foreman|मुकादम;फोरमैन|mpi
shift|पाली;शिफ्ट|nxth
wage|मजदूरी;पगार|ady
attendance|हाजिरी;उपस्थिति|ndzs
leave|छुट्टी;अवकाश|ndtso
bonus|बोनस|ady
pension|पेंशन|nads
pensioner|पेंशनभोगी|mpgi
treasury|कोषागार;खजाना|mchk
cheque|चेक;धनादेश|nadt
draft|ड्राफ्ट|nad
cashier|खजांची;रोकड़िया|mip
counter|काउंटर;खिड़की|nkh
token|टोकन|nxd
queue|कतार;पंक्ति|nz
locker|लॉकर;तिजोरी|nadt
mortgage|गिरवी;बंधक|nadv
borrower|कर्जदार;ऋणी|mpie
lender|ऋणदाता|mpe
auditor|लेखा परीक्षक;ऑडिटर|mpe
auction|नीलामी|ndxc
bidder|बोलीदाता|mpie
bridge|पुल;सेतु|mnky
road|सड़क|mnkt
canal|नहर|mnk
dam|बाँध|mnyk
river|नदी|mk
forest|वन;जंगल|mkt
animal|पशु;जानवर|mtgnw
cattle|मवेशी|ntgw
dairy|डेयरी;दुग्धशाला|mchk
milk|दूध|qadt
bakery|बेकरी|mcu
restaurant|भोजनालय;रेस्तराँ|mcpu
waiter|बैरा;वेटर|mip
table|मेज़;टेबल|nta
menu|व्यंजन सूची;मेन्यू|mtl
dish|व्यंजन;पकवान|mat
kitchen|रसोई|nhk
laundry|धुलाई;लॉन्ड्री|nadw
garment|वस्त्र;कपड़ा|mtaq
jewel|गहना;आभूषण|mtaw
gold|सोना;स्वर्ण|wat
goldsmith|सुनार|mpc
bicycle|साइकिल|nmta
scooter|स्कूटर|nmta
garage|गैराज|mcpu
tyre|टायर|nmta
battery|बैटरी|nmtv
fuel_station|ईंधन पंप|mckh
toll|टोल;पथकर|nadx
parking|पार्किंग|nxaf
coach|डिब्बा;कोच|nkt
berth|शायिका|ntk
luggage|सामान;लगेज|nwqt
porter|कुली|minp
ship|जहाज;पोत|mntw
captain|कप्तान|mpg
port|बंदरगाह|mckh
container|कंटेनर|nwtk
customs|सीमा शुल्क;कस्टम|nad
visa|वीज़ा|ndvto
passport|पासपोर्ट|ndvt
tour|यात्रा;भ्रमण|mdaot
guide|मार्गदर्शक;गाइड|mpl
society|समिति;सोसायटी|mnch
club|क्लब;मंडल|mcfh
election|चुनाव;निर्वाचन|dyck
candidate|प्रत्याशी;उम्मीदवार|mngc
voter|मतदाता|mnig
booth|मतदान केंद्र;बूथ|nmkh
party_worker|कार्यकर्ता|mpc
ministry|मंत्रालय|mchu
scheme|योजना;स्कीम|mkayo
beneficiary|लाभार्थी;हितग्राही|mnpig
grant|अनुदान|nady
survey|सर्वेक्षण;सर्वे|ndoy
surveyor|सर्वेक्षक;अमीन|mpi
inspector|निरीक्षक;इंस्पेक्टर|mpie
inspection|निरीक्षण|ndxsh
notice|सूचना;नोटिस|ndto
hearing|सुनवाई|ndxs
verdict|फैसला;निर्णय|ndt
accused|अभियुक्त;आरोपी|mg
petitioner|याचिकाकर्ता;वादी|mpg
police_station|थाना|mckh
theft|चोरी|ndxt
weapon|हथियार;शस्त्र|ntm
soldier|सैनिक;जवान|mnig
regiment|पलटन;रेजिमेंट|mnkh
medal|पदक;तमगा|mty
trophy|ट्रॉफी|my
league|लीग;प्रतियोगिता|mdy
coach_bus|यात्री बस|nkat
umpire|अंपायर|mp
stadium|मैदान;स्टेडियम|mcz
gym|व्यायामशाला;जिम|mcfu
yoga|योग|dxh
lesson|पाठ|nmdx
homework|गृहकार्य|ndt
thesis|शोध प्रबंध;थीसिस|mydl
journal|शोध पत्रिका|mnyl
professor|प्राध्यापक;आचार्य|mpe
principal|प्राचार्य|mpe
degree|उपाधि;डिग्री|mnyt
semester|सत्रार्ध;सेमेस्टर|ndf
mark_sheet|अंकपत्र;अंकसूची|ndy
subject_paper|प्रश्नपत्र|nkdx
hospital|अस्पताल;चिकित्सालय|j
school|विद्यालय;स्कूल|j
shop|दुकान|j
buyer|खरीदार;क्रेता|j
supplier|आपूर्तिकर्ता;सप्लायर|j
owner|मालिक;स्वामी|j
tenant|किरायेदार|j
hotel|होटल|j
student|छात्र;विद्यार्थी|j
doctor|डॉक्टर;चिकित्सक|j
patient|मरीज;रोगी|j
member|सदस्य;मेंबर|j
farmer|किसान;कृषक|j
sender|प्रेषक;भेजने वाला|j
receiver|प्राप्तकर्ता;पाने वाला|j
office|कार्यालय;दफ्तर|j
warehouse|गोदाम;भंडार|j
branch|शाखा;ब्रांच|j
house|मकान;घर|j
delivery|डिलीवरी;सुपुर्दगी|j
site|कार्यस्थल;साइट|jnm
godown|माल गोदाम|jmh
""".strip()

# letter → key part, kind, English wordings, Hindi wordings ({t}: the thing); the last of each is held out
ATTRIBUTES: dict[str, tuple[str, str, str, str]] = {
    "n": (
        "number",
        "code",
        "{t} Number;{t} No;{t} No.;{t} #;{t} Num;{t} Nr.;{t} Serial No;{t} Reg. No.;{t} Ref. No;{t} Number & Series;Number of {t}",
        "{t} संख्या;{t} नंबर;{t} क्र.;{t} क्रमांक;{t} सं.;{t} नं.;{t} पंजी. सं.;{t} संदर्भ;{t} का नंबर;{t} की संख्या",
    ),
    "i": (
        "id",
        "code",
        "{t} ID;{t} Id;{t} Ident;{t} Identity;{t} Identification No;ID of {t}",
        "{t} आईडी;{t} पहचान;{t} पहचान क्र.;{t} की आईडी",
    ),
    "k": (
        "code",
        "code",
        "{t} Code;{t} Cd.;{t} Short Code;{t} Code No;Code of {t}",
        "{t} कोड;{t} कोड सं.;{t} का कोड",
    ),
    "m": (
        "name",
        "name",
        "{t} Name;Name of {t};Name of the {t};{t};{t} Full Name;Full Name of {t};{t} (Name);Sh./Smt. {t};{t}'s Name",
        "{t} का नाम;{t} नाम;नाम {t};{t};{t} (नाम);{t} का शुभ नाम;{t} का पूरा नाम",
    ),
    "d": (
        "date",
        "date",
        "{t} Date;Date of {t};{t} Dt;{t} Dt.;{t} Dated;Date of the {t};{t} on;{t} made on;{t} Date & Day;{t} Day",
        "{t} तिथि;{t} दिनांक;{t} की तारीख;{t} ता.;{t} दि.;{t} की तिथि;{t} दिनाँक;{t} का दिनांक;{t} का दिन",
    ),
    "v": (
        "valid_until",
        "date",
        "{t} Valid Until;{t} Expiry;{t} Valid Till;{t} Valid Upto;{t} Good Till;{t} Expires",
        "{t} वैधता;{t} की अंतिम तिथि;{t} कब तक;{t} मान्य",
    ),
    "x": (
        "time",
        "time",
        "{t} Time;Time of {t};{t} at;{t} Timing;{t} Clock;{t} Hour",
        "{t} समय;{t} का समय;{t} का वक्त;{t} घड़ी;{t} बजे",
    ),
    "a": (
        "amount",
        "amount",
        "{t} Amount;{t} Amt;{t} Amt.;{t} Value;{t} Charges;{t} Cost;{t} Price;{t} Total;Total {t};Amount of {t};{t} Rs.;{t} Sum",
        "{t} राशि;{t} रकम;{t} शुल्क;{t} मूल्य;{t} की कीमत;{t} खर्च;कुल {t};{t} रु.;{t} की राशि",
    ),
    "b": (
        "balance",
        "amount",
        "{t} Balance;{t} Bal.;{t} Outstanding;Bal. of {t};Balance in {t}",
        "{t} शेष;{t} बकाया;{t} बाकी;{t} का शेष;{t} में शेष",
    ),
    "f": (
        "fee",
        "amount",
        "{t} Fee;{t} Fees;{t} Charge;Fees for {t};Fee of {t}",
        "{t} शुल्क;{t} फीस;{t} का शुल्क;{t} फ़ीस;{t} की फीस",
    ),
    "s": (
        "status",
        "phrase",
        "{t} Status;Status of {t};{t} Condition;Current {t} Status;{t} Stage;{t} State",
        "{t} स्थिति;{t} की स्थिति;{t} हालत;{t} चरण;{t} दशा",
    ),
    "t": (
        "type",
        "phrase",
        "{t} Type;Type of {t};{t} Category;{t} Variety;Nature of {t};{t} Kind",
        "{t} प्रकार;{t} का प्रकार;{t} श्रेणी;{t} की श्रेणी;{t} किस प्रकार;{t} किस्म",
    ),
    "c": (
        "city",
        "place",
        "{t} City;City of {t};{t} Location;{t} Place;{t} Based at;{t} Town",
        "{t} शहर;{t} का शहर;{t} स्थान;{t} कहाँ;{t} नगर",
    ),
    "p": (
        "mobile",
        "phone",
        "{t} Mobile;{t} Mob.;{t} Contact No;{t} Tel;{t} Phone;{t} Ph.;{t} Mob;{t} Mobile No;{t} (M);{t} Cell",
        "{t} मोबाइल;{t} मो.;{t} संपर्क;{t} फोन;{t} मो. नं.;{t} दूरभाष;{t} का मोबाइल",
    ),
    "e": (
        "email",
        "email",
        "{t} Email;{t} E-mail;{t} Mail ID;{t} E-mail ID;Email of {t};{t} Mail",
        "{t} ईमेल;{t} ई-मेल;{t} ईमेल आईडी;{t} मेल",
    ),
    "g": (
        "age",
        "number",
        "{t} Age;Age of {t};Age of the {t};{t} Years;{t} Age (years)",
        "{t} आयु;{t} उम्र;{t} की आयु;{t} की उम्र",
    ),
    "q": (
        "quantity",
        "quantity",
        "{t} Quantity;{t} Qty;Quantity of {t};{t} Qnty;{t} Count;Total {t} Qty;{t} Qty.",
        "{t} मात्रा;{t} की मात्रा;{t} कितना;कुल {t};{t} परिमाण",
    ),
    "r": (
        "roll_number",
        "code",
        "{t} Roll No;{t} Roll Number;{t} R.No.;{t} Roll",
        "{t} अनुक्रमांक;{t} रोल नं.;{t} रोल क्र.;{t} रोल",
    ),
    "l": (
        "language",
        "phrase",
        "{t} Language;Language of {t};{t} in Language;{t} Lang.",
        "{t} भाषा;{t} की बोली;{t} की भाषा",
    ),
    "w": (
        "weight",
        "quantity",
        "{t} Weight;Weight of {t};{t} Wt.;{t} Wt",
        "{t} वजन;{t} का वजन;{t} भार",
    ),
    "y": (
        "year",
        "number",
        "{t} Year;Year of {t};{t} in the Year",
        "{t} वर्ष;{t} का वर्ष;{t} साल",
    ),
    "u": (
        "website",
        "url",
        "{t} Website;Website of {t};{t} Web;{t} URL",
        "{t} वेबसाइट;{t} की वेबसाइट;{t} वेब",
    ),
    "h": (
        "head",
        "name",
        "{t} Head;Head of {t};{t} In-charge;{t} Chief",
        "{t} प्रमुख;{t} प्रभारी;{t} के प्रमुख",
    ),
    "z": (
        "count",
        "number",
        "No. of {t};{t} Count;Count of {t};{t} in all",
        "{t} की गिनती;कितने {t};{t} कुल",
    ),
    "j": (
        "address",
        "address",
        "{t} Address;Address of {t};{t} Addr.;{t} Addr;{t} Location",
        "{t} का पता;{t} पता;{t} ठिकाना",
    ),
    "o": (
        "purpose",
        "phrase",
        "{t} Purpose;Purpose of {t};{t} for;{t} Object",
        "{t} का उद्देश्य;{t} प्रयोजन;{t} किसलिए",
    ),
}  # fmt: skip

# key | kind | English wordings | Hindi wordings (last held out)
SINGLES = """
subtotal|amount|Subtotal;Sub Total;Sub-total;Sum of Items|उप योग;उप-योग;आंशिक योग
discount|amount|Discount;Disc.;Less Discount;Rebate|छूट;रियायत;कटौती;डिस्काउंट
opening_balance|amount|Opening Balance;Op. Bal.;Balance Brought Forward|प्रारंभिक शेष;आरंभिक शेष;पिछला शेष
advance|amount|Advance;Adv.;Advance Paid|अग्रिम;पेशगी;एडवांस
deposit|amount|Deposit;Security Deposit;Deposit Money|जमानत;जमा धन;धरोहर राशि
salary|amount|Salary;Monthly Salary;Pay|वेतन;मासिक वेतन;तनख्वाह
rent|amount|Rent;Monthly Rent;Rent per Month|किराया;मासिक किराया;भाड़ा
premium|amount|Premium;Premium Payable;Premium Due|प्रीमियम;देय प्रीमियम;किस्त
fine|amount|Fine;Penalty;Late Fine|जुर्माना;अर्थदंड;दंड
subject|phrase|Subject;Sub;Re;Regarding|विषय;बाबत;के संबंध में
reason|phrase|Reason;Cause;Purpose;Ground|कारण;वजह;प्रयोजन
remarks|phrase|Remarks;Remark;Note;Comments|टिप्पणी;अभ्युक्ति;विशेष;कैफियत
colour|phrase|Colour;Color;Shade|रंग;वर्ण
brand|name|Brand;Make;Brand Name|ब्रांड;निर्माता;कंपनी का ब्रांड
model_name|code|Model;Model No;Model Name|मॉडल;मॉडल नं.;मॉडल का नाम
serial_number|code|Serial No;Serial Number;S/N;Sr. No.|क्रम संख्या;सीरियल नं.;क्रमिक संख्या
gender|phrase|Gender;Sex;M/F|लिंग;स्त्री/पुरुष
blood_group|phrase|Blood Group;Bl. Group;Blood Gp.|रक्त समूह;ब्लड ग्रुप;रक्त वर्ग
nationality|place|Nationality;Citizenship;Citizen of|राष्ट्रीयता;नागरिकता
religion|phrase|Religion;Faith|धर्म;मज़हब
occupation|phrase|Occupation;Profession;Work;Job|व्यवसाय;पेशा;काम;धंधा
qualification|phrase|Qualification;Education;Degree|योग्यता;शिक्षा;शैक्षिक योग्यता
designation|phrase|Designation;Post;Position;Rank|पद;पदनाम;ओहदा
grade|code|Grade;Class;Division;Standard|श्रेणी;कक्षा;दर्जा
score|number|Score;Marks;Points;Marks Obtained|अंक;प्राप्तांक;नंबर;प्राप्त अंक
percentage|percent|Percentage;Percent;%;Per cent|प्रतिशत;फीसदी
temperature|quantity|Temperature;Temp.;Temp|तापमान;ताप
height|quantity|Height;Ht.;Height (cm)|ऊँचाई;लंबाई;कद
weight|quantity|Weight;Wt.;Net Weight|वजन;भार;तौल
distance|quantity|Distance;Dist.;Distance Covered|दूरी;फासला
duration|quantity|Duration;Period;Length;Time Taken|अवधि;मियाद;समयावधि
capacity|quantity|Capacity;Cap.;Volume|क्षमता;धारिता
quantity|quantity|Quantity;Qty;Qty.;Units|मात्रा;नग;परिमाण
unit_price|amount|Unit Price;Rate;Price per Unit;Price|दर;भाव;इकाई मूल्य;प्रति इकाई
warranty|quantity|Warranty;Guarantee;Warranty Period|वारंटी;गारंटी;वारंटी अवधि
reference|code|Reference;Ref;Ref.;Ref No;Your Ref|संदर्भ;सन्दर्भ क्र.;संदर्भ संख्या;हवाला
tracking_number|code|Tracking No;AWB No;Tracking Number;Docket No|ट्रैकिंग नंबर;ट्रैकिंग क्र.;डॉकेट नं.
pnr|code|PNR;PNR No;PNR Number|पीएनआर;पी.एन.आर.;पीएनआर नंबर
seat|code|Seat;Seat No;Berth|सीट;सीट नं.;बर्थ
platform|number|Platform;PF No;Platform No|प्लेटफार्म;प्लेटफॉर्म नं.
gate|code|Gate;Gate No;Boarding Gate|द्वार;गेट नं.;गेट
isbn|code|ISBN;ISBN No;ISBN Number|आईएसबीएन;आई.एस.बी.एन.
ifsc|code|IFSC;IFSC Code;IFS Code|आईएफएससी;आई.एफ.एस.सी.;आईएफएससी कोड
gstin|code|GSTIN;GST No;GST Number;GST|जीएसटीआईएन;जीएसटी नं.;जी.एस.टी. संख्या
pan|code|PAN;PAN No;PAN Number|पैन;पैन नं.;पैन कार्ड संख्या
pin_code|number|PIN;Pin Code;PIN Code;Postal Code|पिन;पिन कोड;डाक कोड
website|url|Website;Web;URL;Site|वेबसाइट;वेब;साइट
birth_date|date|DOB;Date of Birth;Birth Date;Born on|जन्म तिथि;जन्म दिनांक;जन्मतिथि;जन्म की तारीख
birth_place|place|Place of Birth;Birth Place;Born at|जन्म स्थान;जन्मस्थान;पैदा होने का स्थान
start_date|date|Start Date;From;Starts on;Commencement;With effect from|आरंभ तिथि;प्रारंभ;शुरू;से
end_date|date|End Date;To;Ends on;Until;Up to|अंतिम तिथि;समाप्ति;तक;खत्म
expiry|date|Expiry;Exp.;Exp. Date;Best Before|समाप्ति तिथि;एक्सपायरी;उपयोग की अंतिम तिथि
joining_date|date|Joining Date;Date of Joining;Joined on;DOJ|कार्यग्रहण तिथि;नियुक्ति तिथि;ज्वाइनिंग तारीख
issued_on|date|Issued on;Issue Date;Issued;Date of Issue|जारी तिथि;जारी करने की तारीख;जारी दिनांक
arrival_time|time|Arrival;Arr.;Arrives at;Arrival Time|आगमन;पहुँचने का समय;आगमन समय
departure_time|time|Departure;Dep.;Departs at;Departure Time|प्रस्थान;छूटने का समय;प्रस्थान समय
origin|place|Origin;From Station;Starting Point;Source|प्रारंभ स्थान;कहाँ से;उद्गम
destination|place|Destination;To Station;Going to;Drop|गंतव्य;कहाँ तक;मंज़िल
venue|place|Venue;Place;Location;At|स्थान;जगह;स्थल
state|place|State;Province|राज्य;प्रदेश;प्रांत
country|place|Country;Nation|देश;राष्ट्र;मुल्क
title|phrase|Title;Heading;Name of Work|शीर्षक;नाम;मुख्य शीर्षक
topic|phrase|Topic;Theme;Area|विषय वस्तु;प्रसंग;मुद्दा
edition|code|Edition;Ed.;Edn.|संस्करण;प्रकाशन संस्करण
year|number|Year;Yr.;In the Year|वर्ष;साल;सन्
pages|number|Pages;Pp.;No of Pages;Page Count|पृष्ठ;पन्ने;पृष्ठ संख्या
priority|phrase|Priority;Urgency;Level|प्राथमिकता;वरीयता
category|phrase|Category;Group;Section|वर्ग;समूह;कोटि
size|code|Size;Dimension;Measure|आकार;साइज़;नाप
ingredient|phrase|Ingredient;Contains;Made of|सामग्री;घटक;अवयव
diagnosis|phrase|Diagnosis;Dx;Findings;Impression|निदान;रोग निदान;बीमारी
symptoms|phrase|Symptoms;Complaints;Problem|लक्षण;तकलीफ;समस्या
dose|quantity|Dose;Dosage;Dose per Day|खुराक;मात्रा प्रतिदिन;डोज़
allergy|phrase|Allergy;Allergic to;Allergies|एलर्जी;किससे एलर्जी
vote_count|number|Votes;Votes Polled;Vote Count|मत;वोट;प्राप्त मत
population|number|Population;Inhabitants;People|जनसंख्या;आबादी
mileage|quantity|Mileage;Odometer;Km Run|माइलेज;चली दूरी
fuel|phrase|Fuel;Fuel Type;Runs on|ईंधन;ईंधन प्रकार
username|email|Username;User ID;Login;User|उपयोगकर्ता नाम;यूज़र आईडी;लॉगिन
ip_address|code|IP;IP Address;Host IP|आईपी;आईपी पता
version|code|Version;Ver.;v|संस्करण संख्या;वर्ज़न
signed_by|name|Signed by;Signatory;Sd/-|हस्ताक्षर;हस्ताक्षरकर्ता;ह.
prepared_by|name|Prepared by;Made by;Drawn by|तैयारकर्ता;बनाने वाला;द्वारा तैयार
approved_by|name|Approved by;Sanctioned by;Passed by|अनुमोदक;स्वीकृतकर्ता;द्वारा स्वीकृत
care_of|name|C/o;Care of;Through|द्वारा;मार्फत
nickname|name|Nickname;Alias;Known as|उपनाम;घर का नाम
caste|phrase|Caste;Community|जाति;समुदाय
landmark|phrase|Landmark;Near;Opp.|पहचान चिह्न;निकट;पास
billing_period|phrase|Billing Period;Bill Period;For the Period|बिल अवधि;बिलिंग अवधि
units_consumed|number|Units Consumed;Units;Consumption|खपत;यूनिट खपत;उपभोग
""".strip()


def _compose(things: str, singles: str) -> list[Notion]:
    notions: dict[str, Notion] = {}
    for line in things.splitlines():
        thing, hindi_names, letters = line.split("|")
        hindi = hindi_names.split(";")
        for letter in letters:
            part, kind, en, hi = ATTRIBUTES[letter]
            key = f"{thing}_{part}"
            if key in RESERVED_KEYS:
                continue
            if part == "name" and thing in _PLACE_LIKE:
                kind = "company"
            en_all = [w.format(t=thing.replace("_", " ").title()) for w in en.split(";")]
            hi_forms = hi.split(";")
            hi_seen = tuple(w.format(t=h) for h in hindi for w in hi_forms[:-1])
            hi_held = tuple(hi_forms[-1].format(t=h) for h in hindi[:1])
            notions[key] = Notion(
                key,
                kind,
                {"en": tuple(en_all[:-1]), "hi": hi_seen},
                {"en": (en_all[-1],), "hi": hi_held},
                hi_seen[0].replace(" ", "_"),
            )
    for line in singles.splitlines():
        key, kind, en, hi = line.split("|")
        en_list, hi_list = en.split(";"), hi.split(";")
        if key in RESERVED_KEYS:
            continue
        notions[key] = Notion(
            key,
            kind,
            {"en": tuple(en_list[:-1]), "hi": tuple(hi_list[:-1]) or tuple(hi_list)},
            {"en": (en_list[-1],), "hi": (hi_list[-1],)},
            hi_list[0].replace(" ", "_"),
        )
    return [_allowed(notions[key]) for key in sorted(notions)]


def _allowed(notion: Notion) -> Notion:
    """The notion without wordings that are kept out. Where none is left to hold out, the last seen one is."""
    labels: dict[str, tuple[str, ...]] = {}
    held: dict[str, tuple[str, ...]] = {}
    plain = {"en": notion.key.replace("_", " ").title(), "hi": notion.hindi_key.replace("_", " ")}
    for lang in ("en", "hi"):
        seen = [word for word in notion.labels[lang] if word.casefold() not in KEPT_OUT]
        kept = [word for word in notion.held[lang] if word.casefold() not in KEPT_OUT]
        seen = seen or kept or [plain[lang]]
        if not kept:
            kept = [seen.pop()] if len(seen) > 1 else seen
        labels[lang], held[lang] = tuple(seen), tuple(kept)
    return Notion(notion.key, notion.kind, labels, held, notion.hindi_key)


_PLACE_LIKE = frozenset(
    ["hospital", "school", "college", "shop", "bank", "hotel", "court", "publisher", "supplier", "office", "team"]
)

ALL: list[Notion] = _compose(THINGS, SINGLES)
HELD: list[Notion] = ALL[5::12]
_TAKEN = {notion.key for notion in ALL}
MORE: list[Notion] = [notion for notion in _compose(MORE_THINGS, "") if notion.key not in _TAKEN]
SEEN: list[Notion] = [notion for i, notion in enumerate(ALL) if i % 12 != 5] + MORE
