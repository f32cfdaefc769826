// This driver comes in a later commit.
