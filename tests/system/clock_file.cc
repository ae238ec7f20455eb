#include "tests/system/clock_file.h"

#include <fstream>
#include <stdexcept>

namespace edgesync::system_test {

// In place: the process has the file mapped.
void write_clock(const std::filesystem::path& file, std::chrono::seconds ahead) {
    if (!std::filesystem::exists(file)) std::ofstream(file).flush();
    const long seconds = ahead.count();
    std::fstream out(file, std::ios::in | std::ios::out | std::ios::binary);
    out.write(reinterpret_cast<const char*>(&seconds), sizeof(seconds)).flush();
    if (!out) throw std::runtime_error("The clock in " + file.string() + " cannot be moved");
}

}  // namespace edgesync::system_test
