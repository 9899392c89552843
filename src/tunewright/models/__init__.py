"""Models: loading, chat templates, the embedded Wren, methods that make weights trainable."""
