// Checks of an option's number that say what must hold: CLI11's own print the largest double in
// full.
//
//   app.add_option("--steps", flags.steps)->check(Positive());
//
// A value that fails is a usage mistake (exit 2). Threads: as CLI::App.
#ifndef KALAVAI_COMMON_CLI_NUMBER_CHECKS_H_
#define KALAVAI_COMMON_CLI_NUMBER_CHECKS_H_

#include "CLI/CLI.hpp"

namespace kalavai {

CLI::Validator NotNegative();     // 0 ≤ x, finite
CLI::Validator Positive();        // 0 < x, finite
CLI::Validator ShareAboveZero();  // 0 < x ≤ 1

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CLI_NUMBER_CHECKS_H_
