"""How long the layers of a network take on a runtime: measured one by one, kept in tables, added up."""
