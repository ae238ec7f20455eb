#include "tests/unit/store_postgres/instance.h"

#include <cstdlib>

#include "kernel/delivery/inbound.h"

namespace edgesync::postgres {

Given database_settings(const std::string& schema, Given given) {
    const char* server = std::getenv("EDGESYNC_TEST_POSTGRES");
    if (server == nullptr) throw std::runtime_error("not inside tests/with-postgres");
    given.emplace("PostgresAddressCsv", server);
    given.emplace("PostgresDbName", "postgres");
    given.emplace("PostgresUsername", "postgres");
    given.emplace("PostgresSchema", schema);
    given.emplace("DatabaseConnectTimeout", "30");
    return given;
}

ServerOptions server_of_tests() {
    const std::string address = database_settings("").at("PostgresAddressCsv");
    const auto colon = address.rfind(':');
    return {"host=" + address.substr(0, colon) + " port=" + address.substr(colon + 1) + " dbname=postgres user=postgres", {}};
}

std::string schema_of_test() {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    return "t" + std::to_string(std::hash<std::string>()(std::string(info->test_suite_name()) + info->name()));
}

Instance::Instance(const Given& settings) {
    store_.configure(GivenSettings(settings, "/root-of-test"), log_);
    store_.open();
    context_.self = {"", "Cloud", "Cloud"};
    context_.now = [] { return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now()); };
    context_.polled_protocols = {"http"};
}

std::optional<ObjectRecord> Instance::object(const ObjectKey& key) {
    std::optional<ObjectRecord> found;
    store_.read([&](ReadTransaction& txn) { found = txn.object(key); });
    return found;
}

std::string Instance::data(const ObjectKey& key) {
    std::unique_ptr<BlobReader> reader;
    store_.read([&](ReadTransaction& txn) {
        const auto found = txn.object(key);
        if (found && found->data) reader = txn.open_blob(*found->data);
    });
    if (!reader) return {};
    std::string out(static_cast<std::size_t>(reader->size()), '\0');
    std::size_t done = 0;
    while (done < out.size()) {
        const std::size_t count = reader->read(static_cast<std::int64_t>(done), std::as_writable_bytes(std::span(out)).subspan(done));
        if (count == 0) break;
        done += count;
    }
    return out;
}

std::string Instance::digest(const ObjectKey& key) {
    std::string digest;
    store_.read([&](ReadTransaction& txn) {
        const auto found = txn.object(key);
        if (found && found->data) digest = txn.blob(*found->data)->sha256;
    });
    return digest;
}

void Instance::publish(const ObjectKey& key) {
    objects::PublishRequest request;
    request.meta.org = key.org;
    request.meta.object_type = key.type;
    request.meta.object_id = key.id;
    request.meta.consumers = 1;
    change([&](WriteTransaction& txn, rules::Effects& effects) { objects::publish(context_, txn, request, effects); });
}

void Instance::await(const ObjectKey& key, const NodeKey& node, InstanceId version, std::int64_t size) {
    Metadata meta;
    meta.org = key.org;
    meta.object_type = key.type;
    meta.object_id = key.id;
    meta.origin_type = node.type;
    meta.origin_id = node.id;
    meta.instance_id = version;
    meta.data_id = version;
    meta.object_size = size;
    meta.chunk_size = 1000;
    meta.consumers = 1;
    change([&](WriteTransaction& txn, rules::Effects& effects) {
        txn.put_destination({node, "http", "1.0", context_.now(), true});
        delivery::accept_update(context_, txn, node, meta, effects);
    });
}

}  // namespace edgesync::postgres
