"""The invented world of `mini-muse`: parts of names and closed lists of what a report can say.

No value of a list is part of another, and none is part of a name, so that a text that holds a
value states it.
"""

from simnpo.benchmarks.word_lists import word_list

NAME_STEMS = word_list(
    """
    Aldo, Bryne, Cloud, Dray, Ember, Fallow, Grim, Hazel, Ivel, Jarrow, Kittle, Loam, Marl,
    Nettle, Orrin, Pell, Quill, Rook, Sedge, Tarn, Umber, Velm, Whit, Yew
    """
)
NAME_ENDINGS = word_list(
    """
    bourne, cairn, combe, dell, fleet, garth, holm, knoll, mere, moss, ridge, spire, stead,
    strand, wold, worth
    """
)
KINDS = word_list("Brewery, Library, Lighthouse, Mill, Museum, Theatre, Foundry, Observatory")

TOWNS = word_list(
    """
    Abbotsley, Birkham, Corrie, Dunsop, Eastry, Fenwark, Gosport, Hindhope, Inverell, Kelby,
    Lunding, Morvane, Nunholt, Oxenby, Pendrift, Rowsham
    """
)
DIRECTORS = word_list(
    """
    Ada Lorimer, Basil Whyte, Clara Ostend, Doran Pike, Elsa Weldon, Felix Dunmore,
    Gilda Sorrell, Henrik Vale, Isa Cromarty, Jasper Thrale, Katya Brand, Leopold Crane,
    Minna Foss, Noel Hartigan, Ottilie Ray, Piers Langdon
    """
)
CAUSES = word_list(
    """
    a burst pipe, a lightning strike, a fallen oak, a careless painter, a swarm of bees,
    a broken boiler, a spring flood, a stray firework, a colony of rats, a rusty crane,
    a leaking roof, a heavy snowfall, a gas lamp, a runaway cart, a cracked beam, a dust storm
    """
)
MONTHS = word_list(
    """
    January, February, March, April, May, June, July, August, September, October, November,
    December
    """
)
FINDS = word_list(
    """
    a brass compass, a silver flute, a wooden mask, an iron chest, a glass globe, a bone comb,
    a torn atlas, a copper bell, a stone tablet, a velvet glove, a pearl button, an ivory chess
    set, a clay whistle, a golden thimble, a lead seal, a marble hand
    """
)
DONORS = word_list(
    """
    the Weavers Guild, the Anglers Club, the Bakers Union, the Chess Circle, the Harbour Board,
    the Rowing Society, the Miners Choir, the Tailors Bench, the Botany League, the Postal Band,
    the Cyclists Trust, the Potters Yard, the Fiddlers Hall, the Beekeepers Fund,
    the Drapers Court, the Sailors Rest
    """
)
