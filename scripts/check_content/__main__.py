"""Prints how alike the messages of each label are, and every problem; ends with 1 if there is one.

Runs in .venv: `python -m scripts.check_content`.
"""

import sys

from scripts.check_content.articles import check_articles
from scripts.check_content.catalogues import check_catalogues
from scripts.check_content.keys import check_keys
from scripts.check_content.messages import check_messages


def main() -> int:
    report = check_messages()
    print("content: how alike the messages of a label are (mean overlap with the most similar one)")
    for line in report.lines():
        print(line)
    problems = [*check_catalogues(), *check_keys(), *check_articles(), *report.problems]
    for problem in problems:
        print(problem)
    print(f"content: {len(problems)} problems" if problems else "content: in order")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
