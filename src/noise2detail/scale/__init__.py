"""Series larger than memory: planned in units, done by one machine or many, resumed where they ended."""
