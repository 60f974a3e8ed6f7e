"""Taking a run home: its files, each made by one function here, for Python, the command line and the page alike."""
