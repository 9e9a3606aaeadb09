#include "pipeline/route/authors_seen.h"

namespace vigie {

// FNV-1a, with the bits mixed at the end: its upper ones hardly depend on the last bytes.
std::uint64_t steady_hash(std::string_view text, std::uint64_t seed) {
  std::uint64_t hash = 0xcbf29ce484222325 ^ seed;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3;
  }
  hash ^= hash >> 32;
  hash *= 0xd6e8feb86659fd93;
  hash ^= hash >> 32;
  return hash;
}

bool AuthorsSeen::first(const Mention& mention) {
  const std::uint64_t author = steady_hash(mention.author.id, steady_hash(mention.network));
  if (authors_.contains(author)) return false;
  if (authors_.size() < kMost) {
    authors_.insert(author);
  } else {
    ++left_out_;
  }
  return true;
}

}  // namespace vigie
