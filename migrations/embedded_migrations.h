// The SQL files of this folder, compiled into the binary in order of their number.
#ifndef KALAVAI_MIGRATIONS_EMBEDDED_MIGRATIONS_H_
#define KALAVAI_MIGRATIONS_EMBEDDED_MIGRATIONS_H_

#include <vector>

#include "common/storage/migrator.h"

namespace kalavai {

// Returns every migration of the coordinator's database, oldest first.
const std::vector<Migration>& EmbeddedMigrations();

}  // namespace kalavai

#endif  // KALAVAI_MIGRATIONS_EMBEDDED_MIGRATIONS_H_
