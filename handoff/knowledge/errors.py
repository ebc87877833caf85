"""What can be wrong with an article."""

from __future__ import annotations

from handoff.errors import ConflictError, InvalidRequestError, NotFoundError


class InvalidArticleError(InvalidRequestError):
    """An unknown placeholder or language, a question that another article has, nothing left to say.

    `problem` is for the supervisor, in English: it names the place.
    """

    code = "invalid_article"

    def __init__(self, problem: str) -> None:
        super().__init__(problem, problem=problem)


class UnknownArticleError(NotFoundError):
    """No supervisor has written an article on this topic: those of files are mended in their files."""

    code = "unknown_article"


class ArticleChangedError(ConflictError):
    """Another supervisor saved an article in the same moment; nothing of this one was written."""
