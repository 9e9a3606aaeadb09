package vigie.bench;

import java.util.Map;
import org.apache.kafka.streams.state.RocksDBConfigSetter;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.BloomFilter;
import org.rocksdb.Cache;
import org.rocksdb.LRUCache;
import org.rocksdb.Options;
import org.rocksdb.WriteBufferManager;

/** One cache and one budget of memtables for all stores, as large as Vigie's: 64 MB each. */
public final class RocksSettings implements RocksDBConfigSetter {
  private static final Cache CACHE = new LRUCache(128L << 20);
  private static final WriteBufferManager BUFFERS = new WriteBufferManager(64L << 20, CACHE);

  @Override
  public void setConfig(String store, Options options, Map<String, Object> configs) {
    BlockBasedTableConfig table = (BlockBasedTableConfig) options.tableFormatConfig();
    table.setBlockCache(CACHE);
    table.setCacheIndexAndFilterBlocks(true);
    table.setFilterPolicy(new BloomFilter(10));
    options.setTableFormatConfig(table);
    options.setWriteBufferManager(BUFFERS);
    options.setWriteBufferSize(32L << 20);
  }

  @Override
  public void close(String store, Options options) {}
}
