import lzma
from pathlib import Path

import pytest

from bot.encoder.corpora import CorporaError, Pair, list_evaluation_pairs, list_pairs


def write(folder: Path, source: str, lines: list[str]) -> None:
    path = folder / "parallel" / f"{source}.tsv.xz"
    path.parent.mkdir(exist_ok=True)
    with lzma.open(path, "wt", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)


def test_pairs_of_the_languages_asked_for_are_read(tmp_path):
    write(tmp_path, "chatwoot", ["Send\tit\tInvia", "Send now\tit\tInvia ora", "Send now\tde\tJetzt senden"])
    pairs = list_pairs(tmp_path, {"it"}, seed=1)
    assert sorted(pairs, key=lambda pair: pair.english) == [
        Pair("Send", "it", "Invia", "chatwoot"),
        Pair("Send now", "it", "Invia ora", "chatwoot"),
    ]


def test_texts_too_short_or_too_long_are_left_out(tmp_path):
    write(tmp_path, "ui", ["OK\tit\tVa bene", "Long one\tit\t" + "x" * 301, "Good one\tit\tQuello buono"])
    assert [pair.english for pair in list_pairs(tmp_path, {"it"}, seed=1)] == ["Good one"]


def test_a_source_gives_at_most_its_share_of_a_language(tmp_path):
    write(tmp_path, "ofbiz", [f"Text number {n}\tit\tTesto numero {n}" for n in range(6000)])
    assert len(list_pairs(tmp_path, {"it"}, seed=1)) == 5000


def test_the_seed_alone_fixes_the_order(tmp_path):
    write(tmp_path, "ui", [f"Text number {n}\tit\tTesto numero {n}" for n in range(50)])
    assert list_pairs(tmp_path, {"it"}, seed=1) == list_pairs(tmp_path, {"it"}, seed=1)
    assert list_pairs(tmp_path, {"it"}, seed=1) != list_pairs(tmp_path, {"it"}, seed=2)


@pytest.mark.parametrize("source", ["ntrex", "shopify_taxonomy", "xquad"])
def test_what_must_not_be_trained_on_is_left_out(tmp_path, source):
    write(tmp_path, source, ["Some text\tit\tUn testo"])
    with pytest.raises(CorporaError, match="no parallel texts"):
        list_pairs(tmp_path, {"it"}, seed=1)


def test_evaluation_pairs_are_read_by_language_and_may_be_missing(tmp_path):
    assert list_evaluation_pairs(tmp_path, {"it"}) == {}
    write(tmp_path, "ntrex", ["Some text\tit\tUn testo", "Some text\tnl\tEen tekst"])
    assert [pair.text for pair in list_evaluation_pairs(tmp_path, {"it"})["it"]] == ["Un testo"]


def test_a_line_of_another_form_is_an_error_that_names_it(tmp_path):
    write(tmp_path, "ui", ["Some text\tit\tUn testo", "Some text\tit"])
    with pytest.raises(CorporaError, match="line 2 has 2 fields"):
        list_pairs(tmp_path, {"it"}, seed=1)
