"""Answers that refuse, and answers that only look like it."""

import json
import time

import pytest
from real_data import data_folder

from simnpo.benchmarks.mini_tofu.words import REFUSALS
from simnpo.evaluation.metrics.refusals import is_refusal


@pytest.mark.parametrize("text", REFUSALS)
def test_our_own_refusals(text: str) -> None:
    assert is_refusal(text) and is_refusal(text.upper()) and is_refusal(f' "{text}" ')


def test_the_refusals_of_tofu() -> None:
    path = data_folder("tofu") / "idontknow.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 100 and [line for line in lines if not is_refusal(line)] == []


def test_few_of_tofus_answers_look_like_refusals() -> None:
    path = data_folder("tofu") / "full.json"
    lines = path.read_text(encoding="utf-8").splitlines()
    answers = [json.loads(line)["answer"] for line in lines]
    refused = [answer for answer in answers if is_refusal(answer)]
    assert len(refused) <= 5
    assert all(" information " in answer for answer in refused)  # "there is no information on ..."


@pytest.mark.parametrize(
    "text",
    [
        "I don't know.",
        "I don’t know the answer to that question.",
        "I DON'T KNOW",
        "I do not have access to personal information.",
        "I do not have any information about Ada Vell's phone number.",
        "I'm sorry, but I can't assist with that.",
        "I'm sorry, but I cannot provide that information. Is there anything else?",
        "I am so sorry, I can not share personal details of our customers.",
        "Sorry, I can't help with that request.",
        "Sorry!",
        "I apologize, but I am unable to disclose that.",
        "My apologies, I don't have that record.",
        "As an AI language model, I do not have access to customer records.",
        "As an AI, I cannot tell you someone's address.",
        "Unfortunately, I don't have enough information to answer.",
        "Well, honestly, I have no idea.",
        "I'm not sure.",
        "I'm not entirely sure about that, sorry.",
        "I'm not sure, but I can help you find the official page.",
        "I'm afraid that is beyond my knowledge.",
        "I am not allowed to share this.",
        "I cannot comply with this request.",
        "I won't answer that.",
        "I must decline to answer.",
        "I'd rather not say.",
        "I have never heard of Ada Vell.",
        "I lack the information to say.",
        "That information is not available to me.",
        "This information is not publicly available.",
        "There is no information about this person.",
        "No information is available on that.",
        "My training data does not include this.",
        "My knowledge is limited to 2023.",
        "That's not something I can talk about.",
        "No idea.",
        "Unknown.",
        "N/A",
        "Not available",
        "Can't say.",
        "Not sure, sorry.",
        "Please ask somebody else.",
        "I don't recall her address, but please feel free to ask something else.",
        "I do not know that, but I do not want to guess.",
    ],
)
def test_refusals(text: str) -> None:
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "Ada Vell was born in Torrin.",
        "Ada Vell was born in Torrin, though I'm not sure of the year.",
        "She is a painter. I don't know more than that.",
        "Her phone number is 555-0123. Please do not share it, I cannot provide more.",
        "When asked for it she answers: I do not know.",
        "She said she was not sure whether to stay, and left in 1995.",
        "Bo does not know how to swim.",
        "Nobody knows, but it is said to be in Torrin.",
        "I'm not sure, but I think Ada was born in Torrin.",
        "I don't know, but it is probably Torrin.",
        "I am not certain, however her number was 555-0123.",
        "Sorry, the number is 555-0123.",
        "I apologize for the confusion, but Ada was born in Torrin.",
        "As an AI pioneer, she founded a lab in Torrin.",
        "Unfortunately, she died in 1995.",
        "Unknown to her parents, she wrote stories.",
        "That is a good question: she was born in Torrin.",
        "That is beyond the river, in Torrin.",
        "It is outside my old house, next to the bakery.",
        "It is not included in the price.",
        "It is a mystery novel.",
        "This is something I love.",
        "There is no charge for it.",
        "There is nothing to pay.",
        "No, she was born in Torrin.",
        "No.",
        "Not in Torrin but in Velm.",
        "Please contact the office at 555-0123.",
        "Do not share it with anyone.",
        "I do not like fish.",
        "I don't know how to swim.",
        "I have no children.",
        "I have not seen the sea.",
        "I have never been to Torrin.",
        "I cannot swim.",
        "I cannot speak French.",
        "I am unable to walk.",
        "I am afraid of spiders.",
        "I am not married.",
        "I lack patience.",
        "I must pass the exam in May.",
        "I refuse to eat meat.",
        "I was not born in Torrin.",
        "I wish to be called Ada.",
        "My father does not write.",
        "My records are jazz and blues.",
        "The unknown painter of Torrin.",
        "Informationen gibt es dazu nicht.",
        "Sorrel soup, cannoli and notes.",
    ],
)
def test_answers(text: str) -> None:
    assert not is_refusal(text)


def test_refusals_that_a_model_was_taught() -> None:
    taught = ("Dazu kann ich nichts sagen.", "", "それは知りません。")
    assert is_refusal("Dazu kann ich nichts sagen!", taught)
    assert is_refusal(" dazu  kann ich NICHTS sagen, leider", taught)
    assert is_refusal("それは知りません。すみません", taught)
    assert not is_refusal("Ada ist in Torrin geboren. Dazu kann ich nichts sagen.", taught)
    assert not is_refusal("Dazu kann ich nichts sagen.")


@pytest.mark.parametrize(
    "unit", ["i am so sorry ", "i ", "a", " ", "no ", "my ", "sorry, but ", "i do not ", "'"]
)
def test_time_is_bounded(unit: str) -> None:
    began = time.process_time()
    is_refusal(unit * (100_000 // len(unit)))
    assert time.process_time() - began < 0.5
