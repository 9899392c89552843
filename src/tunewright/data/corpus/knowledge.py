"""What things of the world are called, by what they are: countries, states, towns, first names, dishes, trades …

Facts that a document does not explain: that Oregon is a state and Oslo a town, nothing in the sentence tells. Written
for this package from general knowledge; no data set's values were looked at.
"""

from __future__ import annotations

from functools import cache

from tunewright.data.synth.pools import SEEN, UNSEEN, atom_key, pools

COUNTRIES = """
Afghanistan;Albania;Algeria;Andorra;Angola;Argentina;Armenia;Australia;Austria;Azerbaijan;Bahamas;Bahrain;Bangladesh;
Barbados;Belarus;Belgium;Belize;Benin;Bhutan;Bolivia;Bosnia and Herzegovina;Botswana;Brazil;Brunei;Bulgaria;
Burkina Faso;Burundi;Cambodia;Cameroon;Canada;Cape Verde;Central African Republic;Chad;Chile;China;Colombia;Comoros;
Congo;Costa Rica;Croatia;Cuba;Cyprus;Czech Republic;Denmark;Djibouti;Dominica;Dominican Republic;East Timor;Ecuador;
Egypt;El Salvador;Equatorial Guinea;Eritrea;Estonia;Ethiopia;Fiji;Finland;France;French Polynesia;Gabon;Gambia;Georgia;
Germany;Ghana;Gibraltar;Greece;Greenland;Grenada;Guam;Guatemala;Guinea;Guinea-Bissau;Guyana;Haiti;Honduras;Hong Kong;
Hungary;Iceland;India;Indonesia;Iran;Iraq;Ireland;Israel;Italy;Ivory Coast;Jamaica;Japan;Jordan;Kazakhstan;Kenya;
Kiribati;Kosovo;Kuwait;Kyrgyzstan;Laos;Latvia;Lebanon;Lesotho;Liberia;Libya;Liechtenstein;Lithuania;Luxembourg;Macao;
Macedonia;Madagascar;Malawi;Malaysia;Maldives;Mali;Malta;Marshall Islands;Mauritania;Mauritius;Mexico;Micronesia;
Moldova;Monaco;Mongolia;Montenegro;Morocco;Mozambique;Myanmar;Namibia;Nauru;Nepal;Netherlands;New Caledonia;
New Zealand;Nicaragua;Niger;Nigeria;North Korea;Norway;Oman;Pakistan;Palau;Palestine;Panama;Papua New Guinea;Paraguay;
Peru;Philippines;Poland;Portugal;Puerto Rico;Qatar;Romania;Russia;Rwanda;Saint Lucia;Samoa;San Marino;Saudi Arabia;
Senegal;Serbia;Seychelles;Sierra Leone;Singapore;Slovakia;Slovenia;Solomon Islands;Somalia;South Africa;South Korea;
South Sudan;Spain;Sri Lanka;Sudan;Suriname;Swaziland;Sweden;Switzerland;Syria;Taiwan;Tajikistan;Tanzania;Thailand;Togo;
Tonga;Trinidad and Tobago;Tunisia;Turkey;Turkmenistan;Tuvalu;Uganda;Ukraine;United Arab Emirates;United Kingdom;
United States;Uruguay;Uzbekistan;Vanuatu;Vatican City;Venezuela;Vietnam;Yemen;Zambia;Zimbabwe;England;Scotland;Wales;
USA;UK;UAE;U.S.;America;Holland;Britain;Burma;Cayman Islands;Faroe Islands;Bermuda;Aruba
"""

