"""From existing wg-quick files back to a topology: `meshc import`."""

from meshc.topology.importer.document import document
from meshc.topology.importer.infer import Imported, ImportedNode, infer

__all__ = ["Imported", "ImportedNode", "document", "infer"]
