// Goal: a broken invariant ends the process and says which; one that holds costs nothing.
// Method: a child process breaks it; the parent reads how it died and what it wrote.
#include "common/base/check.h"

#include <csignal>
#include <string>

#include "absl/strings/str_cat.h"
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

struct Death {
  int signal = 0;
  std::string text;
};

template <typename Function>
Death RunInChild(Function function) {
  int ends[2] = {};
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const rlimit no_core = {};
    setrlimit(RLIMIT_CORE, &no_core);
    std::signal(SIGABRT, SIG_DFL);  // Catch2 catches it
    dup2(ends[1], STDERR_FILENO);
    function();
    _exit(0);
  }
  close(ends[1]);
  Death death;
  char buffer[512];
  for (ssize_t n = 0; (n = read(ends[0], buffer, sizeof(buffer))) > 0;) {
    death.text.append(buffer, static_cast<size_t>(n));
  }
  close(ends[0]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  if (WIFSIGNALED(status)) death.signal = WTERMSIG(status);
  return death;
}

TEST_CASE("A broken invariant aborts with its place, condition and values", "[base]") {
  const Death death = RunInChild([] {
    const int rows = 3;
    KALAVAI_CHECK(rows == 4, absl::StrCat("the matrix is square; rows = ", rows));
  });
  CHECK(death.signal == SIGABRT);
  CHECK(death.text.find("check_test.cc:") != std::string::npos);
  CHECK(death.text.find("rows == 4") != std::string::npos);
  CHECK(death.text.find("the matrix is square; rows = 3") != std::string::npos);
}

TEST_CASE("An invariant that holds is silent, and its message is not even built", "[base]") {
  int built = 0;
  const auto message = [&built] {
    ++built;
    return std::string("never");
  };
  const Death death = RunInChild([&] { KALAVAI_CHECK(true, message()); });
  CHECK(death.signal == 0);
  CHECK(death.text.empty());
  KALAVAI_CHECK(true, message());
  CHECK(built == 0);
}

}  // namespace
}  // namespace kalavai