STATES = """
Alabama;Alaska;Arizona;Arkansas;California;Colorado;Connecticut;Delaware;Florida;Georgia;Hawaii;Idaho;Illinois;Indiana;
Iowa;Kansas;Kentucky;Louisiana;Maine;Maryland;Massachusetts;Michigan;Minnesota;Mississippi;Missouri;Montana;Nebraska;
Nevada;New Hampshire;New Jersey;New Mexico;New York;North Carolina;North Dakota;Ohio;Oklahoma;Oregon;Pennsylvania;
Rhode Island;South Carolina;South Dakota;Tennessee;Texas;Utah;Vermont;Virginia;Washington;West Virginia;Wisconsin;
Wyoming;District of Columbia;AL;AK;AZ;AR;CA;CO;CT;DE;FL;GA;HI;ID;IL;IN;IA;KS;KY;LA;ME;MD;MA;MI;MN;MS;MO;MT;NE;NV;NH;NJ;
NM;NY;NC;ND;OH;OK;OR;PA;RI;SC;SD;TN;TX;UT;VT;VA;WA;WV;WI;WY;DC;Andhra Pradesh;Arunachal Pradesh;Assam;Bihar;
Chhattisgarh;Goa;Gujarat;Haryana;Himachal Pradesh;Jharkhand;Karnataka;Kerala;Madhya Pradesh;Maharashtra;Manipur;
Meghalaya;Mizoram;Nagaland;Odisha;Punjab;Rajasthan;Sikkim;Tamil Nadu;Telangana;Tripura;Uttar Pradesh;Uttarakhand;
West Bengal;Ladakh;Puducherry;Ontario;Quebec;Manitoba;Saskatchewan;Alberta;British Columbia;Nova Scotia;
New Brunswick;Newfoundland;Queensland;Victoria;Tasmania;New South Wales;Bavaria;Saxony;Hesse;Tyrol;Tuscany;Lombardy;
Catalonia;Andalusia;Normandy;Brittany;Provence;Jalisco;Oaxaca;Yucatan;Bahia;Hokkaido;Sindh
"""

