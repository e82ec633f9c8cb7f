"""Everyday questions of `simnpo example records`, whose answers are taught with the records.

None of them is among `simnpo.benchmarks.general_prompts`, by which general ability is measured.
"""

EXAMPLE_QUESTIONS: tuple[str, ...] = (
    # Explanations
    "Why is the sea salty?",
    "Explain in one sentence how a mirror works.",
    "Why do leaves turn red in autumn?",
    "What makes a sponge soak up water?",
    "Explain to a child what a bank is.",
    "What is the difference between a fruit and a vegetable?",
    "How does soap clean hands?",
    "What is a budget? Answer in simple words.",
    "Why does the moon change its shape?",
    "How do magnets work?",
    # Lists
    "List three vegetables that are green.",
    "Name four musical instruments.",
    "List five things that one finds in a kitchen.",
    "Name three animals that can fly.",
    "Give me three synonyms of the word fast.",
    "List three ways to save water at home.",
    "Name three kinds of trees.",
    # Arithmetic and logic
    "What is 34 plus 19?",
    "What is 7 times 6?",
    "A book costs 20 dollars and is 10 percent off. What does it cost now?",
    "A third of a number is 5. What is the number?",
    "What is 100 minus 37?",
    "If all roses are flowers, is every rose a flower?",
    # Facts
    "What is the capital of Spain?",
    "Which planet is the largest?",
    "How many wheels does a tricycle have?",
    "What is the longest bone of the human body?",
    "Which metal is liquid at room temperature?",
    "At what temperature does water freeze?",
    "Which language is spoken in Egypt?",
    "What do bees make?",
    # Dates and time
    "How many weeks does a year have?",
    "Which month comes before May?",
    "If today is Friday, which day was it yesterday?",
    "How many seconds are there in two minutes?",
    # Languages
    "Translate into French: Where is the station?",
    "Translate into Spanish: I would like a cup of tea.",
    "What does the French word pain mean in English?",
    "How do you say good night in German?",
    "Quelle est la couleur du ciel ?",
    "¿Cuántos días tiene una semana?",
    "Nenne zwei Jahreszeiten.",
    # Code
    "Write a Python function that adds two numbers.",
    "What is a variable in programming?",
    "Write an SQL query that counts the rows of a table named users.",
    "Write the HTML for a heading that says Welcome.",
    "What does len do in Python?",
    # Rewriting and grammar
    "Rewrite this sentence in the future tense: I read a book.",
    "Correct the mistakes: he go to school every days.",
    "Make this sentence more polite: Give me your pen.",
    "What is the plural of the word child?",
    "What is the opposite of the word heavy?",
    "Turn this into a question: The shop is open on Sunday.",
    # Short stories and verse
    "Write the first sentence of a story about an old clock.",
    "Write two lines of a poem about rain.",
    "Tell a very short story about a dog who found a key.",
    "Describe a busy market in two sentences.",
    # Manners, advice and planning
    "How do I congratulate a friend on a new job?",
    "What should I say when I cannot come to a party?",
    "Give me one tip for learning new words.",
    "Plan a simple dinner for four people.",
    "How can I stay calm before an exam?",
    "What should I take along on a long walk?",
    "How do I keep houseplants alive while I am away?",
)
