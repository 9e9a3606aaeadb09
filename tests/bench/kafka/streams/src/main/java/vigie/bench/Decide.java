package vigie.bench;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.OffsetDateTime;
import java.util.List;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/** Reads a mention, decides, counts, and hands on what goes out. */
final class Decide implements Processor<String, byte[], String, byte[]> {
  private static final int MEASURES = 6; // mentions likes replies shares views clicks
  private static final long KEPT_SECONDS = 35L * 86400;
  private static final JsonFactory JSON = new JsonFactory();

  private final Matcher matcher;
  private ProcessorContext<String, byte[]> context;
  private KeyValueStore<String, byte[]> seen;
  private KeyValueStore<String, byte[]> counts;
  private String partition;

  Decide(Matcher.Rules rules) {
    matcher = new Matcher(rules);
  }

  @Override
  public void init(ProcessorContext<String, byte[]> context) {
    this.context = context;
    seen = context.getStateStore("seen");
    counts = context.getStateStore("counts");
    partition = context.taskId().partition() + " ";
  }

  @Override
  public void process(Record<String, byte[]> record) {
    Mention mention = Mention.read(record.value());
    String key = mention.network + '/' + mention.id;
    if (seen.get(key) != null) {
      return;
    }
    seen.put(key, ByteBuffer.allocate(8).putLong(mention.text.hashCode()).array());
    Matcher.Verdict verdict = matcher.match(mention.text);
    if (!verdict.brand() && verdict.themes().isEmpty()) {
      return;
    }
    if (mention.counts) {
      count(verdict.themes(), mention);
    }
    String queue = verdict.brand() ? "social" : "community";
    byte[] tagged = tagged(record.value(), verdict, queue);
    context.forward(record.withKey(key).withValue(tagged), "tagged");
    context.forward(
        record.withKey(mention.conversation()).withValue(tagged), "queue." + queue);
  }

  private void count(List<String> themes, Mention mention) {
    for (String theme : themes) {
      String key = partition + theme + ' ' + mention.hour;
      byte[] old = counts.get(key);
      ByteBuffer next = ByteBuffer.allocate(MEASURES * Long.BYTES);
      ByteBuffer before = old == null ? ByteBuffer.allocate(MEASURES * Long.BYTES) : ByteBuffer.wrap(old);
      next.putLong(before.getLong() + 1);
      for (long more : mention.engagement) {
        next.putLong(before.getLong() + more);
      }
      counts.put(key, next.array());
    }
  }

  /** The mention as it came, with the decision behind its own fields. */
  private static byte[] tagged(byte[] mention, Matcher.Verdict verdict, String queue) {
    StringBuilder out = new StringBuilder(128).append(",\"themes\":[");
    for (int i = 0; i < verdict.themes().size(); ++i) {
      out.append(i == 0 ? "\"" : ",\"").append(verdict.themes().get(i)).append('"');
    }
    out.append("],\"brand\":").append(verdict.brand());
    out.append(",\"queue\":\"").append(queue).append("\",\"priority\":\"normal\"}");
    byte[] decision = out.toString().getBytes(StandardCharsets.US_ASCII);
    byte[] both = new byte[mention.length - 1 + decision.length];
    System.arraycopy(mention, 0, both, 0, mention.length - 1);
    System.arraycopy(decision, 0, both, mention.length - 1, decision.length);
    return both;
  }

  /** The fields of a mention that the work needs; the parser has been over all of it. */
  private static final class Mention {
    String network = "";
    String id = "";
    String text = "";
    String conversationId;
    String inReplyTo;
    long hour;
    boolean counts;
    final long[] engagement = new long[MEASURES - 1];

    static Mention read(byte[] bytes) {
      Mention out = new Mention();
      long created = 0;
      long seen = 0;
      try (JsonParser parser = JSON.createParser(bytes)) {
        parser.nextToken();
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
          String name = parser.currentName();
          JsonToken value = parser.nextToken();
          switch (name) {
            case "network" -> out.network = parser.getText();
            case "id" -> out.id = parser.getText();
            case "text" -> out.text = value == JsonToken.VALUE_NULL ? "" : parser.getText();
            case "conversation_id" -> out.conversationId = parser.getValueAsString();
            case "in_reply_to" -> out.inReplyTo = parser.getValueAsString();
            case "created_at" -> created = OffsetDateTime.parse(parser.getText()).toEpochSecond();
            case "seen_at" -> seen = OffsetDateTime.parse(parser.getText()).toEpochSecond();
            case "engagement" -> out.readEngagement(parser);
            default -> parser.skipChildren();
          }
        }
      } catch (IOException error) {
        throw new UncheckedIOException(error);
      }
      // What is dated ahead counts at its receipt, what is older than the counters are not at all.
      out.hour = (created > seen + 120 ? seen : created) / 3600;
      out.counts = created >= seen - KEPT_SECONDS;
      return out;
    }

    private void readEngagement(JsonParser parser) throws IOException {
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.currentName();
        parser.nextToken();
        int at = List.of("likes", "replies", "shares", "views", "clicks").indexOf(name);
        if (at >= 0) {
          engagement[at] = parser.getValueAsLong();
        }
      }
    }

    String conversation() {
      return network + '/' + (conversationId != null ? conversationId : inReplyTo != null ? inReplyTo : id);
    }
  }
}