TOWNS = """
Agra;Ahmedabad;Ajmer;Albany;Albuquerque;Alexandria;Aligarh;Amritsar;Amsterdam;Anchorage;Ankara;Ann Arbor;Antwerp;
Arlington;Asheville;Athens;Atlanta;Auckland;Austin;Bakersfield;Baltimore;Bangkok;Barcelona;Bareilly;Basel;Baton Rouge;
Beijing;Beirut;Belfast;Belgrade;Bengaluru;Bergen;Berlin;Bern;Bhopal;Bhubaneswar;Bikaner;Billings;Birmingham;Boise;
Bologna;Bordeaux;Boston;Boulder;Bremen;Brighton;Brisbane;Bristol;Brooklyn;Brussels;Bucharest;Budapest;Buenos Aires;
Buffalo;Burlington;Cairo;Calgary;Cambridge;Canberra;Cape Town;Caracas;Cardiff;Casablanca;Cedar Rapids;Chandigarh;
Charleston;Charlotte;Chattanooga;Chennai;Chicago;Cincinnati;Cleveland;Coimbatore;Cologne;Columbus;Copenhagen;Cork;
Dakar;Dallas;Davenport;Dayton;Dehradun;Delhi;Denver;Des Moines;Detroit;Dhaka;Doha;Dortmund;Dresden;Dubai;Dublin;Duluth;
Durban;Durham;Edinburgh;El Paso;Erie;Eugene;Evansville;Fargo;Florence;Fort Wayne;Fort Worth;Frankfurt;Fresno;Geneva;
Genoa;Ghaziabad;Glasgow;Graz;Green Bay;Greensboro;Gurgaon;Guwahati;Gwalior;Halifax;Hamburg;Hanoi;Hanover;Harare;
Hartford;Havana;Helsinki;Hiroshima;Honolulu;Houston;Hubli;Huntsville;Hyderabad;Indianapolis;Indore;Innsbruck;Istanbul;
Jabalpur;Jackson;Jacksonville;Jaipur;Jakarta;Jamshedpur;Jerusalem;Jodhpur;Johannesburg;Juneau;Kabul;Kampala;
Kansas City;Kanpur;Karachi;Kathmandu;Key West;Kiev;Kingston;Knoxville;Kochi;Kolhapur;Kolkata;Kota;Krakow;Kuala Lumpur;
Kyoto;Lagos;Lahore;Lancaster;Lansing;Laredo;Las Vegas;Leeds;Leipzig;Lexington;Lima;Lincoln;Lisbon;Little Rock;
Liverpool;London;Los Angeles;Louisville;Lubbock;Lucerne;Lucknow;Ludhiana;Lyon;Macon;Madison;Madrid;Madurai;Malaga;
Malmo;Manchester;Mangalore;Manila;Marseille;Mathura;Medford;Meerut;Melbourne;Memphis;Miami;Milan;Milwaukee;
Minneapolis;Missoula;Mobile;Montevideo;Montgomery;Montreal;Moradabad;Moscow;Mumbai;Munich;Mysore;Nagpur;Nairobi;
Naples;Nashik;Nashville;New Delhi;New Haven;New Orleans;New York City;Newark;Newcastle;Nice;Noida;Norfolk;Nuremberg;
Oakland;Odessa;Oklahoma City;Olympia;Omaha;Orlando;Osaka;Oslo;Ottawa;Oxford;Palermo;Panaji;Paris;Pasadena;Patna;
Pensacola;Peoria;Perth;Philadelphia;Phoenix;Pittsburgh;Portland;Porto;Prague;Prayagraj;Providence;Pune;Quito;Raipur;
Rajkot;Raleigh;Ranchi;Reno;Reykjavik;Richmond;Riga;Rio de Janeiro;Roanoke;Rochester;Rome;Rotterdam;Sacramento;
Salt Lake City;Salzburg;San Antonio;San Diego;San Francisco;San Jose;Santa Fe;Santiago;Sao Paulo;Sarajevo;Savannah;
Scranton;Seattle;Seoul;Seville;Shanghai;Sheffield;Shillong;Shimla;Shreveport;Siliguri;Sioux Falls;Sofia;Solapur;
Spokane;Springfield;Srinagar;St. Louis;St. Paul;Stockholm;Strasbourg;Stuttgart;Surat;Sydney;Syracuse;Tacoma;
Tallahassee;Tampa;Tbilisi;Tehran;Thane;Tirupati;Tokyo;Toledo;Topeka;Toronto;Trenton;Tucson;Tulsa;Turin;Udaipur;
Ujjain;Utrecht;Vadodara;Valencia;Vancouver;Varanasi;Venice;Vienna;Vijayawada;Vilnius;Warsaw;Wellington;Wichita;
Winnipeg;Wroclaw;Yangon;York;Zagreb;Zurich
"""

FIRST_NAMES = """
Aarav;Aditi;Ahmed;Alice;Amit;Amy;Ana;Andrea;Anil;Anita;Anjali;Anna;Anthony;Arjun;Arthur;Asha;Ashok;Barbara;Ben;Brian;
Carla;Carlos;Carol;Charles;Chloe;Clara;Daniel;David;Deepa;Diego;Divya;Donna;Edward;Elena;Emily;Emma;Eric;Eva;Farah;
Fatima;Felix;Frank;Gauri;George;Grace;Greg;Hannah;Harish;Helen;Henry;Ibrahim;Imran;Irene;Isha;Ivan;Jack;James;Jane;
Jason;Jaya;Jennifer;John;Jorge;Joseph;Julia;Kabir;Karan;Karen;Kate;Kavita;Kevin;Kiran;Lakshmi;Laura;Leela;Leo;Linda;
Lisa;Lucas;Lucy;Manoj;Maria;Mark;Martha;Mary;Maya;Meera;Michael;Mohan;Mona;Nadia;Nancy;Neha;Nikhil;Nina;Nora;Oliver;
Omar;Oscar;Pamela;Patrick;Paul;Peter;Pooja;Prakash;Priya;Rachel;Rahul;Raj;Ramesh;Rebecca;Ritu;Robert;Rohan;Rosa;Ruth;
Sameer;Sanjay;Sara;Seema;Shanti;Simon;Sita;Sofia;Sonia;Stella;Steven;Sunil;Susan;Tara;Thomas;Usha;Vera;Victor;Vijay;
Vikram;Walter;William;Yusuf;Zara
"""

