# Berth. `make help` lists what can be made.
SHELL := /bin/bash
