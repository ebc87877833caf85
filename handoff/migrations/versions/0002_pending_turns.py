"""pending turns: found by conversation; delays told; ids of customers and agents apart"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

PENDING = sa.text("turn_state = 'pending'")


def upgrade() -> None:
    with op.batch_alter_table("conversations") as batch_op:
        batch_op.add_column(sa.Column("delayed_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("messages") as batch_op:
        batch_op.drop_index("ix_messages_turn")
        batch_op.drop_column("turn_due_at")
        batch_op.drop_constraint("uq_messages_conversation_id_vendor_message_id", type_="unique")
        batch_op.create_unique_constraint(
            "uq_messages_conversation_id_author_vendor_message_id",
            ["conversation_id", "author", "vendor_message_id"],
        )
    op.create_index(
        "ix_messages_pending",
        "messages",
        ["conversation_id", "seq"],
        sqlite_where=PENDING,
        postgresql_where=PENDING,
    )


def downgrade() -> None:
    op.drop_index("ix_messages_pending", "messages")
    with op.batch_alter_table("messages") as batch_op:
        batch_op.drop_constraint("uq_messages_conversation_id_author_vendor_message_id", type_="unique")
        batch_op.create_unique_constraint(
            "uq_messages_conversation_id_vendor_message_id", ["conversation_id", "vendor_message_id"]
        )
        batch_op.add_column(sa.Column("turn_due_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index("ix_messages_turn", ["turn_state", "turn_due_at"])
    with op.batch_alter_table("conversations") as batch_op:
        batch_op.drop_column("delayed_at")