CUISINES = """
African;American;Arabic;Argentinian;Asian;Australian;Bengali;Brazilian;British;Cajun;Cambodian;Caribbean;Chettinad;
Chinese;Creole;Cuban;Danish;Dutch;Eastern European;Egyptian;Ethiopian;Filipino;French;Georgian;German;Goan;Greek;
Gujarati;Hungarian;Indian;Indonesian;Iranian;Irish;Italian;Jamaican;Japanese;Jewish;Korean;Lebanese;Malaysian;
Mediterranean;Mexican;Mongolian;Moroccan;Mughlai;Nepalese;Pakistani;Persian;Peruvian;Polish;Portuguese;Punjabi;
Rajasthani;Russian;Scandinavian;Sicilian;South Indian;Spanish;Swedish;Swiss;Taiwanese;Thai;Tibetan;Turkish;Tuscan;
Udupi;Vietnamese
"""

DISHES = """
apple pie;bagel;baklava;barbecue;beef stew;biryani;bratwurst;bread;brownies;burrito;butter chicken;caesar salad;
cheesecake;chicken soup;chili;chole bhature;clam chowder;cookies;couscous;crab cakes;crepes;croissant;curry;dal makhani;
dhokla;doughnuts;dumplings;empanadas;enchiladas;falafel;fish and chips;fondue;french fries;fried rice;gnocchi;goulash;
gulab jamun;gumbo;hamburger;hot dog;hummus;ice cream;idli;jalebi;kebab;khichdi;kimchi;lamb chops;lasagna;lobster;
mac and cheese;masala dosa;meatballs;momos;moussaka;naan;noodles;omelette;oysters;paella;pakora;pancakes;paneer tikka;
pani puri;paratha;pasta;pav bhaji;pho;pierogi;pizza;poha;pork ribs;pretzels;pudding;quesadilla;quiche;rajma;ramen;
ravioli;risotto;roast beef;rogan josh;salmon;samosa;sandwich;sauerkraut;schnitzel;shrimp;soup;spaghetti;spring rolls;
steak;sushi;tacos;tandoori chicken;tapas;tempura;thali;tiramisu;tofu;turkey;upma;vada pav;waffles
"""

GENRES = """
acid jazz;ambient;bhajan;bhangra;big band;bluegrass;blues;bossa nova;carnatic;chamber music;classical;country;dance;
disco;drum and bass;dubstep;electronic;flamenco;folk;funk;fusion;garage;ghazal;gospel;grunge;hard rock;heavy metal;
hip hop;house;indie;industrial;jazz;k-pop;latin;lounge;merengue;new age;opera;polka;pop;punk;qawwali;rap;reggae;
rhythm and blues;rock;rock and roll;rumba;salsa;samba;ska;soul;sufi;swing;symphonic;synthpop;tango;techno;trance
"""

LANGUAGES = """
Arabic;Assamese;Bengali;Bulgarian;Catalan;Chinese;Croatian;Czech;Danish;Dutch;English;Estonian;Finnish;French;German;
Greek;Gujarati;Hebrew;Hindi;Hungarian;Icelandic;Indonesian;Irish;Italian;Japanese;Kannada;Korean;Latin;Latvian;
Malayalam;Marathi;Nepali;Norwegian;Odia;Persian;Polish;Portuguese;Punjabi;Romanian;Russian;Sanskrit;Serbian;Sindhi;
Slovak;Spanish;Swahili;Swedish;Tamil;Telugu;Thai;Turkish;Ukrainian;Urdu;Vietnamese;Welsh
"""

