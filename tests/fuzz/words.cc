// Cutting and folding any bytes: words in order, inside the text, folded as the definition says,
// the text as a whole, too, and the same for a CutText used before as for a new one.
#include "rules/words.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "rules/fold.h"
#include "rules/questions.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace std::string_view_literals;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  constexpr std::string_view kNetworks[] = {"x", "mastodon", "bluesky", "instagram"};
  const std::string_view network = kNetworks[data[0] % 4];
  static vigie::CutText used;
  vigie::CutText fresh;
  used.cut(text, network);
  fresh.cut(text, network);
  require(used.words().size() == fresh.words().size());
  std::uint32_t end = 0;
  for (std::size_t i = 0; i < used.words().size(); ++i) {
    const vigie::Word& word = used.words()[i];
    require(word.begin >= end && word.begin < word.end && word.end <= text.size());
    require(!word.folded.empty() && word.folded == fresh.words()[i].folded);
    end = word.end;
    if (word.kind != vigie::WordKind::Word) continue;
    std::string folded;
    vigie::fold_by_definition(text.substr(word.begin, word.end - word.begin), folded);
    require(word.folded == folded);
  }
  std::string by_definition;
  vigie::fold_by_definition(text, by_definition);
  require(vigie::fold(text) == by_definition);
  for (const std::string_view lang : {""sv, "en"sv, "fr"sv}) (void)vigie::is_question(used, lang);
  return 0;
}
