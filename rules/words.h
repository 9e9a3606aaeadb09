#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace vigie {

// What a text is cut into. Positions count words and entities from 0, in the order of the text.
enum class WordKind : std::uint8_t { Word, Url, Handle, Hashtag, Cashtag, Emoji };

// One word or entity of a cut text: bytes [begin, end) of the text, and its folded form. `folded`
// is a view into the CutText that made it. Of a hashtag, handle or cashtag `folded` is without its
// sigil; of a URL it is the URL folded; of an emoji its form without skin tone and variation
// selectors.
struct Word {
  WordKind kind = WordKind::Word;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  std::string_view folded;
};

// Cuts text into words and entities and folds each, as the language of rules defines it
// (LANGUAGE.md): one function for rules and for text. Keeps its buffers from one call to the next;
// one thread.
class CutText {
 public:
  // So many bytes behind the folded form of each word may be read, too; what they are means
  // nothing.
  static constexpr std::size_t kSlack = 16;

  CutText();
  ~CutText();
  CutText(CutText&&) noexcept;
  CutText& operator=(CutText&&) noexcept;

  // `text` is valid UTF-8 and outlives the use of `words()`. `network` chooses how handles are
  // read.
  void cut(std::string_view text, std::string_view network);

  // Valid until the next cut.
  const std::vector<Word>& words() const { return words_; }
  std::string_view text() const { return text_; }

 private:
  struct Impl;

  void cut_plain(const char* at, const char* end);
  // Each begins at `at`, ends before `end` and returns where it ended.
  const char* cut_word(const char* at, const char* end);
  const char* cut_clusters(const char* at, const char* end);
  const char* cut_by_all_rules(const char* at, const char* end);
  void add_parts(const char* at, const char* end);
  void add(WordKind kind, const char* begin, const char* end);
  void push(WordKind kind, const char* begin, const char* end, std::string_view folded);

  std::unique_ptr<Impl> impl_;
  std::vector<Word> words_;
  std::string_view text_;  // the caller keeps it
  std::size_t used_ = 0;   // bytes of the buffer of folded forms
};

// The folded form of one word: NFC(strip(NFD(casefold(NFKC(word))))), where strip removes combining
// marks on Latin, Greek, Cyrillic, Arabic and Hebrew bases; default-ignorable code points and
// tatweel vanish; typographic apostrophes become '. Invalid UTF-8 gives U+FFFD in its place.
std::string fold(std::string_view word);

}  // namespace vigie
