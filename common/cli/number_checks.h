// Checks of an option's number that say what must hold. Every option that takes a number has one:
// CLI11 by itself wraps -1 around for an unsigned number, clips what overflows, reads 010 as 8,
// takes NaN for a value in range, and prints the largest double in full.
//
//   app.add_option("--steps", flags.steps)->check(WholeAboveZero());
//   app.add_option("--learning-rate", flags.learning_rate)->check(Positive());
//
// A value that fails is a usage mistake (exit 2). Threads: as CLI::App.
#ifndef KALAVAI_COMMON_CLI_NUMBER_CHECKS_H_
#define KALAVAI_COMMON_CLI_NUMBER_CHECKS_H_

#include <cstdint>

#include "CLI/CLI.hpp"

namespace kalavai {

CLI::Validator NotNegative();                          // 0 ≤ x, finite
CLI::Validator Positive();                             // 0 < x, finite
CLI::Validator ShareAboveZero();                       // 0 < x ≤ 1
CLI::Validator NumberBetween(double min, double max);  // min ≤ x ≤ max

// Whole numbers: decimal digits without leading zeros. The bounds must fit the variable.
CLI::Validator WholeBetween(int64_t min, int64_t max);
CLI::Validator WholeFromZero();   // 0 … 2^63 − 1, for int64_t
CLI::Validator WholeAboveZero();  // 1 … 2^63 − 1, for int64_t
CLI::Validator AnyUnsigned();     // 0 … 2^64 − 1, for uint64_t: seeds

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CLI_NUMBER_CHECKS_H_
