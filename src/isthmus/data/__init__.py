"""What users pass, made into arrays: columns checked, rows scaled and padded, files read and written."""

from ._automatic import automatic_scaling as automatic_scaling
from ._base import AbstractScaling as AbstractScaling
from ._base import Affine as Affine
from ._columns import check_columns as check_columns
from ._common import Common as Common
from ._formats import read_rows as read_rows
from ._formats import write_rows as write_rows
from ._min_max import MinMax as MinMax
from ._moments import Moments as Moments
from ._moments import moments as moments
from ._rows import bucket as bucket
from ._rows import padded_rows as padded_rows
from ._rows import row_blocks as row_blocks
from ._standard import Standard as Standard
from ._table import Table as Table
from ._unit_range import UnitRange as UnitRange

__all__ = [
    "AbstractScaling",
    "Affine",
    "Common",
    "MinMax",
    "Moments",
    "Standard",
    "Table",
    "UnitRange",
    "automatic_scaling",
    "bucket",
    "check_columns",
    "moments",
    "padded_rows",
    "read_rows",
    "row_blocks",
    "write_rows",
]
