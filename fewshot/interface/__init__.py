"""The studio in the browser. The only place that imports gradio, and only when one of its modules is imported."""
