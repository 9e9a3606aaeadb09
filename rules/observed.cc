#include "rules/observed.h"

#include <fmt/format.h>

#include "rules/fields.h"

namespace vigie {
namespace {

constexpr std::size_t kMaxListed = 5;

std::string told(std::string_view what, std::string_view value) {
  if (value.empty()) return fmt::format("its {} is not told", what);
  return fmt::format("its {} is {}", what, value);
}

std::string person(std::string_view id, std::string_view handle) {
  if (handle.empty()) return id.empty() ? "nobody" : fmt::format("id {}", id);
  const std::string_view sigil = handle.starts_with('@') ? "" : "@";
  if (id.empty()) return fmt::format("{}{}", sigil, handle);
  return fmt::format("{}{} (id {})", sigil, handle, id);
}

std::string author(const QueryNode& field, const Mention& mention,
                   const IsNewAuthor& is_new_author) {
  if (field.text == "new") {
    return is_new_author && is_new_author(mention) ? "the author was not heard of before"
                                                   : "the author was heard of before";
  }
  return fmt::format("written by {} on {}", person(mention.author.id, mention.author.handle),
                     mention.network);
}

std::string parent(const Mention& mention) {
  if (!mention.in_reply_to_author) return "whom it answers is not told";
  return fmt::format("it answers {}",
                     person(mention.in_reply_to_author->id, mention.in_reply_to_author->handle));
}

template <class List, class Show>
std::string listed(std::string_view what, const List& list, Show show) {
  if (list.empty()) return fmt::format("it has no {}", what);
  std::string out = fmt::format("its {}: ", what);
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (i == kMaxListed) return out + fmt::format(" and {} more", list.size() - i);
    out += (i > 0 ? ", " : "") + show(list[i]);
  }
  return out;
}

std::string links(const Verdict& verdict) {
  return listed("links", verdict.links, [](const std::string& link) { return link; });
}

std::string handles(const Mention& mention) {
  if (!mention.mentions) return "it names whom its text names";
  return listed("named people", *mention.mentions,
                [](const Person& one) { return person(one.id, one.handle); });
}

std::string flag(const QueryNode& field, const Mention& mention, const Verdict& verdict) {
  if (field.text == "question") return verdict.question ? "it asks something" : "it asks nothing";
  if (field.text == "verified") {
    if (!mention.author.verified) return "whether the author is verified is not told";
    return *mention.author.verified ? "the author is verified" : "the author is not verified";
  }
  if (field.text == "brand") {
    if (verdict.brand) return "the brand query matched";
    return verdict.to_brand ? "it is to the brand"
                            : "the brand query did not match, and it is not to the brand";
  }
  if (field.text == "link") return links(verdict);
  if (field.text == "media") {
    return mention.media.empty() ? "it has no media"
                                 : fmt::format("it has {} media", mention.media.size());
  }
  return is_told(mention.place) ? "its place is told in part or whole" : "its place is not told";
}

std::string number(const QueryNode& field, const Mention& mention) {
  const Engagement& counts = mention.engagement;
  const std::optional<std::int64_t>& value = field.name == "followers" ? mention.author.followers
                                             : field.name == "likes"   ? counts.likes
                                             : field.name == "replies" ? counts.replies
                                             : field.name == "shares"  ? counts.shares
                                             : field.name == "views"   ? counts.views
                                                                       : counts.clicks;
  if (!value) return fmt::format("{} are not told", field.name);
  return fmt::format("it has {} {}", *value, field.name);
}

std::string tags(std::string_view name, const RuleSet& rules, const Verdict& verdict) {
  const std::vector<std::uint32_t>& list = name == "theme"      ? verdict.themes
                                           : name == "campaign" ? verdict.campaigns
                                                                : verdict.competitors;
  return listed(fmt::format("{}s", name), list,
                [&](std::uint32_t rule) { return std::string(rules.rules()[rule].id); });
}

}  // namespace

std::string observed(const QueryNode& field, const RuleSet& rules, const Mention& mention,
                     const Verdict& verdict, const IsNewAuthor& is_new_author) {
  const std::string_view name = field.name;
  if (field.kind == QueryNode::Kind::Number) return number(field, mention);
  if (name == "author") return author(field, mention, is_new_author);
  if (name == "to") {
    return verdict.to_brand ? "it names or answers an account of the brand"
                            : "it neither names nor answers an account of the brand";
  }
  if (name == "mentions") return handles(mention);
  if (name == "reply_to") return parent(mention);
  if (name == "conversation") return told("conversation", mention.conversation_id);
  if (name == "network") return told("network", mention.network);
  if (name == "kind") return told("kind", mention.kind ? vigie::name(*mention.kind) : "");
  if (name == "lang") return told("language", mention.lang);
  if (name == "country") return told("country", mention.place ? mention.place->country : "");
  if (name == "city") return told("city", mention.place ? mention.place->city : "");
  if (name == "url") return links(verdict);
  if (name == "site") return told("own address", mention.url);
  if (name == "is" || name == "has") return flag(field, mention, verdict);
  return tags(name, rules, verdict);
}

}  // namespace vigie
