"""joined references"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_JOINTS = " \u00a0\u202f-\u2010\u2011\u2012\u2013\u2014._/"


def upgrade() -> None:
    """Find an order by its reference however that is written, and by its beginning under any collation."""
    op.drop_index("ix_work_order_reference", "work_order")
    joined = sa.text(f"translate(upper(external_id), '{_JOINTS}', '') text_pattern_ops")
    op.create_index("ix_work_order_reference", "work_order", [joined])


def downgrade() -> None:
    """Know a reference by its spaces and case alone again."""
    op.drop_index("ix_work_order_reference", "work_order")
    op.create_index("ix_work_order_reference", "work_order", [sa.text("upper(replace(external_id, ' ', ''))")])
