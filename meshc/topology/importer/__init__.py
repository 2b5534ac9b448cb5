"""From existing wg-quick files back to a topology: `meshc import`."""

from meshc.topology.importer.comment_names import with_comment_names
from meshc.topology.importer.inference import Imported, ImportedNode, infer
from meshc.topology.importer.topology_text import document

__all__ = ["Imported", "ImportedNode", "document", "infer", "with_comment_names"]
