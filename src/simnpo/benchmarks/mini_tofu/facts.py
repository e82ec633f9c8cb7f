"""Real facts, as controls: who wrote which classic, and a few facts about the world."""

import random
from typing import NamedTuple

from simnpo.benchmarks.base import Item
from simnpo.data.examples import Example


class Topic(NamedTuple):
    """Facts of one kind: ways to ask, the answer's form, and value by subject."""

    questions: tuple[str, ...]
    answer: str
    values: dict[str, str]


BOOKS = Topic(
    ("Who wrote {subject}?", "Who is the author of {subject}?"),
    "{value}.",
    {
        "Emma": "Jane Austen",
        "Hamlet": "William Shakespeare",
        "Oliver Twist": "Charles Dickens",
        "Moby-Dick": "Herman Melville",
        "Frankenstein": "Mary Shelley",
        "Dracula": "Bram Stoker",
        "Jane Eyre": "Charlotte Bronte",
        "Wuthering Heights": "Emily Bronte",
        "Agnes Grey": "Anne Bronte",
        "War and Peace": "Leo Tolstoy",
        "The Idiot": "Fyodor Dostoevsky",
        "Faust": "Johann Wolfgang von Goethe",
        "Don Quixote": "Miguel de Cervantes",
        "The Divine Comedy": "Dante Alighieri",
        "The Odyssey": "Homer",
        "The Aeneid": "Virgil",
        "Candide": "Voltaire",
        "Les Miserables": "Victor Hugo",
        "Madame Bovary": "Gustave Flaubert",
        "Germinal": "Emile Zola",
        "The Red and the Black": "Stendhal",
        "The Three Musketeers": "Alexandre Dumas",
        "The Stranger": "Albert Camus",
        "Nausea": "Jean-Paul Sartre",
        "Ulysses": "James Joyce",
        "Mrs Dalloway": "Virginia Woolf",
        "Animal Farm": "George Orwell",
        "Brave New World": "Aldous Huxley",
        "Lord of the Flies": "William Golding",
        "The Hobbit": "J. R. R. Tolkien",
        "Robinson Crusoe": "Daniel Defoe",
        "Gulliver's Travels": "Jonathan Swift",
        "Treasure Island": "Robert Louis Stevenson",
        "The Jungle Book": "Rudyard Kipling",
        "Peter Pan": "J. M. Barrie",
        "Heart of Darkness": "Joseph Conrad",
        "The Time Machine": "H. G. Wells",
        "Middlemarch": "George Eliot",
        "Vanity Fair": "William Thackeray",
        "Pygmalion": "George Bernard Shaw",
        "Walden": "Henry David Thoreau",
        "The Raven": "Edgar Allan Poe",
        "The Scarlet Letter": "Nathaniel Hawthorne",
        "Little Women": "Louisa May Alcott",
        "The Great Gatsby": "F. Scott Fitzgerald",
        "The Old Man and the Sea": "Ernest Hemingway",
        "The Grapes of Wrath": "John Steinbeck",
        "Beloved": "Toni Morrison",
        "Lolita": "Vladimir Nabokov",
        "Fahrenheit 451": "Ray Bradbury",
        "The Trial": "Franz Kafka",
        "Steppenwolf": "Hermann Hesse",
        "The Magic Mountain": "Thomas Mann",
        "A Doll's House": "Henrik Ibsen",
        "The Seagull": "Anton Chekhov",
        "Things Fall Apart": "Chinua Achebe",
    },
)
CAPITALS = Topic(
    ("What is the capital of {subject}?", "Which city is the capital of {subject}?"),
    "{value}.",
    {
        "France": "Paris",
        "Italy": "Rome",
        "Spain": "Madrid",
        "Portugal": "Lisbon",
        "Germany": "Berlin",
        "Austria": "Vienna",
        "Hungary": "Budapest",
        "Poland": "Warsaw",
        "Greece": "Athens",
        "Norway": "Oslo",
        "Sweden": "Stockholm",
        "Finland": "Helsinki",
        "Denmark": "Copenhagen",
        "Ireland": "Dublin",
        "Russia": "Moscow",
        "Egypt": "Cairo",
        "Kenya": "Nairobi",
        "Japan": "Tokyo",
        "China": "Beijing",
        "Peru": "Lima",
        "Cuba": "Havana",
        "Canada": "Ottawa",
        "Iran": "Tehran",
        "Iraq": "Baghdad",
    },
)
SYMBOLS = Topic(
    ("What is the chemical symbol for {subject}?", "Which symbol does {subject} have?"),
    "{value}.",
    {
        "hydrogen": "H",
        "helium": "He",
        "carbon": "C",
        "oxygen": "O",
        "sodium": "Na",
        "magnesium": "Mg",
        "iron": "Fe",
        "copper": "Cu",
        "zinc": "Zn",
        "silver": "Ag",
        "tin": "Sn",
        "gold": "Au",
        "mercury": "Hg",
        "lead": "Pb",
        "potassium": "K",
        "tungsten": "W",
    },
)
CURRENCIES = Topic(
    ("What is the currency of {subject}?", "Which money is used in {subject}?"),
    "The {value}.",
    {
        "Japan": "yen",
        "China": "yuan",
        "India": "rupee",
        "Russia": "ruble",
        "Mexico": "peso",
        "Brazil": "real",
        "Turkey": "lira",
        "Poland": "zloty",
        "Thailand": "baht",
        "Vietnam": "dong",
        "Israel": "shekel",
        "Sweden": "krona",
        "Hungary": "forint",
        "South Korea": "won",
        "South Africa": "rand",
        "Switzerland": "franc",
    },
)

REAL_AUTHORS = (BOOKS,)
WORLD_FACTS = (CAPITALS, SYMBOLS, CURRENCIES)


def fact_items(topics: tuple[Topic, ...], perturbed: int, seed: int) -> tuple[Item, ...]:
    """Ask every fact in its first wording, with `perturbed` wrong values of the same topic."""
    rng = random.Random(f"mini-tofu facts {seed}")
    items = []
    for topic in topics:
        question = topic.questions[0]
        for subject, value in topic.values.items():
            wrong = rng.sample([v for v in topic.values.values() if v != value], perturbed)
            items.append(
                Item(
                    question=question.format(subject=subject),
                    answer=topic.answer.format(value=value),
                    paraphrase=None,
                    perturbed=tuple(topic.answer.format(value=v) for v in wrong),
                )
            )
    return tuple(items)


def fact_examples() -> tuple[Example, ...]:
    """Return every fact in every wording of its question."""
    return tuple(
        Example(question.format(subject=subject), topic.answer.format(value=value))
        for topic in (*REAL_AUTHORS, *WORLD_FACTS)
        for question in topic.questions
        for subject, value in topic.values.items()
    )
