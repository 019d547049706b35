"""What should not be learned from: copies, pictures of no cell, and images whose copies disagree on the label.

``examine`` reports and never deletes: every image keeps its row, and nothing of the input is changed.
"""

from bloodcells.cleaning.examination import examine
from bloodcells.cleaning.settings import CleaningSettings
from bloodcells.cleaning.table import CleaningTable

__all__ = ["CleaningSettings", "CleaningTable", "examine"]
