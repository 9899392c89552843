"""Data: where records come from (`sources`, `read`, `synth`), and what makes them fit to train and to judge on
(`clean`, `split`, `leakage`, `infer`)."""
