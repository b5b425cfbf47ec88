"""Tables: from files to matrices, and from a model's answers back to the table's words.

`Encoder` learns from a data frame, a dict of columns or an array how to turn rows into numbers, and travels
with the model. `read_table` and `write_table` read and write CSV, NPZ and Parquet, `read_blocks` and `write_blocks` a
block of rows at a time; `split` draws a test set.

Examples
--------
>>> import io
>>> from sprat import tabular
>>> table = tabular.read_table(io.StringIO("height,colour,price\\n1.5,red,10\\n2.5,blue,30.5\\n"))
>>> encoder = tabular.Encoder.fit(table, target="price")
>>> encoder
Encoder(2 columns -> 3 features, regression)
>>> encoder.transform(table)
array([[-1.,  0.,  1.],
       [ 1.,  1.,  0.]], dtype=float32)
"""

from .blocks import read_blocks, write_blocks
from .encoder import Encoder
from .files import read_table, write_table
from .splits import split

__all__ = ["Encoder", "read_blocks", "read_table", "split", "write_blocks", "write_table"]
