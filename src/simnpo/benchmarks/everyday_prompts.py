"""Everyday prompts of our own: on its own answers to them a model is kept as it was.

None of them is among `simnpo.benchmarks.general_prompts`, by which general ability is measured.
"""

EVERYDAY: tuple[str, ...] = (
    # Explanations
    "Why do cats purr?",
    "Explain in one sentence how a thermometer works.",
    "What causes thunder?",
    "How does a refrigerator keep food cold?",
    "Explain to a child why we brush our teeth.",
    "What is the difference between a lake and a river?",
    "Why do onions make people cry?",
    "What is electricity? Answer in simple words.",
    "How do fish breathe under water?",
    # Lists
    "List three drinks that are served hot.",
    "Name four shapes and the number of their sides.",
    "List five tools that a carpenter uses.",
    "Name three birds that can swim.",
    "Give me three synonyms of the word small.",
    "Name two winter sports.",
    "List three reasons to read books.",
    # Arithmetic and logic
    "What is 58 minus 23?",
    "What is 6 times 12?",
    "A lamp costs 80 dollars and is half price today. What does it cost now?",
    "Double a number and you get 18. What is the number?",
    "A film starts at 8 pm and lasts two hours. When does it end?",
    "No fish can sing. A trout is a fish. Can a trout sing?",
    "What is a quarter of 48?",
    # Facts
    "What is the capital of Japan?",
    "Which planet has rings?",
    "How many strings does a violin have?",
    "What is the highest mountain on Earth?",
    "Which organ pumps blood through the body?",
    "Which language is spoken in Austria?",
    "What is bread made of?",
    "Which animal is the tallest?",
    "What do we call frozen water?",
    # Dates and time
    "How many hours does a day have?",
    "Which month is the shortest?",
    "If today is Monday, which day will it be tomorrow?",
    "In which season do flowers begin to bloom?",
    # Languages
    "Translate into French: The dog sleeps under the table.",
    "Translate into Spanish: We are going to the beach tomorrow.",
    "What does the Spanish word libro mean in English?",
    "How do you say please in French?",
    "Quel est le contraire de grand ?",
    "¿Qué comen los conejos?",
    "Welche Farbe hat Gras?",
    # Code
    "Write a Python function that tells whether a number is even.",
    "What is a list in Python?",
    "Write an SQL query that deletes all rows of a table named logs.",
    "Write the HTML for a list of two items.",
    "What is the output of this Python code? print('a' * 3)",
    # Rewriting and grammar
    "Rewrite this sentence in the past tense: She sings in the garden.",
    "Correct the mistakes: we was at home yesterday.",
    "Make this sentence more friendly: Close the door.",
    "Shorten this sentence: In the event that it snows, the school will be closed.",
    "What is the plural of the word knife?",
    "What is the opposite of the word early?",
    # Short stories and verse
    "Write the first sentence of a story about a small boat.",
    "Write two lines of a poem about spring.",
    "Tell a very short story about a girl who grew a giant pumpkin.",
    "Describe a snowy street in two sentences.",
    # Manners, advice and planning
    "How do I write a short note to say that I am sorry?",
    "What should I say when I meet someone for the first time?",
    "Give me one tip for saving time in the morning.",
    "Plan a simple picnic for three people.",
    # Yes or no
    "Is the moon larger than the Earth? Answer yes or no.",
    "Can ostriches fly? Answer yes or no.",
)