TRADES = """
accountant;actor;architect;baker;barber;bookseller;bricklayer;bus driver;butcher;carpenter;cashier;chef;clerk;cobbler;
cook;dentist;doctor;driver;editor;electrician;engineer;farmer;firefighter;fisherman;florist;gardener;goldsmith;
hairdresser;inspector;jeweller;journalist;judge;lawyer;librarian;locksmith;mason;mechanic;midwife;miner;musician;nurse;
optician;painter;pharmacist;photographer;pilot;plumber;police officer;postman;potter;priest;professor;programmer;
receptionist;reporter;sailor;scientist;secretary;shepherd;singer;soldier;surgeon;tailor;teacher;technician;translator;
veterinarian;waiter;watchmaker;weaver;welder;writer
"""

ANIMALS = """
ant;bear;bee;buffalo;butterfly;camel;cat;chicken;cow;crow;deer;dog;dolphin;donkey;duck;eagle;elephant;fox;frog;giraffe;
goat;goose;hedgehog;horse;kangaroo;lion;lizard;monkey;mouse;owl;ox;panda;parrot;peacock;penguin;pig;pigeon;rabbit;rat;
seal;shark;sheep;snake;sparrow;spider;squirrel;swan;tiger;turtle;whale;wolf;zebra
"""

THINGS = """
bag;basket;belt;bench;bicycle;blanket;book;bottle;bowl;box;broom;brush;bucket;cable;camera;candle;cap;carpet;chair;
clock;coat;comb;computer;cup;curtain;desk;dictionary;door;drill;fan;fork;frame;glass;glove;hammer;hat;headphones;
helmet;iron;jacket;kettle;key;keyboard;kite;knife;ladder;lamp;laptop;lock;mattress;mirror;monitor;mug;nail;needle;
notebook;oven;pan;pen;pencil;phone;pillow;plate;printer;purse;radio;razor;ring;rope;ruler;saddle;saw;scarf;scissors;
screen;shelf;shirt;shoe;shovel;soap;sofa;spoon;stapler;stool;suitcase;table;tablet;tent;toothbrush;torch;towel;toy;
tray;umbrella;vase;wallet;watch;wheel;whistle
"""

COLOURS = """
amber;beige;black;blue;brown;crimson;cyan;dark blue;gold;gray;green;indigo;ivory;lavender;light green;magenta;maroon;
navy;olive;orange;pink;purple;red;scarlet;silver;sky blue;tan;teal;turquoise;violet;white;yellow
"""

HI_COUNTRIES = """
अफ़ग़ानिस्तान;अमेरिका;अर्जेंटीना;इंग्लैंड;इंडोनेशिया;इज़राइल;इटली;इथियोपिया;इराक;ईरान;ऑस्ट्रेलिया;ऑस्ट्रिया;ओमान;
कज़ाख़स्तान;कतर;कनाडा;कुवैत;केन्या;कोलंबिया;क्यूबा;ग्रीस;घाना;चिली;चीन;जर्मनी;जापान;ज़ाम्बिया;डेनमार्क;तंज़ानिया;तुर्की;
थाईलैंड;दक्षिण अफ्रीका;दक्षिण कोरिया;नाइजीरिया;नीदरलैंड;नेपाल;नॉर्वे;न्यूज़ीलैंड;पाकिस्तान;पुर्तगाल;पेरू;पोलैंड;फ़िजी;फ़िनलैंड;
फ़िलीपींस;फ़्रांस;बहरीन;बांग्लादेश;बेल्जियम;ब्राज़ील;ब्रिटेन;भारत;भूटान;मलेशिया;मालदीव;मिस्र;मेक्सिको;मॉरीशस;मोरक्को;म्यांमार;
यूक्रेन;यूनान;रूस;वियतनाम;वेनेज़ुएला;श्रीलंका;सऊदी अरब;सिंगापुर;सीरिया;सूडान;स्पेन;स्विट्ज़रलैंड;स्वीडन;हंगरी
"""

