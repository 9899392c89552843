"""How weights are made trainable. One file a method: `attach(model, options, seed)`, `save(model, folder)`, `SAVED_AS`."""
