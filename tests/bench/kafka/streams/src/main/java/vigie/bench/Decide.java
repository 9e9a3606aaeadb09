package vigie.bench;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import vigie.bench.Counters.Dimension;

/** Reads a mention, decides, counts, and hands on what goes out. */
final class Decide implements Processor<String, byte[], String, byte[]> {
  private static final long KEPT_SECONDS = 35L * 86400;
  private static final JsonFactory JSON = new JsonFactory();
  private static final byte[] NOTHING = {};
  private static final byte[] ALL = Counters.bytes("all");

  private final Matcher matcher;
  private final boolean themesOnly;
  private final byte[] brand;
  private final long[] measures = new long[Counters.MEASURES];
  private final long[] later = new long[Counters.MEASURES];
  private ProcessorContext<String, byte[]> context;
  private KeyValueStore<String, byte[]> seen;
  private Counters counters;

  Decide(Matcher.Rules rules, boolean themesOnly) {
    matcher = new Matcher(rules);
    brand = Counters.bytes("bench");
    this.themesOnly = themesOnly;
  }

  @Override
  public void init(ProcessorContext<String, byte[]> context) {
    this.context = context;
    seen = context.getStateStore("seen");
    counters = new Counters(context.getStateStore("counts"));
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
    boolean kept = verdict.brand() || !verdict.themes().isEmpty();
    String queue = verdict.brand() ? "social" : "community";
    if (mention.counts) {
      count(mention, verdict, kept, queue);
    }
    if (!kept) {
      return;
    }
    byte[] tagged = tagged(record.value(), verdict, queue);
    context.forward(record.withKey(key).withValue(tagged), "tagged");
    context.forward(
        record.withKey(mention.conversation()).withValue(tagged), "queue." + queue);
  }

  private void count(Mention mention, Matcher.Verdict verdict, boolean kept, String queue) {
    Arrays.fill(measures, 0);
    measures[Counters.MENTIONS] = 1;
    if (!kept) {
      if (!themesOnly) {
        counters.add(Dimension.ALL, ALL, NOTHING, mention.minute, measures);
        counters.add(
            Dimension.NETWORK, Counters.bytes(mention.network), NOTHING, mention.minute, measures);
      }
      return;
    }
    // The message counts when it was written, its engagement when it was seen; most are one minute.
    boolean together = mention.minute == mention.seenMinute;
    long[] engagement = together ? measures : later;
    Arrays.fill(later, 0);
    boolean any = false;
    for (int i = 0; i < Mention.ENGAGEMENT; ++i) {
      engagement[Counters.LIKES + i] = mention.engagement[i];
      any |= mention.engagement[i] != 0;
    }
    boolean twice = any && !together;
    if (themesOnly) {
      for (String theme : verdict.themes()) {
        add(Dimension.THEME, Counters.bytes(theme), NOTHING, mention, twice);
      }
      return;
    }
    byte[] network = Counters.bytes(mention.network);
    byte[] kind = Counters.bytes(mention.kind);
    byte[] author = Counters.bytes(mention.network + '/' + mention.author);
    add(Dimension.ALL, ALL, NOTHING, mention, twice);
    add(Dimension.NETWORK, network, NOTHING, mention, twice);
    add(Dimension.KIND, kind, NOTHING, mention, twice);
    add(Dimension.QUEUE, Counters.bytes(queue), NOTHING, mention, twice);
    add(Dimension.AUTHOR, author, NOTHING, mention, twice);
    if (verdict.brand()) {
      add(Dimension.BRAND, brand, NOTHING, mention, twice);
    }
    if (!mention.country.isEmpty()) {
      add(Dimension.COUNTRY, Counters.bytes(mention.country), NOTHING, mention, twice);
    }
    if (!mention.city.isEmpty()) {
      byte[] city = Counters.bytes(mention.country + '/' + mention.city);
      add(Dimension.CITY, city, NOTHING, mention, twice);
    }
    for (byte[] tag : mention.hashtags) {
      add(Dimension.HASHTAG, tag, NOTHING, mention, twice);
    }
    for (String name : verdict.themes()) {
      byte[] theme = Counters.bytes(name);
      add(Dimension.THEME, theme, NOTHING, mention, twice);
      add(Dimension.THEME_NETWORK, theme, network, mention, twice);
      add(Dimension.THEME_KIND, theme, kind, mention, twice);
      add(Dimension.THEME_AUTHOR, theme, author, mention, twice);
      for (byte[] tag : mention.hashtags) {
        add(Dimension.THEME_HASHTAG, theme, tag, mention, twice);
      }
      for (byte[] link : mention.links) {
        add(Dimension.THEME_LINK, theme, link, mention, twice);
      }
    }
    if (verdict.brand()) {
      Arrays.fill(measures, 0);
      measures[Counters.MENTIONS] = 1;
      counters.add(Dimension.AUTHOR_BRAND, author, brand, mention.minute, measures);
    }
  }

  private void add(
      Dimension dimension, byte[] id, byte[] other, Mention mention, boolean twice) {
    counters.add(dimension, id, other, mention.minute, measures);
    if (twice) {
      counters.add(dimension, id, other, mention.seenMinute, later);
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
    static final int ENGAGEMENT = 5; // likes replies shares views clicks

    String network = "";
    String id = "";
    String kind = "post";
    String text = "";
    String author = "";
    String country = "";
    String city = "";
    String conversationId;
    String inReplyTo;
    final List<byte[]> hashtags = new ArrayList<>(4);
    final List<byte[]> links = new ArrayList<>(4);
    long minute;
    long seenMinute;
    boolean counts;
    final long[] engagement = new long[ENGAGEMENT];

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
            case "kind" -> out.kind = parser.getText();
            case "text" -> out.text = value == JsonToken.VALUE_NULL ? "" : parser.getText();
            case "author" -> out.readAuthor(parser);
            case "place" -> out.readPlace(parser);
            case "hashtags" -> readTexts(parser, out.hashtags);
            case "links" -> readTexts(parser, out.links);
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
      out.minute = Math.floorDiv(created > seen + 120 ? seen : created, 60);
      out.seenMinute = Math.floorDiv(seen, 60);
      out.counts = created >= seen - KEPT_SECONDS;
      return out;
    }

    private void readAuthor(JsonParser parser) throws IOException {
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.currentName();
        parser.nextToken();
        if (name.equals("id")) {
          author = parser.getText();
        } else {
          parser.skipChildren();
        }
      }
    }

    private void readPlace(JsonParser parser) throws IOException {
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.currentName();
        parser.nextToken();
        switch (name) {
          case "country" -> country = parser.getText();
          case "city" -> city = parser.getText();
          default -> parser.skipChildren();
        }
      }
    }

    private static void readTexts(JsonParser parser, List<byte[]> out) throws IOException {
      while (parser.nextToken() != JsonToken.END_ARRAY) {
        out.add(Counters.bytes(parser.getText()));
      }
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
