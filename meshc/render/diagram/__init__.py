"""Pictures of a network: mermaid, dot, SVG and one self-contained HTML page."""
