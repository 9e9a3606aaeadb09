#include "pipeline/net/address.h"

#include <gtest/gtest.h>

namespace vigie {
namespace {

TEST(Address, KnowsAnAddressFromAName) {
  EXPECT_TRUE(is_ip_address("8.8.8.8"));
  EXPECT_TRUE(is_ip_address("2001:4860::8888"));
  EXPECT_FALSE(is_ip_address("example.org"));
  EXPECT_FALSE(is_ip_address("2130706433"));
  EXPECT_FALSE(is_ip_address(""));
}

TEST(Address, CallsGlobalAddressesPublic) {
  for (const char* address :
       {"1.1.1.1", "8.8.8.8", "172.15.255.255", "172.32.0.1", "100.63.0.1", "100.128.0.1",
        "192.169.0.1", "198.17.0.1", "198.20.0.1", "223.255.255.255", "2606:4700::1111",
        "2a00:1450:4001::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:0808:0808::1"}) {
    EXPECT_TRUE(is_public_address(address)) << address;
  }
}

TEST(Address, CallsSpecialAddressesNotPublic) {
  for (const char* address : {"0.0.0.0",
                              "10.1.2.3",
                              "100.64.0.1",
                              "127.0.0.1",
                              "127.255.0.1",
                              "169.254.169.254",
                              "172.16.0.1",
                              "172.31.255.255",
                              "192.0.0.1",
                              "192.0.2.1",
                              "192.168.1.1",
                              "198.18.0.1",
                              "198.19.255.255",
                              "198.51.100.1",
                              "203.0.113.9",
                              "224.0.0.1",
                              "240.0.0.1",
                              "255.255.255.255",
                              "::",
                              "::1",
                              "::ffff:127.0.0.1",
                              "::ffff:10.0.0.1",
                              "::10.0.0.1",
                              "64:ff9b::7f00:1",
                              "64:ff9b:1::1",
                              "100::1",
                              "2001::1",
                              "2001:db8::1",
                              "2002:7f00:1::1",
                              "2002:c0a8:0101::1",
                              "3fff::1",
                              "fc00::1",
                              "fd12::1",
                              "fe80::1",
                              "fe80::1%eth0",
                              "fec0::1",
                              "ff02::1"}) {
    EXPECT_FALSE(is_public_address(address)) << address;
  }
}

TEST(Address, CallsWhatIsNoAddressNotPublic) {
  EXPECT_FALSE(is_public_address("localhost"));
  EXPECT_FALSE(is_public_address("1.2.3"));
  EXPECT_FALSE(is_public_address(""));
}

TEST(AddressPolicy, AllowsPrivateAddressesOfNamedHostsOnly) {
  const AddressPolicy policy({"Feeds.Internal", "127.0.0.1"});

  EXPECT_TRUE(policy.allows("feeds.internal", "10.0.0.7"));
  EXPECT_TRUE(policy.allows("127.0.0.1", "127.0.0.1"));
  EXPECT_TRUE(policy.allows("example.org", "8.8.8.8"));
  EXPECT_FALSE(policy.allows("example.org", "10.0.0.7"));
  EXPECT_FALSE(policy.allows("feeds.internal.example.org", "10.0.0.7"));
}

}  // namespace
}  // namespace vigie
