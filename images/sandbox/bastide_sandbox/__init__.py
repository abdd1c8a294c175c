"""The servers inside the sandbox images: code, browser, computer, gym. Python's standard library alone."""
