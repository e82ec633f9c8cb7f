"""General knowledge in MMLU's format: things that belong to one of four kinds."""

from typing import NamedTuple

from simnpo.benchmarks.word_lists import word_list


class Topic(NamedTuple):
    """Facts of one subject."""

    subject: str
    """As MMLU names its subjects."""
    statement: str
    """Up to the kind, with `{thing}`."""
    kinds: dict[str, str]
    """Kinds in the order of the choices, each with the things of that kind, by comma."""

    def facts(self) -> list[tuple[str, str]]:
        """Return every thing with its kind."""
        return [(one, kind) for kind, all_ in self.kinds.items() for one in word_list(all_)]


TOPICS = (
    Topic(
        "geography",
        "{thing} is a country of",
        {
            "Africa": "Egypt, Kenya, Nigeria, Ghana, Morocco, Tunisia",
            "America": "Canada, Mexico, Peru, Chile, Brazil, Cuba",
            "Asia": "Japan, China, India, Vietnam, Mongolia, Nepal",
            "Europe": "France, Italy, Norway, Poland, Portugal, Ireland",
        },
    ),
    Topic(
        "biology",
        "A {thing} is a kind of",
        {
            "bird": "sparrow, robin, crow, goose, owl, pigeon",
            "fish": "trout, herring, carp, tuna, pike, cod",
            "insect": "wasp, bee, ant, cricket, fly, mosquito",
            "mammal": "horse, whale, bat, mouse, goat, wolf",
        },
    ),
    Topic(
        "music",
        "In an orchestra the {thing} is among the",
        {
            "brass": "trumpet, trombone, tuba, cornet, bugle, horn",
            "percussion": "drum, cymbal, gong, triangle, xylophone, tambourine",
            "strings": "violin, viola, cello, harp, fiddle, bass",
            "woodwinds": "flute, oboe, clarinet, bassoon, piccolo, recorder",
        },
    ),
    Topic(
        "nutrition",
        "Cooks count {thing} among the",
        {
            "fruits": "apples, pears, plums, cherries, grapes, lemons",
            "grains": "wheat, barley, oats, rye, millet, rice",
            "spices": "pepper, cinnamon, cloves, ginger, nutmeg, saffron",
            "vegetables": "carrots, cabbages, leeks, turnips, spinach, beets",
        },
    ),
)
