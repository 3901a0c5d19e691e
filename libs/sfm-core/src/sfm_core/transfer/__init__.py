"""Moving namespaces: export and import as streams of lines, in constant memory."""

from sfm_core.transfer.exporting import Exports
from sfm_core.transfer.importing import Imports
from sfm_core.transfer.writing import Landing

__all__ = ["Exports", "Imports", "Landing"]
