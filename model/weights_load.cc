#include "model/errors.h"
#include "model/weights.h"

namespace ryz {

Weights load_weights(const std::string& path, Team& /*team*/) {
  throw InputError(path + ": model files cannot be read yet; use a preset");
}

}  // namespace ryz
