"""knowledge: articles written through the API, and what customers said of articles"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "knowledge_articles",
        sa.Column("topic", sa.String(80), nullable=False),
        sa.Column("texts", sa.JSON(), nullable=False),
        sa.Column("related", sa.JSON(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["changed_by"], ["agents.id"], name="fk_knowledge_articles_changed_by_agents"
        ),
        sa.PrimaryKeyConstraint("topic", name="pk_knowledge_articles"),
        sa.UniqueConstraint("revision", name="uq_knowledge_articles_revision"),
    )
    op.create_table(
        "article_scores",
        sa.Column("topic", sa.String(80), nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("helped", sa.Integer(), nullable=False),
        sa.Column("not_helped", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "language", name="pk_article_scores"),
    )


def downgrade() -> None:
    op.drop_table("article_scores")
    op.drop_table("knowledge_articles")
