"""Short lists of names, written for this project: what people and places are often called.

They are no census. They only tip the scale where a text gives few other hints.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _phrases(text: str) -> frozenset[str]:
    return frozenset(" ".join(text.split()).split(", "))


GIVEN_NAMES = _words(
    """
    aaron abdul abdullah abigail adam adele adrian adriana agnes agnieszka ahmed aisha akira
    alan albert alberto alejandra alejandro aleksandr alessandra alessandro alex alexander
    alexandra alexei alfred ali alice alicia alina alison allison amanda amelia amina amir amit
    amy ana anastasia anders andrea andreas andrei andrew andy angela angelo anil anita anja ann
    anna anne annette annika anthony antonia antonio anton antti anya arjun armando arnold
    arthur arturo asha ashley astrid audrey aurora axel ayse barbara beatrice beatriz ben
    benjamin bernard bernd beth betty bianca bjorn bogdan boris brandon brenda brian bridget
    bruce bruno caitlin camila camille carl carla carlos carmen carol carolina caroline carolyn
    catherine cecilia cedric chad chandra charlene charles charlie charlotte cheryl chiara chloe
    chris christian christina christine christopher cindy claire clara claude claudia claudio
    clement colin connor craig cristina curtis cynthia dagmar daisuke dana daniel daniela
    danielle dariusz darren dave david dawn deborah debra deepak denis denise dennis derek diana
    diane diego dieter dimitri dirk dmitri dmitry dominic dominique donald donna doris dorothy
    doug douglas duncan dylan eduardo edward eileen elaine eleanor elena eli elias elif elisa
    elisabeth elizabeth ella ellen elsa elvira emil emilia emily emma emmanuel enrique eric
    erica erik erika erin ernest ernesto esther ethan eugene eva evan evelyn fabian fabio fatima
    felipe felix fernando fiona florence florian frances francesca francesco francis francisco
    francois frank franz fred frederic frederick frida friedrich fritz gabriel gabriela gail
    galina gareth gary gavin gemma geoffrey georg george gerald gerhard giovanni giulia giuseppe
    glen gloria gordon goran graham greg gregory greta guido guillaume gunnar gustav guy hannah
    hans harald haruto harold harry hassan heather hector heidi heike heinrich heinz helen
    helena helga henri henrik henry herbert hiroshi holger howard hugh hugo hussein ian ibrahim
    ida ignacio igor ines inga ingrid irene irina iris isaac isabel isabella isabelle ivan ivana
    jack jackie jacob jacqueline jacques jaime jakob jakub james jamie jan jana jane janet
    janice jasmine jason javier jean jeanne jeff jeffrey jenna jennifer jens jeremy jerome jerry
    jesper jessica jesus jill jim jimmy joan joanna joao joel johan johann johannes john johnny
    jonas jonathan jordan jorge jose josef joseph joshua joyce juan juana judith judy juha julia
    julian juliana julie julien jun jurgen justin jussi kaito karen karin karl karolina kate
    katarina katarzyna katherine kathleen kathryn kathy katie kazuo keith kelly ken kenji
    kenneth kerstin kevin khalid kim kimberly kirsten klaus kristian kristin kumar kurt kyle
    lars latoya laura lauren laurence laurent lea leah lee leila lena lennart leo leon leonard
    leonardo leonid leslie lewis liam lidia lillian linda lindsay lisa liu ljubica lorenzo louis
    louise luca lucas lucia lucy ludwig luigi luis luisa lukas luke lydia lynn maciej magdalena
    magnus mahmoud malin manfred manuel manuela marc marcel marcelo marcin marco marcos marcus
    margaret margarita maria marie marina mario marion marius marjorie marko markus marlene
    marta martha martin martina marvin mary masako mateo mateusz mathias mathilde matt matteo
    matthew matthias maureen maurice mauricio max maxim megan mehmet mei melanie melissa
    mercedes mia michael michal michel michele michelle miguel mika mikael mike mikhail milan
    milena milica milos miriam mohamed mohammad mohammed moira monica monika monique morgan
    morten muhammad murat mustafa nadia nancy naomi natalia natalie natasha nathan nathaniel
    neil nelson nicholas nick nicolas nicole niels nigel nikita nikolai nikolaos nils nina nisha
    noah noel nora norma norman oksana olaf oleg olena olga oliver olivia olivier omar oscar
    oskar osman otto owen pablo pamela paola paolo pascal patricia patrick patrik paul paula
    paulina paulo pavel pawel pedro peggy pekka penelope per peter petra petr phil philip
    philippe phillip phyllis pia pierre pieter piotr priya rachel rafael raj rajesh ralf ralph
    ramon raphael raquel raul ravi raymond rebecca regina reinhard renata rene ricardo richard
    rita rob robert roberta roberto robin rodrigo roger roland rolf roman ronald rosa rosemary
    ross roy ruben rudolf russell ruth ryan sabine sabrina sally salma salvador samantha samir
    samuel sandra sandro sanjay santiago sara sarah sari sasha satoshi scott sean sebastian
    sergei sergey sergio shane shannon sharon sheila shirley shreya silvia simon simone sofia
    sofie sonia sonja sophia sophie stacy stanislav stefan stefania stefano steffen stephan
    stephanie stephen steve steven stig stuart sunita susan susana susanne svein sven svetlana
    sylvia sylvie takashi takeshi tamara tanja tanya tara tariq tatiana ted teresa terrence
    terry theo theodore theresa thierry thomas thorsten tiffany tim timo timothy tina tobias
    todd tom tomas tomasz tommy tony torsten tracy travis trevor tristan tyler ulrich ulrike
    ursula uwe valentina valeria valerie vanessa vera veronica veronika victor victoria vijay
    viktor vincent vincenzo virginia vivian vladimir waleed walter wanda wayne wendy werner
    wilhelm william wolfgang xavier yasmin yolanda youssef yuki yuko yulia yuri yusuf yvonne
    zachary zainab zoe zofia zoltan gabor istvan laszlo tamas gyorgy katalin erzsebet zsuzsa
    attila balazs ferenc
    """
)

SURNAMES = _words(
    """
    smith johnson williams jones brown davis miller wilson moore taylor anderson thomas jackson
    white harris martin thompson garcia martinez robinson clark rodriguez lewis lee walker hall
    allen young hernandez king wright lopez hill scott green adams baker gonzalez nelson carter
    mitchell perez roberts turner phillips campbell parker evans edwards collins stewart sanchez
    morris rogers reed cook morgan bell murphy bailey rivera cooper richardson cox howard ward
    torres peterson gray ramirez watson brooks kelly sanders price bennett wood barnes ross
    henderson coleman jenkins perry powell long patterson hughes flores washington butler
    simmons foster gonzales bryant russell griffin diaz hayes myers ford hamilton graham
    sullivan wallace woods cole west jordan owens reynolds fisher ellis harrison gibson mcdonald
    cruz marshall ortiz gomez murray freeman wells webb simpson stevens tucker porter hunter
    hicks crawford henry boyd mason kennedy warren dixon ramos burns gordon shaw holmes rice
    robertson black daniels palmer mills nichols grant knight ferguson stone hawkins dunn
    perkins hudson spencer gardner stephens payne pierce berry matthews arnold wagner willis ray
    watkins olson carroll duncan snyder hart cunningham bradley lane andrews ruiz harper fox
    riley armstrong carpenter weaver greene lawrence elliott chavez sims austin peters kelley
    franklin lawson fields ryan schmidt carr vasquez castillo wheeler chapman oliver montgomery
    richards bishop banks meyer morrison jacobs lynch burke müller muller schneider fischer
    weber becker schulz hoffmann koch bauer richter klein wolf schröder neumann schwarz
    zimmermann braun krüger hofmann hartmann lange werner krause lehmann maier huber dubois
    durand leroy moreau lefebvre bernard petit rousseau fontaine rossi russo ferrari esposito
    bianchi romano colombo ricci marino greco conti silva santos oliveira souza pereira costa
    ferreira almeida fernandes nakamura tanaka sato suzuki takahashi watanabe yamamoto kobayashi
    kim park choi nguyen tran chen wang zhang liu yang huang zhao singh kumar sharma patel gupta
    khan ahmed hassan hussain ali ivanov petrov smirnov kuznetsov popov sokolov nowak kowalski
    novak horvat horvath nagy kovacs toth szabo jensen nielsen hansen pedersen andersen
    christensen larsen sorensen rasmussen johansson andersson karlsson nilsson eriksson larsson
    olsson persson svensson virtanen korhonen nieminen jansen bakker visser smit mulder
    """
)

PLACES = _words(
    """
    afghanistan albania algeria andorra angola argentina armenia australia austria azerbaijan
    bahamas bahrain bangladesh barbados belarus belgium belize benin bhutan bolivia bosnia
    botswana brazil brunei bulgaria burundi cambodia cameroon canada chad chile china colombia
    congo croatia cuba cyprus czechia denmark djibouti dominica ecuador egypt eritrea estonia
    ethiopia fiji finland france gabon gambia georgia germany ghana greece greenland grenada
    guatemala guinea guyana haiti honduras hungary iceland india indonesia iran iraq ireland
    israel italy jamaica japan jordan kazakhstan kenya kosovo kuwait kyrgyzstan laos latvia
    lebanon lesotho liberia libya liechtenstein lithuania luxembourg madagascar malawi malaysia
    maldives mali malta mauritania mauritius mexico moldova monaco mongolia montenegro morocco
    mozambique myanmar namibia nepal netherlands nicaragua niger nigeria norway oman pakistan
    palestine panama paraguay peru philippines poland portugal qatar romania russia rwanda
    scotland senegal serbia singapore slovakia slovenia somalia spain sudan suriname sweden
    switzerland syria taiwan tajikistan tanzania thailand togo tunisia turkey turkmenistan
    uganda ukraine uruguay uzbekistan venezuela vietnam wales yemen zambia zimbabwe england
    britain usa uk uae europe asia africa america amsterdam ankara antwerp athens atlanta
    auckland austin baghdad bangalore bangkok barcelona basel beijing beirut belfast belgrade
    berlin bern birmingham bogota bologna bonn bordeaux boston bratislava brisbane bristol
    brooklyn brussels bucharest budapest cairo calgary cambridge caracas casablanca charlotte
    chennai chicago cleveland cologne copenhagen dallas damascus delhi denver detroit dhaka doha
    dortmund dresden dubai dublin dusseldorf edinburgh eindhoven florence frankfurt gdansk
    geneva genoa ghent glasgow gothenburg graz guadalajara hamburg hanoi hanover havana helsinki
    hiroshima honolulu houston istanbul jakarta jerusalem johannesburg kabul karachi kathmandu
    kiev kobe kolkata krakow kyiv kyoto lagos lahore lausanne leeds leicester leipzig lima
    lisbon liverpool ljubljana london lucerne luxembourg lviv lyon madrid malmo manchester
    manhattan manila marrakesh marseille medellin melbourne memphis miami milan milwaukee
    minneapolis minsk montevideo montreal moscow mumbai munich nairobi nantes naples nashville
    newcastle nice nicosia nuremberg odessa orlando osaka oslo ottawa oxford palermo paris perth
    philadelphia phoenix pittsburgh portland porto prague pretoria pune quebec quito reykjavik
    riga rome rotterdam salzburg santiago sapporo sarajevo seattle seoul seville shanghai
    sheffield shenzhen sofia stockholm strasbourg stuttgart sydney taipei tallinn tampa tampere
    tehran tokyo toronto toulouse tripoli tunis turin utrecht valencia vancouver venice verona
    vienna vilnius warsaw wellington winnipeg wroclaw yokohama zagreb zurich alabama alaska
    arizona arkansas california colorado connecticut delaware florida hawaii idaho illinois
    indiana iowa kansas kentucky louisiana maine maryland massachusetts michigan minnesota
    mississippi missouri montana nebraska nevada ohio oklahoma oregon pennsylvania tennessee
    texas utah vermont virginia wisconsin wyoming bavaria saxony tuscany catalonia andalusia
    provence normandy brittany ontario alberta manitoba queensland tasmania victoria siberia
    crimea
    """
)

PLACE_PHRASES = _phrases(
    """
    united states, united kingdom, united arab emirates, new york, new york city, los
    angeles, san francisco, san diego, san jose, las vegas, new orleans, salt lake city,
    kansas city, st louis, fort worth, el paso, new zealand, south africa, south korea,
    north korea, saudi arabia, sri lanka, costa rica, puerto rico, hong kong, buenos
    aires, rio de janeiro, sao paulo, mexico city, kuala lumpur, ho chi minh city, tel
    aviv, abu dhabi, cape town, new delhi, czech republic, dominican republic, ivory
    coast, burkina faso, el salvador, sierra leone, papua new guinea, trinidad and
    tobago, north macedonia, great britain, northern ireland, new jersey, new mexico,
    new hampshire, north carolina, south carolina, north dakota, south dakota, west
    virginia, rhode island, british columbia, nova scotia, new south wales, western
    australia, lower saxony, upper austria, the hague, st petersburg, saint petersburg,
    addis ababa, middle east
    """
)

PEOPLES = _words(
    """
    afghan african albanian algerian american arab arabic argentine argentinian armenian asian
    australian austrian bangladeshi basque belarusian belgian bolivian bosnian brazilian british
    bulgarian cambodian cameroonian canadian catalan chilean chinese colombian croatian cuban
    cypriot czech danish dutch egyptian english estonian ethiopian european filipino finnish
    flemish french georgian german ghanaian greek greenlandic haitian hispanic hungarian
    icelandic indian indonesian iranian iraqi irish israeli italian jamaican japanese jordanian
    kazakh kenyan korean kurdish latino latvian lebanese libyan lithuanian maltese mexican
    mongolian moroccan nepalese nigerian norwegian pakistani palestinian peruvian polish
    portuguese romanian russian scottish serbian slovak slovene slovenian somali spanish
    sudanese swedish swiss syrian taiwanese thai tibetan tunisian turkish ugandan ukrainian
    uruguayan venezuelan vietnamese welsh yemeni zambian zimbabwean americans australians
    austrians belgians brits canadians danes dutchman europeans finns germans greeks indians
    italians mexicans norwegians poles russians swedes turks ukrainians christian christians
    muslim muslims jewish jews hindu hindus buddhist buddhists catholic catholics protestant
    protestants sikh sikhs mormon mormons atheist orthodox republican republicans democrat
    democrats
    """
)

NO_NAMES = _words(
    """
    i i'm i'd i'll i've ok okay monday tuesday wednesday thursday friday saturday sunday january
    february march april may june july august september october november december mon tue wed
    thu fri sat sun jan feb mar apr jun jul aug sep sept oct nov dec christmas easter halloween
    thanksgiving ramadan hanukkah labor day new year eve valentine god lord bible quran internet
    web wifi python java javascript typescript kotlin swift rust golang ruby perl haskell scala
    django flask react angular vue svelte node nodejs docker kubernetes linux ubuntu debian
    windows macos android ios iphone ipad mac excel word powerpoint outlook photoshop latex
    markdown github gitlab git bash powershell mysql postgres postgresql sqlite mongodb redis
    kafka spark hadoop pandas numpy scipy tensorflow pytorch keras unity unreal blender arduino
    raspberry pi bluetooth ethernet usb chatgpt gpt bert llm claude gemini alexa siri cortana
    copilot midjourney bitcoin ethereum nft covid coronavirus title chapter section
    figure table article appendix user bot assistant human question answer note task input
    output example step context response instruction instructions system ai q a dear hello hi
    hey thanks regards sincerely mr mrs ms miss dr prof sir madam phd bsc msc mba ceo cto cfo vp
    usa earth mars venus jupiter saturn neptune mercury moon milky way renaissance internet
    wikipedia youtube facebook twitter instagram tiktok linkedin netflix spotify pokemon
    minecraft scrabble monopoly olympics
    """
)

HONORIFICS = _words(
    """
    mr mrs ms miss mx dr prof professor sir madam lady lord judge justice captain capt sgt
    sergeant lieutenant lt colonel col general gen rev reverend father sister brother pastor
    rabbi imam senator president governor mayor king queen prince princess chancellor herr frau
    signor signora señor señora senor senora monsieur madame mme mlle hr fr dott don doña
    """
)

ORGANISATION_WORDS = _words(
    """
    inc inc. ltd ltd. llc llp plc corp corp. co. gmbh ag kg ug se sa s.a. sas sarl bv b.v. nv oy
    oyj ab as a/s aps kft zrt srl spa s.p.a. pty company corporation incorporated limited group
    holdings holding bank university college institute academy school hospital clinic foundation
    association society council committee ministry department agency commission authority bureau
    union federation club team orchestra band church museum library theatre theater airlines
    airways railways motors electric energy oil pharmaceuticals pharma systems technologies
    technology solutions services consulting consultants partners associates ventures capital
    labs laboratories software networks media studios pictures records press publishing
    insurance logistics foods industries international analytics interactive digital mutual
    financial realty health healthcare research data
    """
)

PERSON_BEFORE = _words(
    """
    name named names called dear hi hello hey by with ask asked tell told met meet call contact
    thanks from wife husband son daughter brother sister mother father friend colleague boss
    uncle aunt cousin partner neighbour neighbor fan starring featuring sincerely regards signed
    author singer actor actress director player guardian cc attn to for under and like knows
    loves married says said is am i'm was
    """
)

PERSON_AFTER = _words(
    """
    said says was is has had lives lived works worked asked told wrote writes thinks believes
    wants wanted called calls moved went goes just will would can could and who whose flew
    married
    """
)

PLACE_BEFORE = _words(
    """
    in at near from to visit visiting visited toward towards around outside via leaving left
    reach across into through southern northern eastern western central
    """
)

ORGANISATION_BEFORE = _words(
    """
    at for by with join joined joining company startup firm employer founded against client
    """
)

ORGANISATION_VERBS = _words(
    """
    work worked works working employed intern job career
    """
)

OTHER_TONGUES = _words(
    """
    und der die das ist nicht ein eine mit och og det een het les des una los che não você
    """
)
