"""How weights are made trainable, one file a method:
`attach(model, options, seed)`, `save(model, folder)`, `SAVED_AS`."""
