// `kalavai submit`: builds, signs and sends the specialist, waits for the verdict, verifies and
// keeps the receipt. Run again after a break it goes on where it stopped; run again after a verdict
// it shows the verdict. --dry-run builds and lists every byte that would leave, and sends none.
#ifndef KALAVAI_CONTRIBUTOR_SUBMISSION_SUBMIT_COMMAND_H_
#define KALAVAI_CONTRIBUTOR_SUBMISSION_SUBMIT_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::contributor {

Command MakeSubmitCommand();

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_SUBMISSION_SUBMIT_COMMAND_H_
