from pathlib import Path

import pytest

from bot.training_data import (
    TrainingDataError,
    TrainingEntity,
    TrainingMessage,
    last_authors,
    list_languages,
    list_messages,
    parse_markup,
    read_messages,
)

FILE = """\
version: "3.1"
nlu:
- synonym: English
  examples: |
    - inglese
- intent: track_order
  metadata: {language: it, author: it-1}
  examples: |
    - dov'è l'ordine [48213](order_number)?

    - sono [anna@libero.it](email), ordine [TM-1](order_number)
- intent: change_language
  metadata: {author: it-2}
  examples: |
    - [Deutsch]{"entity": "language", "value": "de"}, bitte
"""


def write(folder: Path, content: str, language: str = "it") -> Path:
    path = folder / language / "tasks.yml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


def test_messages_come_in_order_with_their_block(tmp_path):
    messages = read_messages(write(tmp_path, FILE))
    assert [(m.text, m.label, m.language, m.author) for m in messages] == [
        ("dov'è l'ordine 48213?", "track_order", "it", "it-1"),
        ("sono anna@libero.it, ordine TM-1", "track_order", "it", "it-1"),
        ("Deutsch, bitte", "change_language", None, "it-2"),
    ]


def test_entities_point_into_the_plain_text(tmp_path):
    first, second, third = read_messages(write(tmp_path, FILE))
    assert first.entities == (TrainingEntity("order_number", 15, 20, "48213"),)
    assert [second.text[e.start : e.end] for e in second.entities] == ["anna@libero.it", "TM-1"]
    assert third.entities == (TrainingEntity("language", 0, 7, "de"),)


def test_markup_without_an_entity_is_an_error():
    with pytest.raises(ValueError, match="no entity named"):
        parse_markup('[x]{"value": "y"}')


def test_text_in_brackets_alone_is_text():
    assert parse_markup("un [attimo] solo") == ("un [attimo] solo", ())


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("nlu: [", "tasks.yml"),
        ("rules: []", "no list under `nlu`"),
        (
            "nlu:\n- intent: greet\n  metadata: {language: it}\n  examples: |\n    - ciao\n",
            "author is missing",
        ),
        ("nlu:\n- intent: greet\n  metadata: {author: it-1}\n", "block 1 .greet.: examples must be"),
        (
            "nlu:\n- intent: greet\n  metadata: {author: it-1}\n  examples: |\n    ciao\n",
            "must start with '- ': 'ciao'",
        ),
    ],
)
def test_a_broken_file_is_named_in_the_error(tmp_path, content, complaint):
    with pytest.raises(TrainingDataError, match=complaint):
        read_messages(write(tmp_path, content))


def test_all_languages_of_a_folder_are_read(tmp_path):
    write(tmp_path, FILE)
    write(tmp_path, FILE.replace("language: it", "language: nl"), "nl")
    assert list_languages(tmp_path) == ["it", "nl"]
    assert [m.language for m in list_messages(tmp_path)] == ["it", "it", None, "nl", "nl", None]


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(TrainingDataError, match="no training messages"):
        list_messages(tmp_path)


def test_the_projects_own_messages_hold_what_training_needs():
    messages = list_messages()
    by_language = {language: [m for m in messages if m.language == language] for language in list_languages()}
    for language, own in by_language.items():
        assert len({m.author for m in own}) >= 2, language
        assert len({m.label for m in own}) >= 20, language
    for message in messages:
        assert message.text == message.text.strip() != ""
        for entity in message.entities:
            assert message.text[entity.start : entity.end].strip() != ""


def test_the_last_author_of_a_language_writes_in_it():
    def by(author, language, times=1):
        return [TrainingMessage("hi", (), "greet", language, author)] * times

    messages = [*by("it-2", "it", 3), *by("it-9", "it", 3), *by("it-10", "it", 3), *by("de-1", "de", 3)]
    messages += [*by("it-10", "de", 1), *by("it-10", None, 9), *by("de-2", "de", 3), *by("nl-1", "nl", 3)]
    # By number, not by name; an Italian author's German does not count; an only author cannot be left out.
    assert last_authors(messages) == {"it-10", "de-2"}
