def odd_shapes(connection, cipher): return []
def pending(connection): return []
def drift(connection): return []
def cannot_go_back(connection, cipher): return []
