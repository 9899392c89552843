"""Speed and memory beside named peers; how they are run stands in README.md."""
