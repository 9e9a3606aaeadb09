#include "rules/segments.h"

#include "rules/characters.h"

namespace vigie {

namespace {

struct Step {
  const char* after = nullptr;  // null at the end of the text
  WordBreak kind = WordBreak::Other;
  bool pictographic = false;
  bool cluster = false;
};

bool is_letter(WordBreak kind) {
  return kind == WordBreak::Letter || kind == WordBreak::Hebrew;
}
bool is_tail(WordBreak kind) {
  return kind == WordBreak::Extend || kind == WordBreak::Zwj;
}
bool is_line(WordBreak kind) {
  return kind == WordBreak::Newline || kind == WordBreak::Cr || kind == WordBreak::Lf;
}

template <bool kTailored>
Step step_at(const char* at, const char* end) {
  if (at >= end) return {};
  const Decoded next = decode(at, end);
  const Character& character = Characters::of(next.code_point);
  Step step;
  step.after = at + next.size;
  step.kind = character.word_break;
  step.pictographic = character.is(Character::kPictographic);
  step.cluster = kTailored && character.is(Character::kCluster) && !is_tail(step.kind);
  if (kTailored && step.kind == WordBreak::Colon) step.kind = WordBreak::Other;
  if (!kTailored && step.kind == WordBreak::Colon) step.kind = WordBreak::MidLetter;
  if (!kTailored && step.kind == WordBreak::Dot) step.kind = WordBreak::MidNumLet;
  return step;
}

// WB5, WB8 to WB10, WB13 to WB13b: what joins without looking further.
bool joins(WordBreak before, WordBreak after) {
  const bool alphanumeric_before = is_letter(before) || before == WordBreak::Numeric;
  const bool alphanumeric_after = is_letter(after) || after == WordBreak::Numeric;
  if (alphanumeric_before && alphanumeric_after) return true;
  if (before == WordBreak::Katakana && after == WordBreak::Katakana) return true;
  if (after == WordBreak::ExtendNumLet) {
    return alphanumeric_before || before == WordBreak::Katakana ||
           before == WordBreak::ExtendNumLet;
  }
  return before == WordBreak::ExtendNumLet && (alphanumeric_after || after == WordBreak::Katakana);
}

// WB6 and WB7, WB7b and WB7c, WB11 and WB12: whether `middle` joins what stands on its two sides.
bool bridges(WordBreak before, WordBreak middle, WordBreak after) {
  const bool letter_or_number = middle == WordBreak::MidNumLet || middle == WordBreak::SingleQuote;
  if (is_letter(before) && is_letter(after) && (letter_or_number || middle == WordBreak::MidLetter))
    return true;
  if (before == WordBreak::Numeric && after == WordBreak::Numeric) {
    return letter_or_number || middle == WordBreak::MidNum || middle == WordBreak::Dot;
  }
  return before == WordBreak::Hebrew && middle == WordBreak::DoubleQuote &&
         after == WordBreak::Hebrew;
}

bool is_middle(WordBreak kind) {
  switch (kind) {
    case WordBreak::MidLetter:
    case WordBreak::MidNum:
    case WordBreak::MidNumLet:
    case WordBreak::Dot:
    case WordBreak::SingleQuote:
    case WordBreak::DoubleQuote:
      return true;
    default:
      return false;
  }
}

// The end of the cluster whose first code point ends at `at`. A few Han signs are pictographs: a
// joiner right before another one joins both (GB11).
const char* cluster_end(const char* at, const char* end, bool pictographic) {
  bool joined = false;
  while (at < end) {
    const Decoded next = decode(at, end);
    const Character& character = Characters::of(next.code_point);
    const bool is_tail = character.is(Character::kClusterTail);
    if (!is_tail && !(joined && character.is(Character::kPictographic))) break;
    joined = pictographic && character.word_break == WordBreak::Zwj;
    at += next.size;
  }
  return at;
}

template <bool kTailored>
const char* end_of_segment(const char* begin, const char* end) {
  if (begin >= end) return end;
  const Step current = step_at<kTailored>(begin, end);
  if (current.cluster) return cluster_end(current.after, end, current.pictographic);
  if (current.kind == WordBreak::Cr) {
    const Step next = step_at<kTailored>(current.after, end);
    return next.after != nullptr && next.kind == WordBreak::Lf ? next.after : current.after;
  }
  if (is_line(current.kind)) return current.after;

  const char* at = current.after;
  WordBreak before = current.kind;  // the last code point that is no tail (WB4)
  WordBreak last = current.kind;    // the last code point
  while (true) {
    const Step next = step_at<kTailored>(at, end);
    if (next.after == nullptr || is_line(next.kind)) return at;
    if (is_tail(next.kind)) {
      at = next.after;
      last = next.kind;
      continue;
    }
    if (next.cluster) return at;
    const bool after_zwj = last == WordBreak::Zwj && next.pictographic;
    const bool in_spaces = last == WordBreak::Space && next.kind == WordBreak::Space;
    if (after_zwj || in_spaces || joins(before, next.kind)) {
      at = next.after;
      before = last = next.kind;
      continue;
    }
    if (before == WordBreak::RegionalIndicator && next.kind == WordBreak::RegionalIndicator) {
      at = next.after;
      before = last = WordBreak::Other;  // a third one starts the next flag
      continue;
    }
    if (!is_middle(next.kind)) return at;
    Step after = step_at<kTailored>(next.after, end);
    while (after.after != nullptr && is_tail(after.kind))
      after = step_at<kTailored>(after.after, end);
    if (after.after != nullptr && !after.cluster && bridges(before, next.kind, after.kind)) {
      at = after.after;
      before = last = after.kind;
      continue;
    }
    if (before != WordBreak::Hebrew || next.kind != WordBreak::SingleQuote) return at;
    at = next.after;
    before = last = WordBreak::SingleQuote;  // WB7a
  }
}

}  // namespace

const char* segment_end(const char* begin, const char* end) {
  return end_of_segment<false>(begin, end);
}

const char* word_segment_end(const char* begin, const char* end) {
  return end_of_segment<true>(begin, end);
}

}  // namespace vigie
