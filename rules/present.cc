// Which keys of postings a text has, and where: the part of Evaluation that each mention pays for.
#include "rules/evaluate.h"

namespace vigie {

static_assert(CutText::kSlack >= Vocabulary::kReadable);

// Keeps the order, and has no branch on the answer: which words a vocabulary holds follows no
// pattern that a processor could foresee.
template <class Keep>
void Evaluation::keep_if(std::vector<std::uint32_t>& list, Keep keep) {
  std::size_t kept = 0;
  for (const std::uint32_t one : list) {
    list[kept] = one;
    kept += keep(one) ? 1 : 0;
  }
  list.resize(kept);
}

// Into `terms_` the likely number of each word, step by step for all words, so that the memory
// each step reads is on its way while the others are asked.
void Evaluation::find_likely(const Vocabulary& vocabulary) {
  const std::vector<Word>& words = cut_->words();
  terms_.assign(words.size(), Vocabulary::kNone);
  hashes_.resize(words.size());
  held_.resize(words.size());
  for (std::uint32_t i = 0; i < words.size(); ++i) {
    hashes_[i] = Vocabulary::hash_in_place(words[i].folded);
    held_[i] = i;
    vocabulary.prefetch_filter(hashes_[i]);
  }
  keep_if(held_, [&](std::uint32_t i) { return vocabulary.may_hold(hashes_[i]); });
  for (const std::uint32_t i : held_) vocabulary.prefetch_slot(hashes_[i]);
  for (const std::uint32_t i : held_) terms_[i] = vocabulary.likely(hashes_[i]);
  keep_if(held_, [&](std::uint32_t i) { return terms_[i] != Vocabulary::kNone; });
  for (const std::uint32_t i : held_) {
    vocabulary.prefetch_place(terms_[i]);
    __builtin_prefetch(&keys_[terms_[i]]);
  }
  for (const std::uint32_t i : held_) vocabulary.prefetch_text(terms_[i]);
}

void Evaluation::find_words(const Vocabulary& vocabulary) {
  const std::vector<Word>& words = cut_->words();
  find_likely(vocabulary);
  // From the last word to the first, so that each list of places starts with the first.
  for (std::size_t k = held_.size(); k-- > 0;) {
    const std::uint32_t i = held_[k];
    if (vocabulary.text(terms_[i]) != words[i].folded)
      terms_[i] = vocabulary.find(words[i].folded, hashes_[i]);
    if (terms_[i] != Vocabulary::kNone) note(terms_[i], i);
  }
  if (vocabulary.has_wildcards()) find_wildcards(vocabulary);
}

void Evaluation::find_wildcards(const Vocabulary& vocabulary) {
  const std::vector<Word>& words = cut_->words();
  held_.resize(words.size());
  for (std::uint32_t i = 0; i < words.size(); ++i) held_[i] = i;
  keep_if(held_, [&](std::uint32_t i) { return vocabulary.may_begin(words[i].folded); });
  beginnings_.clear();
  for (std::size_t k = held_.size(); k-- > 0;) {
    const Word& word = words[held_[k]];
    if ((kinds_of(word.kind) & kWordAlone) != 0)
      vocabulary.find_beginnings(word.folded, held_[k], beginnings_);
  }
  for (const Vocabulary::Beginning& beginning : beginnings_) {
    wildcards_.clear();
    vocabulary.append_wildcards(beginning, words[beginning.word].folded, wildcards_);
    for (const std::uint32_t id : wildcards_) note(id, beginning.word);
  }
}

void Evaluation::find_atoms() {
  const auto words = static_cast<std::uint32_t>(plan_->vocabulary.size());
  Atoms::fold_case(cut_->text(), folded_);
  plan_->atoms.find(folded_, atom_places_, [&](std::uint32_t atom) { mark(words + atom); });
}

void Evaluation::mark(std::uint32_t key) {
  if (keys_[key].epoch == epoch_) return;
  keys_[key] = {epoch_, kEnd};
  maybe_[key / 64 % maybe_.size()] |= std::uint64_t{1} << (key % 64);
  present_.push_back(key);
}

void Evaluation::note(std::uint32_t id, std::uint32_t position) {
  mark(id);
  pool_.push_back({position, keys_[id].head});
  keys_[id].head = static_cast<std::uint32_t>(pool_.size() - 1);
}

}  // namespace vigie
