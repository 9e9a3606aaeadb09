#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/core/error.h"
#include "pipeline/core/mention.h"
#include "rules/accounts.h"
#include "rules/query.h"
#include "rules/rule_file.h"
#include "rules/rule_set.h"
#include "rules/words.h"

namespace vigie {

// A question about a mention's metadata or about the tags it got.
struct Field {
  enum class What : std::uint8_t {
    AuthorHandle,
    AuthorId,
    AuthorNew,
    AuthorBrand,
    AuthorAmbassador,
    AuthorList,
    ToBrand,
    Mentions,
    ReplyTo,
    Conversation,
    Network,
    IsKind,
    Lang,
    Country,
    City,
    Url,
    Site,
    Question,
    IsBrand,
    Verified,
    HasLink,
    HasMedia,
    HasPlace,
    Followers,
    Likes,
    Replies,
    Shares,
    Views,
    Clicks,
    Tag,     // rule `index`
    AnyTag,  // any rule of `kind`
  };
  What what = What::Network;
  std::string value;  // folded where the field is
  std::string path;   // Url, Site
  std::uint32_t index = 0;
  RuleKind kind = RuleKind::Theme;
  Kind mention_kind = Kind::Mention;
  Compare compare = Compare::Equal;
  std::int64_t number = 0;
};

// What a field may refer to.
struct FieldContext {
  enum class Where : std::uint8_t { Brand, Rule, Route };
  const RuleFile* file = nullptr;
  std::map<std::string, std::uint32_t, std::less<>> lists;   // name to number
  std::map<std::string, std::uint32_t, std::less<>> labels;  // "theme:ID" to rule
  // How many names have been compared with unknown ones so far. Beyond kMaxCompared, messages
  // suggest none: a file may have a hundred thousand of both.
  mutable std::size_t compared = 0;
  static constexpr std::size_t kMaxCompared = 1'000'000;
};

// What the queries of the file may refer to: numbers in the order of the file's lists and rules.
// `file` outlives it.
FieldContext context_of(const RuleFile& file);

// The question that a Field or Number node asks; fails with a message for the author of the query.
Result<Field> compile_field(const QueryNode& query, FieldContext::Where where,
                            const FieldContext& context);

// A place object may come without anything that says where.
bool is_told(const std::optional<Place>& place);

// The host and path of a URL, folded: without scheme, user, port, query and fragment.
struct HostPath {
  std::string host;
  std::string path;  // empty, or starting with /, without a / at its end
};
HostPath split_url(std::string_view url);

// ASCII quickly, everything else by fold().
void fold_into(std::string& out, std::string_view text);

// The metadata of one mention, folded when it is first asked for. Its owner keeps it from mention
// to mention.
class Facts {
 public:
  // All outlive the questions. `tags[i]` tells whether rule i tagged the mention.
  void start(const RuleSet::Plan& plan, const Mention& mention, const CutText& cut,
             const IsNewAuthor* is_new_author, const std::vector<std::uint8_t>& tags,
             Verdict& verdict);

  bool holds(const Field& field);

  bool by(const AccountSet& accounts);
  bool answers(const AccountSet& accounts);
  bool to_brand();
  // Replaces `out` with what Verdict::ambassadors says.
  void find_ambassadors(std::vector<std::string>& out);

 private:
  bool mentions(std::string_view handle);
  bool links_to(const Field& field);
  bool question();
  bool any_tag(RuleKind kind) const;
  bool number(const Field& field) const;
  bool is_new();
  const std::string& folded_author();
  const std::string& folded_parent();

  const RuleSet::Plan* plan_ = nullptr;
  const Mention* mention_ = nullptr;
  const CutText* cut_ = nullptr;
  const IsNewAuthor* is_new_author_ = nullptr;
  const std::vector<std::uint8_t>* tags_ = nullptr;
  Verdict* verdict_ = nullptr;
  std::string author_;
  std::string parent_;
  std::string scratch_;
  std::vector<HostPath> links_;
  bool has_author_ = false;
  bool has_parent_ = false;
  bool has_links_ = false;
  std::optional<bool> new_;
  std::optional<bool> to_brand_;
};

}  // namespace vigie
