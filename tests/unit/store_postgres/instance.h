// What one of several CSS processes on a database consists of, as far as data is concerned. Needs tests/with-postgres.
#pragma once

#include <gtest/gtest.h>

#include "kernel/data/chunked_upload.h"
#include "plugins/store-postgres/postgres_store.h"
#include "tests/unit/store_postgres/given_settings.h"

namespace edgesync::postgres {

class NoLog : public Log {
public:
    bool logs(LogLevel) const noexcept override { return false; }
    bool traces(LogLevel) const noexcept override { return false; }
    void log(LogLevel, std::string_view) noexcept override {}
    void trace(LogLevel, std::string_view) noexcept override {}
};

/// Of a schema of the test's own in the database that the tests run beside; `given` comes first.
Given database_settings(const std::string& schema, Given given = {});
/// The server of these settings, for what looks at the database by itself.
ServerOptions server_of_tests();
/// Named as the test that runs.
std::string schema_of_test();

/// A store that is open, and what the rules need around it.
class Instance : public rules::EffectsRunner {
public:
    /// @throws what `open` throws
    explicit Instance(const Given& settings);
    ~Instance() override { store_.close(); }

    PostgresStore& store() { return store_; }
    void run(rules::Effects) override {}

    template <typename Rule>
    void change(Rule rule) {
        operations_.run_and_wait<rules::Done>(
            [&](WriteTransaction& txn, rules::Effects& effects) { return rule(txn, effects), rules::Done{}; });
    }
    std::optional<ObjectRecord> object(const ObjectKey& key);
    /// The published data of the object, as it is read.
    std::string data(const ObjectKey& key);
    std::string digest(const ObjectKey& key);

    /// A new object without data.
    void publish(const ObjectKey& key);
    /// An object that `node` has announced, and whose data it will push.
    void await(const ObjectKey& key, const NodeKey& node, InstanceId version, std::int64_t size);
    std::unique_ptr<data::ChunkUpload> upload(data::ChunkUpload::Target target, ContentRange range) {
        return std::make_unique<data::ChunkUpload>(context_, operations_, digests_, std::move(target), range);
    }

private:
    NoLog log_;
    PostgresStore store_;
    rules::NodeContext context_;
    rules::Operations operations_{store_, *this};
    data::UploadDigests digests_;
};

}  // namespace edgesync::postgres
