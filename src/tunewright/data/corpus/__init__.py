"""What Wren, the embedded base model, is pretrained on.

Random-schema documents, copy drills, questions about passages, and prose; see `mixture.py` for the whole.
Nothing here is a job's data: the keys of the shipped recipes' schemas are kept out (`notions.RESERVED_KEYS`).
"""
