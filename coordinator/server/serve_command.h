// kalavai-coordinator serve: runs the server until SIGTERM or SIGINT, then drains for 30 s.
#ifndef KALAVAI_COORDINATOR_SERVER_SERVE_COMMAND_H_
#define KALAVAI_COORDINATOR_SERVER_SERVE_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::coordinator {

Command MakeServeCommand();

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_SERVER_SERVE_COMMAND_H_
