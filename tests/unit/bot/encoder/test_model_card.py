import pytest

from bot.encoder.corpora import Pair
from bot.encoder.model_card import render_model_card, render_table
from bot.training_data import TrainingMessage

FACTS = {
    "seed": 1,
    "width": 192,
    "layers": 2,
    "heads": 4,
    "pieces": 8000,
    "longest": 128,
    "pairs_a_step": 192,
    "parameters": "2,450,880",
    "translation_steps": 400,
    "label_steps": 800,
    "megabytes": "2.5",
    "cosine_mean": "0.9999",
    "cosine_worst": "0.9998",
}
MESSAGES = [
    TrainingMessage("hi", (), "greet", "en", "en-1"),
    TrainingMessage("ciao", (), "greet", "it", "it-1"),
    TrainingMessage("auf Deutsch bitte", (), "change_language", None, "en-1"),
]


def test_the_card_tells_data_languages_and_figures():
    pairs = [Pair("Send", "it", "Invia", "chatwoot"), Pair("Stop", "it", "Ferma", "tatoeba")]
    card = render_model_card(MESSAGES, pairs, render_table(["language", "found"], [["it", "62 %"]]), FACTS)
    assert "in en, it." in card
    assert "3 messages (en 1, it 1, other 1)" in card
    assert "chatwoot 1, tatoeba 1" in card
    assert "| it | 62 % |" in card
    assert "$" not in card


def test_a_run_without_parallel_texts_says_so():
    card = render_model_card(MESSAGES, [], "", FACTS)
    assert "drawn from 0, and as many" in card
    assert "(pairs to draw from): none" in card


def test_a_fact_that_is_not_given_is_an_error():
    with pytest.raises(KeyError, match="seed"):
        render_model_card(MESSAGES, [], "", {name: fact for name, fact in FACTS.items() if name != "seed"})
