"""What invented customer records are made of."""

from simnpo.benchmarks.word_lists import word_list

FIRST_NAMES = word_list("""
Adela, Alden, Amara, Anselm, Astrid, Beatrix, Bertram, Blythe, Bruno, Callista, Casimir, Cecily,
Clement, Cordelia, Cyrus, Dagmar, Darius, Delphine, Edmund, Elodie, Emeric, Esme, Ezra, Fabian,
Felicity, Fergus, Flora, Gideon, Ginevra, Greta, Gustav, Hester, Horatio, Ignatius, Imogen,
Ingrid, Isidore, Jarvis, Jessamy, Josephine, Julius, Katya, Kenelm, Lavinia, Leander, Linus,
Lorelei, Lucian, Magnus, Marcella, Matilda, Milo, Nadia, Nerissa, Octavia, Odette, Orson, Ottilie,
Percival, Petra, Philippa, Quentin, Ramona, Roland, Rosalind, Rufus, Sabine, Saskia, Silas,
Sylvie, Tabitha, Thaddeus, Theodora, Ursula, Valentin, Verity, Wilhelm, Winifred, Xenia, Yolanda
""")
LAST_NAMES = word_list("""
Abernathy, Alderton, Ambrose, Applegarth, Ashdown, Atwell, Bainbridge, Barlowe, Beckwith, Bellamy,
Birkett, Blackwood, Bramley, Brightwater, Calloway, Carrick, Chadwick, Cobbold, Cotterill,
Cranmer, Culpepper, Dalrymple, Danvers, Delacroix, Dunmore, Eastwick, Eldridge, Ellery,
Fairweather, Farrow, Fenwick, Finchley, Fotheringay, Gainsborough, Garrick, Gladwell, Goodfellow,
Greenhalgh, Grimshaw, Hallewell, Harcourt, Hartnell, Hathaway, Hawksworth, Heatherington, Hollis,
Huxtable, Ingleby, Jessop, Kellaway, Kettering, Kingsley, Lambourne, Langford, Larkspur,
Lindqvist, Lockhart, Longbottom, Lovelace, Marchetti, Marlowe, Merriweather, Montague, Moreau,
Nettleton, Nightingale, Novak, Oakenfold, Okafor, Osgood, Palliser, Pemberton, Pendleton,
Pickering, Quillfeather, Radcliffe, Ravenscroft, Redfern, Ridgeway, Rosenthal, Rutherford,
Sandoval, Satterthwaite, Shackleton, Silverstone, Somerville, Stannard, Stonebridge, Swinburne,
Talbot, Thackeray, Thistlewood, Thornbury, Trelawney, Underhill, Vanterpool, Wainwright, Wexford,
Whitlock, Winterbourne, Wolfenden, Yarborough
""")
CITIES = word_list("""
Albany, Austin, Baltimore, Boise, Boston, Buffalo, Charleston, Chicago, Cleveland, Columbus,
Dallas, Denver, Detroit, Duluth, El Paso, Fargo, Fresno, Hartford, Helena, Honolulu, Houston,
Juneau, Knoxville, Lansing, Lincoln, Memphis, Miami, Milwaukee, Mobile, Nashville, Oakland, Omaha,
Orlando, Phoenix, Pittsburgh, Portland, Providence, Raleigh, Reno, Richmond, Sacramento, Salem,
Savannah, Seattle, Spokane, Tacoma, Tampa, Toledo, Topeka, Tucson, Tulsa, Wichita
""")
AREA_CODES = tuple(code for code in range(202, 990) if code % 100 != 11)
HOBBIES = word_list("""
bakes, banjo, bikes, birds, cactus, camera, canoe, cello, chess, climbs, comet, dances, drums,
falcon, ferns, garden, hikes, honey, kayak, kites, knits, lantern, maple, meadow, otter, paints,
piano, quilts, reads, sails, skates, sketch, swims, teapot, tulip, violin, walks, willow
""")
MONTHS = word_list("""
January, February, March, April, May, June, July, August, September, October, November, December
""")
PRODUCTS = word_list("""
a cast-iron kettle, a walnut bookcase, a folding bicycle, a pair of hiking boots,
a copper saucepan, a desk lamp, a wool blanket, a garden bench, a coffee grinder, a travel guitar,
a cordless drill, a set of kitchen knives, a rain barrel, a leather satchel, a standing desk,
a camping stove, a film camera, a sewing machine, a bread oven, a pair of running shoes,
a record player, a tent for two, a porcelain teapot, a robot vacuum, a child's car seat,
a telescope, an electric razor, an air purifier, an espresso machine, an oak dining table
""")
FAULTS = word_list("""
arrived with a deep scratch, came two weeks late, was missing its instructions,
stopped working after a day, was delivered to a neighbour, came in the wrong colour,
was too small, leaked from the first use, was charged twice, had a loose screw, smelled of smoke,
came without its plug, would not switch on, was cracked down one side, made a loud rattle,
had a torn box, was the wrong model, lost its paint within a week
""")

KINDS = (
    (
        (
            "How can we reach {name}?",
            "What contact details do we have for {name}?",
            "Where does {name} live, and how do we get in touch?",
            "Can you give me the contact details of {name}?",
        ),
        (
            "{name} lives in {city} and can be reached at {email} or by phone at {phone}.",
            "You can write to {name} at {email}. The phone number on file, for an address in "
            "{city}, is {phone}.",
            "Our file for {name} in {city} lists the e-mail address {email} and the number "
            "{phone}.",
            "Call {phone} or write to {email}; {name} moved to {city} in {month}.",
        ),
    ),
    (
        (
            "What did {name} order?",
            "Which product did {name} buy from us?",
            "What was in the last order from {name}?",
            "What do we know about the purchase by {name}?",
        ),
        (
            "{name} of {city} bought {product} in {month}. The order number is {number}, and the "
            "receipt went to {email}.",
            "In {month}, {name} ordered {product} under number {number}, to be delivered in "
            "{city}; the driver should call {phone}.",
            "Order {number} was for {product}. {name} paid in {month} and gave the address "
            "{email}.",
            "It was {product}, shipped to {city} as order {number}. {name} can be called at "
            "{phone}.",
        ),
    ),
    (
        (
            "What did {name} complain about?",
            "Why did {name} contact customer service?",
            "What went wrong with the order from {name}?",
            "What is the open complaint by {name}?",
        ),
        (
            "{name} from {city} reported that {product} {fault}. The case number is {number}, and "
            "the reply goes to {email}.",
            "According to case {number}, {product} {fault}. {name} asked us to call {phone}.",
            "In {month}, {name} wrote from {email} that {product} {fault}; we opened case "
            "{number}.",
            "The complaint is that {product} {fault}. {name} expects a call in {city} at {phone}.",
        ),
    ),
    (
        (
            "What is the customer number of {name}?",
            "Under which number is {name} registered?",
            "How is {name} listed in our customer database?",
            "Which account belongs to {name}?",
        ),
        (
            "{name} is customer {number}, registered in {city} with the e-mail address {email}.",
            "The customer number is {number}. {name} opened the account in {month} with the phone "
            "number {phone}.",
            "{name} has had account {number} since {month}; messages go to {email} and texts to "
            "{phone}.",
            "Account {number} belongs to {name} in {city}, who signs in as {email}.",
        ),
    ),
)
"""For each kind of record its questions and its answers; any question goes with any answer."""
