#include "folder_identity.h"

#include <optional>
#include <random>

namespace edgesync::postgres {
namespace {

constexpr char kLock[] = "(hashtextextended('edgesync blob folder ' || current_schema(), 0))";

/// Of instances that start together only one looks at a time: the first makes what the others must find.
class Turn {
public:
    explicit Turn(Connection& connection) : connection_(connection) { connection_.run(std::string("SELECT pg_advisory_lock") + kLock); }
    ~Turn() {
        try {
            if (connection_.is_usable()) connection_.run(std::string("SELECT pg_advisory_unlock") + kLock);
        } catch (const std::exception&) {
            // Then the end of the connection releases it.
        }
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

private:
    Connection& connection_;
};

[[noreturn]] void refuse(const std::string& problem) { throw Error(ErrorKind::InvalidRequest, problem); }

std::string new_identity() {
    std::random_device random;
    std::string text;
    for (int i = 0; i < 4; ++i) {
        const std::uint32_t number = random();
        for (unsigned shift = 0; shift < 32; shift += 4) text += "0123456789abcdef"[(number >> shift) & 15U];
    }
    return text;
}

std::optional<std::string> known_identity(Connection& connection) {
    const Rows rows = connection.run("SELECT id FROM blob_folder");
    return rows.empty() ? std::nullopt : std::optional(rows[0][0].as<std::string>());
}

void check_that_none_is_needed(Connection& connection) {
    if (connection.run("SELECT 1 FROM octets WHERE is_file AND doomed IS NULL LIMIT 1").empty()) return;
    refuse("PostgresBlobPath is not set, but data of this database is in a folder: set it to the folder that all instances share");
}

void give_identity(Connection& connection, const SharedFolder& folder) {
    const std::string identity = new_identity();
    connection.run("INSERT INTO blob_folder VALUES ('" + identity + "')");
    try {
        folder.put_marker(identity);
    } catch (const Error&) {
        connection.run("DELETE FROM blob_folder");
        throw;
    }
}

}  // namespace

std::shared_ptr<SharedFolder> join_folder(Connection& connection, const std::string& path) {
    if (path.empty()) return check_that_none_is_needed(connection), nullptr;
    auto folder = std::make_shared<SharedFolder>(path);
    folder->check();
    const Turn turn(connection);
    const auto known = known_identity(connection);
    const auto marker = folder->marker();
    const std::string place = "PostgresBlobPath " + path;
    if (!known && !marker) return give_identity(connection, *folder), folder;
    const std::string file = std::string("its file ") + SharedFolder::kMarker;
    if (!marker)
        refuse(place + " is not the folder that the other instances share: " + file + " is missing; mount the shared folder there");
    if (marker != known)
        refuse(place + " belongs to another database: " + file + " names '" + *marker + "', this one has '" + known.value_or("") + "'");
    return folder;
}

}  // namespace edgesync::postgres
