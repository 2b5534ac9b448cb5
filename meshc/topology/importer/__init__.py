"""From existing wg-quick files back to a topology: `meshc import`."""

from meshc.topology.importer.inference import Imported, ImportedNode, infer
from meshc.topology.importer.peer_comments import with_comments
from meshc.topology.importer.topology_text import document

__all__ = ["Imported", "ImportedNode", "document", "infer", "with_comments"]
