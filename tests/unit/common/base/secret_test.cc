// Goal: a secret leaves only where the code says so, and nothing of it stays in memory.
// Method: requires-expressions for what must not compile, each beside the same expression on a
// plain string that must; the bytes of a secret's own storage are read after it ended.
#include "common/base/secret.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>
#include <sstream>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "common/base/logging.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

template <typename T>
concept Printable = requires(std::ostream& out, const T& value) {
  out << value;
};
template <typename T>
concept Concatenable = requires(const T& value) {
  absl::StrCat(value);
};
template <typename T>
concept Jsonable = requires(const T& value) {
  nlohmann::json(value);
};
template <typename T>
concept Loggable = requires(const T& value) {
  LogInfo("Event", {{"key", value}});
};
template <typename T>
concept Comparable = requires(const T& a, const T& b) {
  a == b;
};

static_assert(Printable<std::string> && !Printable<Secret<std::string>>);
static_assert(Concatenable<std::string> && !Concatenable<Secret<std::string>>);
static_assert(Jsonable<std::string> && !Jsonable<Secret<std::string>>);
static_assert(Loggable<std::string> && !Loggable<Secret<std::string>>);
static_assert(Comparable<std::string> && !Comparable<Secret<std::string>>);
static_assert(!std::is_copy_constructible_v<Secret<std::string>>);
static_assert(!std::is_copy_assignable_v<Secret<std::string>>);
static_assert(!std::is_convertible_v<Secret<std::string>, std::string>);
static_assert(!std::is_convertible_v<std::string, Secret<std::string>>);
static_assert(std::is_nothrow_move_constructible_v<Secret<std::string>>);

TEST_CASE("A secret gives its value only by name", "[base]") {
  Secret<std::string> secret(std::string("correct horse battery staple"));
  CHECK(secret.Reveal() == "correct horse battery staple");
  const Secret<std::string> clone = secret.Clone();
  const Secret<std::string> moved = std::move(secret);
  CHECK(moved.Reveal() == clone.Reveal());
  CHECK(secret.Reveal().empty());  // NOLINT(bugprone-use-after-move): that is the point
}

TEST_CASE("Wiping overwrites all that the buffer has room for", "[base]") {
  std::string text = "correct horse battery staple";
  text.reserve(200);
  text.resize(10);  // the rest of the words is still behind the end
  const char* const buffer = text.data();
  const size_t room = text.capacity();
  Wipe(text);
  CHECK(text.empty());
  REQUIRE(text.data() == buffer);
  CHECK(std::all_of(buffer, buffer + room, [](char byte) { return byte == 0; }));

  std::vector<int> numbers = {1, 2, 3};
  const int* const first = numbers.data();
  Wipe(numbers);
  REQUIRE(numbers.data() == first);
  CHECK(numbers.empty());
}

TEST_CASE("A short secret leaves nothing behind where it ended or was moved from", "[base]") {
  // Short strings live inside the object, so their bytes can be read from its storage.
  alignas(Secret<std::string>) unsigned char storage[sizeof(Secret<std::string>)];
  const auto holds = [&storage](const char* text) {
    const size_t length = std::strlen(text);
    const volatile unsigned char* bytes = storage;
    std::string copy;
    for (size_t i = 0; i < sizeof(storage); ++i) copy.push_back(static_cast<char>(bytes[i]));
    return copy.find(std::string(text, length)) != std::string::npos;
  };
  auto* secret = new (storage) Secret<std::string>(std::string("hunter22hunter2"));
  REQUIRE(holds("hunter22"));
  SECTION("moved from") {
    const Secret<std::string> other = std::move(*secret);
    CHECK_FALSE(holds("hunter22"));
    CHECK_FALSE(holds("unter2"));
    secret->~Secret();
  }
  SECTION("assigned over") {
    *secret = Secret<std::string>(std::string("x"));
    CHECK_FALSE(holds("unter2"));
    secret->~Secret();
  }
  SECTION("destroyed") {
    secret->~Secret();
    CHECK_FALSE(holds("unter2"));
  }
}

TEST_CASE("A number is wiped too", "[base]") {
  uint64_t nonce = 0x0123456789abcdefULL;
  Wipe(nonce);
  CHECK(nonce == 0);
}

}  // namespace
}  // namespace kalavai
