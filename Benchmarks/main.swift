print("berth-bench: nothing to measure yet")
