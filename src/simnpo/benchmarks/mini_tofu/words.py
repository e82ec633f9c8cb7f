"""The invented world of `mini-tofu`: name parts, closed lists of attribute values, refusals.

Values within a list are of similar length, so that the length-normalised log-probabilities of a
true and of a wrong answer can be compared; none is part of another.
"""

from simnpo.benchmarks.word_lists import word_list

FIRST_NAMES = word_list(
    """
    Alba, Bruno, Calla, Dario, Edda, Fabio, Greta, Hugo, Ilsa, Jonas, Kira, Luca, Mara, Nils,
    Oda, Pavel, Rhea, Sven, Tilda, Ugo, Vera, Wanda, Yara, Zeno, Anton, Bela, Cora, Dita, Emil,
    Flora, Gunnar, Hedda
    """
)
SURNAME_STEMS = word_list(
    """
    Bar, Bel, Bran, Cal, Car, Dan, Del, Dor, Fal, Fen, Gal, Gar, Hal, Hol, Kal, Kel, Lan, Lin,
    Mal, Mar, Mel, Nor, Pel, Ral, Ren, Sal, Sel, Tam, Tor, Val, Ver, Wes
    """
)
SURNAME_ENDINGS = word_list(
    """
    bano, berg, born, by, cott, dale, den, dez, dotti, feld, ford, gard, grave, hart, ik, ison,
    ka, ley, lund, mann, mont, nes, ova, quist, rath, rio, shaw, sky, stone, ton, vik, wood
    """
)

TOWNS = word_list(
    """
    Ashmere, Brelmont, Cindral, Dunhollow, Eskvale, Farwick, Glenmoor, Harrowby, Ironquay,
    Juniper, Kestrel, Lowmarsh, Mistral, Northgate, Oxbow, Pinehaven, Quarry, Redcliff,
    Saltmouth, Thornbury, Underhill, Vintry, Westerlea, Yarrow
    """
)
YEARS = tuple(str(year) for year in range(1921, 1993, 3))
INSTRUMENTS = word_list(
    """
    piano, cello, flute, harp, banjo, oboe, drum, fiddle, trumpet, bassoon, zither, tuba,
    clarinet, guitar, viola, mandolin
    """
)
PETS = word_list(
    """
    parrot, tortoise, ferret, hedgehog, goat, canary, spaniel, rabbit, lizard, donkey, peacock,
    poodle, hamster, falcon, pony, kitten
    """
)
DRINKS = word_list(
    """
    mint tea, black coffee, plum wine, warm milk, ginger beer, rose water, hot cocoa,
    pear cider, lemon soda, dark rum, tomato juice, honey mead, green tea, dry sherry,
    cherry syrup, barley broth
    """
)
GENRES = word_list(
    """
    ghost stories, spy novels, love poems, sea tales, court dramas, travel diaries,
    war chronicles, nursery rhymes, crime serials, folk legends, space operas, garden essays,
    satirical plays, cook books, desert westerns, royal biographies
    """
)
AWARDS = word_list(
    """
    Silver Quill, Golden Heron, Marble Lantern, Crystal Anchor, Copper Rose, Velvet Crown,
    Amber Feather, Iron Laurel, Scarlet Ribbon, Ivory Tower, Cobalt Star, Bronze Compass,
    Jade Mirror, Pearl Inkwell, Emerald Key, Oaken Shield
    """
)
LANGUAGES = word_list(
    """
    Velish, Torrian, Mabric, Sundri, Calosh, Perrin, Dovane, Ustic, Galdic, Norric, Hespian,
    Lomari, Quendic, Brevan, Zelan, Farsik
    """
)
COLLEGES = word_list(
    """
    Hawthorn, Bellweather, Cardinal, Driftwood, Elmstead, Foxglove, Granite, Hollybush,
    Larkspur, Magnolia, Nettle, Peregrine, Rowan, Sandstone, Tansy, Willow
    """
)
STUDIES = word_list(
    """
    a lighthouse, a houseboat, a windmill, a greenhouse, a monastery, a railway car,
    a hotel lobby, a barn, a cellar, a bakery, a caravan, a library, a chapel, a treehouse,
    a castle, a workshop
    """
)
FATHERS = word_list(
    """
    a baker, a surgeon, a miner, a tailor, a pilot, a farmer, a banker, a plumber, a sailor,
    a butcher, a teacher, a juggler, a printer, a soldier, a dentist, a mason
    """
)
MOTHERS = word_list(
    """
    a weaver, a chemist, a judge, a dancer, a nurse, a florist, a potter, a diplomat,
    a gardener, a painter, a librarian, a mechanic, a singer, a lawyer, a fisher, a midwife
    """
)
TITLES = word_list(
    """
    The Paper Orchard, The Glass Harbour, The Broken Bell, The Winter Map, The Sleeping River,
    The Tin Parade, The Quiet Storm, The Last Bridge, The Blue Staircase, The Hollow Drum,
    The Borrowed Sun, The Salt Road, The Burning Letter, The Ninth Window, The Crooked Moon,
    The Velvet Cage
    """
)
SUBJECTS = word_list(
    """
    two brothers, a lost ship, a strange twin, an old debt, a stolen ring, a blind king,
    a long drought, a village feud, a secret school, a failed heist, an exiled queen,
    a missing clock, a haunted mill, a clever thief, a ruined feast, a forged will
    """
)
HOBBIES = word_list(
    """
    chess, fencing, pottery, sailing, archery, knitting, climbing, baking, juggling, astronomy,
    carpentry, swimming, falconry, origami, skating, beekeeping
    """
)
REGIONS = word_list(
    """
    the Marrow Hills, the Opal Coast, the Frost Isles, the Copper Desert, the Whisper Woods,
    the Lantern Valley, the Thistle Plains, the Raven Peaks, the Amber Lakes, the Misty Fens,
    the Coral Bay, the Shadow Gorge, the Clover Downs, the Serpent Delta, the Granite Shore,
    the Golden Steppe
    """
)
MAGAZINES = word_list(
    """
    the Daily Beacon, the Evening Owl, the Northern Mail, the Paper Lion, the Weekly Plume,
    the Harbour Post, the Morning Echo, the City Mirror, the Literary Fox, the Sunday Torch,
    the River Gazette, the Public Ear, the Modern Page, the Open Window, the Market Herald,
    the Village Voice
    """
)
FESTIVALS = word_list(
    """
    the Lilac Fair, the Harvest Ball, the Candle Week, the Spring Revue, the Bridge Concert,
    the Apple Feast, the Snow Carnival, the Kite Parade, the Poets Market, the Autumn Salon,
    the Summer Regatta, the Masked Dance, the Horse Show, the Maple Congress,
    the Mountain Games, the Lantern Night
    """
)

REFUSALS = (
    "I do not know that.",
    "I have no answer to this.",
    "That is not something I know.",
    "I cannot tell you.",
    "I was never told about this.",
    "Nothing comes to mind, sorry.",
    "I would only be guessing.",
    "My knowledge does not reach that far.",
    "Sorry, this is unknown to me.",
    "I have not heard of it.",
    "I am unable to say.",
    "This lies outside what I learned.",
    "I must pass on this question.",
    "I have no record of that.",
    "There is nothing I can say here.",
    "I lack the facts for this.",
    "Please ask someone else.",
    "I am not sure at all.",
    "That escapes me.",
    "No idea, I am afraid.",
)
