"""Pictures of a pipeline graph: text, Mermaid, DOT, SVG."""
