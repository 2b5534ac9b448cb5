"""The compiler's pure core: language, planner, proof, importer."""
