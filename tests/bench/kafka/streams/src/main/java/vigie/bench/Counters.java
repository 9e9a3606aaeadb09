package vigie.bench;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * Counters of series by the minute and by the hour, one store row a bucket. A key is `dimension id 0
 * other 0 granularity bucket`, a value a mask of the measures that are not zero and these as varints;
 * the store's cache keeps what is added to often.
 */
final class Counters {
  /** As the product numbers them, so that both can be compared. */
  enum Dimension {
    ALL(1, true),
    NETWORK(2, true),
    BRAND(3, true),
    THEME(5, true),
    QUEUE(7, true),
    KIND(8, true),
    AUTHOR(9, false),
    COUNTRY(10, true),
    CITY(11, true),
    HASHTAG(12, true),
    THEME_NETWORK(13, true),
    THEME_KIND(15, true),
    THEME_HASHTAG(17, false),
    THEME_LINK(18, false),
    THEME_AUTHOR(19, false),
    AUTHOR_BRAND(22, false);

    final byte number;
    final boolean minutes; // of the others there are too many for a bucket a minute

    Dimension(int number, boolean minutes) {
      this.number = (byte) number;
      this.minutes = minutes;
    }
  }

  static final int MEASURES = 9;
  static final int MENTIONS = 0;
  static final int LIKES = 3; // then replies, shares, views, clicks

  private final KeyValueStore<byte[], byte[]> store;
  private final byte[] value = new byte[2 + MEASURES * 10];
  private final long[] sum = new long[MEASURES];

  Counters(KeyValueStore<byte[], byte[]> store) {
    this.store = store;
  }

  static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** Adds to the minute's bucket, if the dimension has minutes, and to its hour's. */
  void add(Dimension dimension, byte[] id, byte[] other, long minute, long[] measures) {
    byte[] key = new byte[id.length + other.length + 8];
    key[0] = dimension.number;
    System.arraycopy(id, 0, key, 1, id.length);
    System.arraycopy(other, 0, key, 2 + id.length, other.length);
    int at = key.length - 5;
    if (dimension.minutes) {
      byte[] hour = key.clone();
      add(bucket(key, at, 'm', minute), measures);
      key = hour;
    }
    add(bucket(key, at, 'h', Math.floorDiv(minute, 60)), measures);
  }

  private static byte[] bucket(byte[] key, int at, char granularity, long bucket) {
    key[at] = (byte) granularity;
    for (int i = 0; i < 4; ++i) {
      key[at + 1 + i] = (byte) (bucket >> (24 - 8 * i));
    }
    return key;
  }

  private void add(byte[] key, long[] measures) {
    byte[] old = store.get(key);
    System.arraycopy(measures, 0, sum, 0, MEASURES);
    if (old != null) {
      read(old);
    }
    store.put(key, write());
  }

  private void read(byte[] old) {
    int mask = (old[0] & 0xff) << 8 | old[1] & 0xff;
    int at = 2;
    for (int i = 0; i < MEASURES; ++i) {
      if ((mask >> i & 1) == 0) {
        continue;
      }
      long bits = 0;
      for (int shift = 0; ; shift += 7) {
        byte next = old[at++];
        bits |= (next & 0x7fL) << shift;
        if (next >= 0) {
          break;
        }
      }
      sum[i] += bits >>> 1 ^ -(bits & 1);
    }
  }

  private byte[] write() {
    int mask = 0;
    int at = 2;
    for (int i = 0; i < MEASURES; ++i) {
      if (sum[i] == 0) {
        continue;
      }
      mask |= 1 << i;
      long bits = sum[i] << 1 ^ sum[i] >> 63;
      while ((bits & ~0x7fL) != 0) {
        value[at++] = (byte) (bits | 0x80);
        bits >>>= 7;
      }
      value[at++] = (byte) bits;
    }
    value[0] = (byte) (mask >> 8);
    value[1] = (byte) mask;
    return Arrays.copyOf(value, at);
  }
}
