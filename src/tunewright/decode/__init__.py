"""Decoding: batches, grammars, drafts, and the way from documents to answers."""
