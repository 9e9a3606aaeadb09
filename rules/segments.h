#pragma once

namespace vigie {

// The end of the word segment (UAX #29, Unicode 15.0) that starts at `begin`, which is before
// `end`.
const char* segment_end(const char* begin, const char* end);

// The same with the changes of our words: `:` never joins, `.` only joins numbers, and in scripts
// written without spaces a segment is one grapheme cluster.
const char* word_segment_end(const char* begin, const char* end);

}  // namespace vigie
