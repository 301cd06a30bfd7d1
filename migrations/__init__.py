"""How a database comes to the tables of core.models: from nothing, or from the legacy product's tables."""
