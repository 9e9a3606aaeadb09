package vigie.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.text.Normalizer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Finds the words and phrases of all rules in one pass (Aho-Corasick over folded text, a table of
 * next states), then asks the few themes that a word of theirs was found for.
 */
final class Matcher {
  record Verdict(boolean brand, List<String> themes) {}

  /** A theme is `(all of words) OR phrase`; the brand is any of its words. */
  record Theme(String id, int[] all, int phrase) {}

  static final class Rules {
    final List<String> patterns = new ArrayList<>();
    final List<Theme> themes = new ArrayList<>();
    final BitSet brand = new BitSet();
    int[][] themesOf; // of each pattern
    int[] next; // state * SYMBOLS + symbol
    int[][] found; // patterns that end in a state

    static Rules read(Path file) throws IOException {
      Rules rules = new Rules();
      Map<String, Integer> known = new HashMap<>();
      JsonNode root = new ObjectMapper().readTree(file.toFile());
      for (JsonNode word : root.get("brand")) {
        rules.brand.set(rules.pattern(known, word.asText()));
      }
      for (JsonNode theme : root.get("themes")) {
        JsonNode words = theme.get("all");
        int[] all = new int[words.size()];
        for (int i = 0; i < all.length; ++i) {
          all[i] = rules.pattern(known, words.get(i).asText());
        }
        int phrase = rules.pattern(known, theme.get("phrase").asText());
        rules.themes.add(new Theme(theme.get("id").asText(), all, phrase));
      }
      rules.compile();
      return rules;
    }

    private int pattern(Map<String, Integer> known, String words) {
      return known.computeIfAbsent(
          ' ' + words + ' ',
          text -> {
            patterns.add(text);
            return patterns.size() - 1;
          });
    }

    private void compile() {
      int most = 1;
      for (String pattern : patterns) {
        most += pattern.length();
      }
      next = new int[most * SYMBOLS];
      Arrays.fill(next, -1);
      List<List<Integer>> ends = new ArrayList<>();
      ends.add(new ArrayList<>());
      for (int i = 0; i < patterns.size(); ++i) {
        int state = 0;
        for (char c : patterns.get(i).toCharArray()) {
          int at = state * SYMBOLS + symbol(c);
          if (next[at] < 0) {
            next[at] = ends.size();
            ends.add(new ArrayList<>());
          }
          state = next[at];
        }
        ends.get(state).add(i);
      }
      link(ends);
      found = ends.stream().map(l -> l.stream().mapToInt(i -> i).toArray()).toArray(int[][]::new);
      List<List<Integer>> of = new ArrayList<>();
      patterns.forEach(p -> of.add(new ArrayList<>()));
      for (int t = 0; t < themes.size(); ++t) {
        for (int word : themes.get(t).all()) {
          of.get(word).add(t);
        }
        of.get(themes.get(t).phrase()).add(t);
      }
      themesOf = of.stream().map(l -> l.stream().mapToInt(i -> i).toArray()).toArray(int[][]::new);
    }

    private void link(List<List<Integer>> ends) {
      int[] back = new int[ends.size()];
      ArrayDeque<Integer> queue = new ArrayDeque<>();
      for (int s = 0; s < SYMBOLS; ++s) {
        if (next[s] < 0) {
          next[s] = 0;
        } else {
          queue.add(next[s]);
        }
      }
      while (!queue.isEmpty()) {
        int state = queue.remove();
        ends.get(state).addAll(ends.get(back[state]));
        for (int s = 0; s < SYMBOLS; ++s) {
          int at = state * SYMBOLS + s;
          int otherwise = next[back[state] * SYMBOLS + s];
          if (next[at] < 0) {
            next[at] = otherwise;
          } else {
            back[next[at]] = otherwise;
            queue.add(next[at]);
          }
        }
      }
    }
  }

  private static final int SYMBOLS = 38; // a-z 0-9, the end of a word, any other letter
  private static final int SPACE = 36;
  private static final int OTHER = 37;

  private static int symbol(char c) {
    if (c >= 'a' && c <= 'z') {
      return c - 'a';
    }
    if (c >= 'A' && c <= 'Z') {
      return c - 'A';
    }
    if (c >= '0' && c <= '9') {
      return c - '0' + 26;
    }
    return c < 128 || !Character.isLetterOrDigit(c) ? SPACE : OTHER;
  }

  private final Rules rules;
  private final BitSet hit = new BitSet();
  private final BitSet asked = new BitSet();

  Matcher(Rules rules) {
    this.rules = rules;
  }

  Verdict match(String text) {
    hit.clear();
    String folded = isAscii(text) ? text : fold(text);
    int state = step(0, SPACE);
    boolean inWord = false;
    for (int i = 0; i < folded.length(); ++i) {
      int symbol = symbol(folded.charAt(i));
      if (symbol == SPACE && !inWord) {
        continue; // words are parted once, however much stands between them
      }
      inWord = symbol != SPACE;
      state = step(state, symbol);
    }
    step(state, SPACE);
    return verdict();
  }

  private int step(int state, int symbol) {
    int after = rules.next[state * SYMBOLS + symbol];
    for (int pattern : rules.found[after]) {
      hit.set(pattern);
    }
    return after;
  }

  private Verdict verdict() {
    List<String> themes = new ArrayList<>(4);
    asked.clear();
    for (int p = hit.nextSetBit(0); p >= 0; p = hit.nextSetBit(p + 1)) {
      for (int theme : rules.themesOf[p]) {
        if (!asked.get(theme) && holds(rules.themes.get(theme))) {
          asked.set(theme);
        }
      }
    }
    for (int t = asked.nextSetBit(0); t >= 0; t = asked.nextSetBit(t + 1)) {
      themes.add(rules.themes.get(t).id());
    }
    return new Verdict(hit.intersects(rules.brand), themes);
  }

  private boolean holds(Theme theme) {
    if (hit.get(theme.phrase())) {
      return true;
    }
    for (int word : theme.all()) {
      if (!hit.get(word)) {
        return false;
      }
    }
    return true;
  }

  private static boolean isAscii(String text) {
    for (int i = 0; i < text.length(); ++i) {
      if (text.charAt(i) >= 128) {
        return false;
      }
    }
    return true;
  }

  private static String fold(String text) {
    StringBuilder out = new StringBuilder(text.length());
    for (char c : Normalizer.normalize(text, Normalizer.Form.NFKD).toLowerCase().toCharArray()) {
      if (Character.getType(c) != Character.NON_SPACING_MARK) {
        out.append(c);
      }
    }
    return out.toString();
  }
}
