"""Writes the rows of a Parquet file as a new Delta table with delta-rs, again for each line that comes in; prints the seconds by the clock and of processor time."""
import sys
import time

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import WriterProperties, write_deltalake

source = sys.argv[1]
properties = WriterProperties(compression="ZSTD", compression_level=3)
for line in sys.stdin:
    file = pq.ParquetFile(source)
    began, used = time.perf_counter(), time.process_time()
    reader = pa.RecordBatchReader.from_batches(file.schema_arrow, file.iter_batches(batch_size=122_880))
    write_deltalake(line.strip(), reader, writer_properties=properties, target_file_size=1 << 40)
    print(time.perf_counter() - began, time.process_time() - used, flush=True)
