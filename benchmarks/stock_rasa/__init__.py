"""Stock Rasa for comparison: the pipeline of `rasa init` on our own English and Italian messages."""
