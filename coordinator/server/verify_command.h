// kalavai-coordinator verify: the offline check of a data directory (data_verifier.h).
#ifndef KALAVAI_COORDINATOR_SERVER_VERIFY_COMMAND_H_
#define KALAVAI_COORDINATOR_SERVER_VERIFY_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::coordinator {

Command MakeVerifyCommand();

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_SERVER_VERIFY_COMMAND_H_
