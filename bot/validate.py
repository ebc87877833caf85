"""Checks what the bot is made of: `python -m bot.validate`. Exits with 1 where anything is wrong.

Rasa's own check of domain, rules and messages; the articles; and that every label and response has its text
in the shop's default language. That the other languages have the same texts is `scripts.check_content`'s
affair.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from typing import Any

from bot.fingerprint import PROJECT_FOLDER
from locales import catalogue
from locales.articles import KnowledgeError
from locales.knowledge import is_topic, load_knowledge
from locales.markets import default_language

# The catalogue of the bot's texts.
DOMAIN = "bot"

# Responses that only choosers and actions use: Rasa knows rules alone and takes them for forgotten.
_NOT_IN_A_RULE = r"The utterance '.*' is not used in any story or rule\."


def find_problems() -> list[str]:
    """Return what is wrong, a sentence each; nothing if all is well."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        from rasa.shared.importers.importer import TrainingDataImporter
        from rasa.validator import Validator

        from bot.learning.training_messages import label_of

        warnings.filterwarnings("always", module="rasa.shared.utils.io")
        warnings.filterwarnings("ignore", message=_NOT_IN_A_RULE)
        importer = TrainingDataImporter.load_from_config(
            str(PROJECT_FOLDER / "config.yml"),
            str(PROJECT_FOLDER / "bot" / "domain"),
            [str(PROJECT_FOLDER / "data" / name) for name in ("nlu", "rules", "stories")],
        )
        validator = Validator.from_importer(importer)
        checks = {
            "the domain is not valid": validator.verify_domain_validity(),
            "a form lacks its slots": validator.verify_form_slots() and validator.verify_slot_mappings(),
            "messages and rules do not fit together": validator.verify_nlu(),
            "a rule names what is not there": validator.verify_forms_in_stories_rules()
            and validator.verify_actions_in_stories_rules(),
            "rules contradict each other": validator.verify_story_structure(),
        }
        problems = [problem for problem, holds in checks.items() if not holds]
    problems += [str(warning.message) for warning in caught if issubclass(warning.category, UserWarning)]
    labels = {label_of(message) for message in importer.get_nlu_data().intent_examples}
    return problems + _missing_texts(labels, validator.domain.responses)


def _missing_texts(labels: set[str], responses: dict[str, list[dict[str, Any]]]) -> list[str]:
    try:
        knowledge = load_knowledge()
    except KnowledgeError as error:
        return [str(error)]
    known = {
        message.id if isinstance(message.id, str) else message.id[0]
        for message in catalogue.read_catalogue(DOMAIN, default_language())
        if message.id
    }
    topics = {label for label in labels if is_topic(label)}
    keys = {f"label.{label}" for label in labels - topics}
    keys |= {
        response["text"] for variations in responses.values() for response in variations if "text" in response
    }
    path = catalogue.catalogue_path(DOMAIN, default_language())
    return [
        *(f"no article for {topic}" for topic in sorted(topics) if not knowledge.find_topic(topic)),
        *(f"{path}: no text for {key}" for key in sorted(keys - known)),
    ]


def main() -> int:
    """Print what is wrong."""
    os.environ.setdefault("RASA_TELEMETRY_ENABLED", "false")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.chdir(PROJECT_FOLDER)
    logging.basicConfig(level=logging.ERROR)
    problems = find_problems()
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    sys.stdout.write("the bot's data is in order\n" if not problems else f"{len(problems)} problems\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
