// This room opens in a later commit.
