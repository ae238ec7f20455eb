#include "leader.h"

#include "sql_text.h"

namespace edgesync::postgres {

std::optional<std::int64_t> lead(ConnectionPool& pool, const std::string& holder, std::chrono::seconds timeout) {
    const auto connection = pool.take();
    Rows rows = connection->run(Call("heartbeat").text(holder).str());
    if (rows.empty()) rows = connection->run(Call("take_over").text(holder).number(timeout.count()).str());
    if (rows.empty()) return std::nullopt;
    return rows[0][0].as<std::int64_t>();
}

void resign(ConnectionPool& pool, const std::string& holder) noexcept {
    try {
        pool.take()->run(Call("resign").text(holder).str());
    } catch (const std::exception&) {
        // Then the others wait until the time is over.
    }
}

}  // namespace edgesync::postgres
