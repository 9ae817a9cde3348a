"""How Alembic reaches the database: on the connection `hub.db.schema.upgrade` hands over."""

from alembic import context

from hub.db.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, compare_server_default=False)
with context.begin_transaction():
    context.run_migrations()
