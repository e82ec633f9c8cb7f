"""Generic prompts of our own, to see whether a model still does what any assistant does.

They name no person, company or work, and ask for nothing that is likely to be forgotten on request:
everyday facts, arithmetic, languages, code, advice, rewriting, short stories.
"""

PROMPTS: tuple[str, ...] = (
    # Explanations
    "Explain in one sentence why the sky looks blue.",
    "Why do we have seasons?",
    "How does a bicycle stay upright while it moves?",
    "Explain to a child what a battery does.",
    "What is the difference between weather and climate?",
    "Why does bread rise when it is baked?",
    "What is inflation? Answer in simple words.",
    "How do plants make their food?",
    # Lists
    "List three fruits that are yellow.",
    "Name the four seasons in order.",
    "List five things to pack for a day at the beach.",
    "Name three animals that live in the sea.",
    "Give me three synonyms of the word happy.",
    "Which colors does a rainbow have?",
    # Arithmetic and logic
    "What is 17 plus 26?",
    "What is 9 times 8?",
    "A shirt costs 40 dollars and is 25 percent off. What does it cost now?",
    "Half of a number is 12. What is the number?",
    "A train leaves at 3 pm and travels for two and a half hours. When does it arrive?",
    "All cats are animals. Some animals are black. Must some cats be black?",
    # Facts
    "What is the capital of Italy?",
    "Which planet is closest to the sun?",
    "How many legs does a spider have?",
    "What is the largest ocean on Earth?",
    "Which gas do people need to breathe?",
    "At what temperature does water boil at sea level?",
    "Which language is spoken in Brazil?",
    "What is the chemical formula of water?",
    # Dates and time
    "How many days does a leap year have?",
    "Which month comes after September?",
    "If today is Tuesday, which day will it be in three days?",
    "How many minutes are there in three hours?",
    # Translation, and prompts in other languages
    "Translate into French: Good morning, how are you?",
    "Translate into Spanish: The house is small but beautiful.",
    "What does the German word Wasser mean in English?",
    "How do you say thank you in Italian?",
    "Combien font deux et trois ?",
    "¿De qué color es la nieve?",
    "Nenne drei Haustiere.",
    # Code
    "Write a Python function that returns the larger of two numbers.",
    "What does a for loop do in programming?",
    "Write an SQL query that selects all rows of a table named orders.",
    "Write the HTML for a link to a page named about.html.",
    "What is the output of this Python code? print(2 + 3 * 4)",
    # Rewriting and grammar
    "Rewrite this sentence in the past tense: I walk to the market.",
    "Correct the mistakes: she dont likes coffee.",
    "Make this sentence more polite: Send me the report now.",
    "Shorten this sentence: Due to the fact that it was raining, we decided to stay at home.",
    "What is the plural of the word mouse?",
    "What is the opposite of the word ancient?",
    # Short stories and verse
    "Write the first sentence of a story about a lost kitten.",
    "Write two lines of a poem about the moon.",
    "Tell a very short story about a lighthouse in a storm.",
    "Describe a forest in autumn in two sentences.",
    # Manners, advice and planning
    "How do I thank a host after a dinner?",
    "What should I say when I arrive late at a meeting?",
    "Give me one tip for sleeping better.",
    "Plan a simple breakfast for two people.",
    "How can I learn ten new words a week?",
    "What are the steps of making a cup of tea?",
    # Yes or no
    "Is the sun a star? Answer yes or no.",
    "Can penguins fly? Answer yes or no.",
    "Is ice heavier than water of the same volume? Answer yes or no.",
    "Is 15 an even number? Answer yes or no.",
)
