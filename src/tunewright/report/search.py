def build(folder): pass
