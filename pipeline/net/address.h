#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vigie {

// Whether `text` is an IPv4 or IPv6 address written out, as opposed to a name.
bool is_ip_address(std::string_view text);

// Whether an IP address lies in the public Internet. Loopback, private, shared, link-local,
// documentation, benchmark, multicast and reserved ranges do not, nor does what is no address. IPv6
// forms that carry an IPv4 address (mapped, compatible, 6to4, NAT64) are judged by that.
bool is_public_address(std::string_view text);

// Which addresses Vigie may connect to. Asked with the address that is about to be used, after DNS,
// so that no name can lead inside a private network unless an operator allowed that name.
class AddressPolicy {
 public:
  AddressPolicy() = default;
  // Hosts, as URLs name them, that may be at private addresses; case does not matter.
  explicit AddressPolicy(std::vector<std::string> allow_private);

  bool allows(std::string_view host, std::string_view address) const;

 private:
  std::vector<std::string> allow_private_;
};

}  // namespace vigie
