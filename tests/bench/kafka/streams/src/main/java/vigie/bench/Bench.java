package vigie.bench;

import java.nio.file.Path;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.state.Stores;

/**
 * Vigie's work as a Kafka Streams application: what somebody who knows Streams would write for it.
 * Two threads were faster than one; other settings follow its documentation and were not searched.
 *
 * <p>It does what Vigie does in: reading the JSON of a mention, finding the words and phrases of the
 * rules, dropping a message that came before, counting by minute and hour in each dimension that these
 * mentions and rules have, writing the tagged mention and its queue record, exactly once.
 *
 * <p>It does less: it knows creates only (no edits, deletes, hiding, erasures), matches folded words
 * and phrases and no other query, keeps no sets of authors and tells no questions, remembers eight
 * bytes of a message where Vigie keeps a record from which all of it can be taken back, names authors
 * as they are where Vigie hashes them under a key, copies the mention's bytes instead of writing it
 * anew, writes no conversations, no first sights of authors, no
 * cuts for alerts, forgets no bucket that has expired, and keeps no order between partitions. It does
 * nothing that Vigie does not. With COUNTERS `themes` it counts themes alone.
 *
 * <p>Arguments: BOOTSTRAP PREFIX RULES STATE-DIRECTORY THREADS GUARANTEE COUNTERS
 */
public final class Bench {
  private Bench() {}

  public static void main(String[] arguments) throws Exception {
    String prefix = arguments[1];
    Matcher.Rules rules = Matcher.Rules.read(Path.of(arguments[2]));
    KafkaStreams streams =
        new KafkaStreams(
            topology(prefix, rules, arguments[6].equals("themes")), settings(arguments, prefix));
    streams.setUncaughtExceptionHandler(
        error -> {
          error.printStackTrace();
          return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
    Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
    streams.start();
  }

  private static Topology topology(String prefix, Matcher.Rules rules, boolean themesOnly) {
    var string = Serdes.String();
    var bytes = Serdes.ByteArray();
    Topology topology = new Topology();
    topology.addSource(
        "mentions", string.deserializer(), bytes.deserializer(), prefix + "mentions");
    topology.addProcessor("decide", () -> new Decide(rules, themesOnly), "mentions");
    topology.addStateStore(
        Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore("seen"), string, bytes)
            .withCachingEnabled()
            .withLoggingEnabled(Map.of()),
        "decide");
    topology.addStateStore(
        Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore("counts"), bytes, bytes)
            .withCachingEnabled()
            .withLoggingEnabled(Map.of()),
        "decide");
    for (String sink : new String[] {"tagged", "queue.social", "queue.community"}) {
      topology.addSink(
          sink, prefix + sink, string.serializer(), bytes.serializer(), "decide");
    }
    return topology;
  }

  private static Properties settings(String[] arguments, String prefix) {
    Properties out = new Properties();
    out.put(StreamsConfig.APPLICATION_ID_CONFIG, prefix + "streams");
    out.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
    out.put(StreamsConfig.STATE_DIR_CONFIG, arguments[3]);
    out.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, arguments[4]);
    out.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, arguments[5]);
    out.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 200);
    out.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 64L << 20);
    out.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
    out.put(StreamsConfig.ROCKSDB_CONFIG_SETTER_CLASS_CONFIG, RocksSettings.class);
    out.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
    out.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 5000);
    out.put(StreamsConfig.consumerPrefix(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG), 6000);
    out.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 5000);
    out.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), "lz4");
    out.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 256 << 10);
    out.put(StreamsConfig.producerPrefix(ProducerConfig.BUFFER_MEMORY_CONFIG), 64L << 20);
    return out;
  }
}
