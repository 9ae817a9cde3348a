"""The engine: frozen problems in, plans and slots out. It opens no database and knows no clock."""
