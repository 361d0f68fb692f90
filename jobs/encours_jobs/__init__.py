"""The batch jobs of Encours and their command line: parse, call the engine, print."""
