// A value that must not leave by accident: a private key, an invitation's secret.
//
//   Secret<std::string> pem(std::move(text));
//   file.Write(pem.Reveal());                      // saying so is the only way to the value
//   Secret<std::string> second = pem.Clone();      // and the only way to a second one
//
// It cannot be copied, printed, logged, formatted or written as JSON: each of these does not
// compile. Its memory is overwritten on destruction, on assignment and where it was moved from
// (explicit_bzero, which the optimiser must keep). What the value was built from is the caller's:
// move it in, and do not append to it before (a growing string leaves its old buffers behind).
// Not synchronised, like the value.
#ifndef KALAVAI_COMMON_BASE_SECRET_H_
#define KALAVAI_COMMON_BASE_SECRET_H_

#include <ostream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <string.h>

namespace kalavai {

// Overwrites the value and every byte its buffer has room for; the value is then empty or zero.
inline void Wipe(std::string& value) {
  value.resize(value.capacity());  // never allocates
  explicit_bzero(value.data(), value.size());
  value.clear();
}
template <typename T>
requires std::is_trivially_copyable_v<T>
void Wipe(T& value) { explicit_bzero(&value, sizeof(value)); }
template <typename T>
requires std::is_trivially_copyable_v<T>
void Wipe(std::vector<T>& value) {
  value.resize(value.capacity());
  explicit_bzero(value.data(), value.size() * sizeof(T));
  value.clear();
}

template <typename T>
class Secret {
 public:
  Secret() = default;
  explicit Secret(T&& value) : value_(std::move(value)) { Wipe(value); }
  ~Secret() { Wipe(value_); }

  Secret(Secret&& other) noexcept : value_(std::move(other.value_)) { Wipe(other.value_); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      Wipe(value_);
      value_ = std::move(other.value_);
      Wipe(other.value_);
    }
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;

  Secret Clone() const { return Secret(T(value_)); }
  const T& Reveal() const { return value_; }

 private:
  T value_ = {};
};

// A second chance for whoever would find a way round: these win overload resolution and are gone.
template <typename T>
std::ostream& operator<<(std::ostream&, const Secret<T>&) = delete;
template <typename Sink, typename T>
void AbslStringify(Sink&, const Secret<T>&) = delete;
template <typename Json, typename T>
void to_json(Json&, const Secret<T>&) = delete;

}  // namespace kalavai

#endif  // KALAVAI_COMMON_BASE_SECRET_H_
