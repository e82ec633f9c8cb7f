"""The paper's study on mixtures of Markov chains (sec. 5, app. H), on the library's own losses."""