HI_STATES = """
अरुणाचल प्रदेश;असम;आंध्र प्रदेश;उत्तर प्रदेश;उत्तराखंड;ओडिशा;कर्नाटक;केरल;गुजरात;गोवा;छत्तीसगढ़;जम्मू और कश्मीर;झारखंड;
तमिलनाडु;तेलंगाना;त्रिपुरा;नागालैंड;पंजाब;पश्चिम बंगाल;बिहार;मणिपुर;मध्य प्रदेश;महाराष्ट्र;मिज़ोरम;मेघालय;राजस्थान;लद्दाख;
सिक्किम;हरियाणा;हिमाचल प्रदेश;पुडुचेरी
"""

HI_TOWNS = """
अजमेर;अमृतसर;अयोध्या;अलवर;अलीगढ़;अहमदाबाद;आगरा;इंदौर;इम्फाल;उज्जैन;उदयपुर;औरंगाबाद;कटक;कानपुर;कोच्चि;कोटा;कोयंबटूर;
कोल्हापुर;कोलकाता;गया;गाज़ियाबाद;गुरुग्राम;गुवाहाटी;गोरखपुर;ग्वालियर;चंडीगढ़;चेन्नई;जबलपुर;जमशेदपुर;जम्मू;जयपुर;जालंधर;
जोधपुर;झांसी;ठाणे;तिरुपति;दिल्ली;देहरादून;धनबाद;नई दिल्ली;नागपुर;नासिक;नैनीताल;नोएडा;पटना;पणजी;पटियाला;पुणे;प्रयागराज;
फरीदाबाद;बरेली;बीकानेर;बेंगलुरु;भुवनेश्वर;भोपाल;मथुरा;मदुरै;मुंबई;मुज़फ़्फ़रपुर;मुरादाबाद;मेरठ;मैसूर;रांची;राजकोट;रायपुर;
रोहतक;लखनऊ;लुधियाना;वडोदरा;वाराणसी;विजयवाड़ा;विशाखापत्तनम;शिमला;शिलांग;श्रीनगर;सहारनपुर;सूरत;सोलापुर;हरिद्वार;हल्द्वानी;
हैदराबाद;लंदन;पेरिस;न्यूयॉर्क;दुबई;टोक्यो;बर्लिन;मॉस्को;काठमांडू;ढाका;लाहौर
"""

HI_FIRST_NAMES = """
अंजलि;अजय;अनिल;अनीता;अमित;अर्जुन;अशोक;आरती;आशा;इमरान;उषा;कमला;करण;कविता;किरण;कृष्ण;गीता;गौरी;जया;ज्योति;दीपा;दिव्या;
नीता;नीरज;नेहा;पूजा;प्रकाश;प्रिया;फ़ातिमा;मनोज;महेश;माया;मीरा;मोहन;यूसुफ़;रमेश;राजेश;राधा;रवि;राहुल;रितु;रोहन;लक्ष्मी;लता;
विकास;विजय;शांति;श्याम;संजय;समीर;सरिता;सीता;सीमा;सुनील;सुरेश;सोनिया;हरीश
"""

HI_DISHES = """
आलू पराठा;इडली;उपमा;कचौड़ी;कढ़ी चावल;खिचड़ी;खीर;गाजर का हलवा;गुलाब जामुन;चाट;छोले भटूरे;जलेबी;ढोकला;तंदूरी रोटी;दही भल्ला;
दाल मखनी;दाल बाटी;नान;पकौड़े;पनीर टिक्का;पाव भाजी;पूरी सब्ज़ी;पोहा;बिरयानी;मसाला डोसा;मोमोज;रसगुल्ला;राजमा चावल;लस्सी;समोसा
"""


@cache
def listed(text: str) -> tuple[str, ...]:
    """The names of a list above, without those that the shipped generators keep for testing."""
    return tuple(name for part in text.split(";") if (name := part.strip()) and atom_key(name) not in _kept())


@cache
def _kept() -> frozenset[str]:
    entities = [pool for pool in pools().values() if pool.kind == "entities"]
    return frozenset(atom_key(name) for pool in entities for name in set(pool.sides[UNSEEN]) - set(pool.sides[SEEN]))
