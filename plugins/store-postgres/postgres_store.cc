#include "postgres_store.h"

#include <random>

#include "folder_identity.h"
#include "leader.h"
#include "schema.h"
#include "sql_text.h"
#include "statements.h"

namespace edgesync::postgres {
namespace {

std::string quoted_identifier(const std::string& name) {
    std::string out = "\"";
    for (const char c : name) out.append(c == '"' ? 2 : 1, c);
    return out + "\"";
}

/// Not 0, which is the owner of octets that have a record.
std::int64_t random_owner() {
    std::random_device device;
    return static_cast<std::int64_t>((static_cast<std::uint64_t>(device()) << 31U | device()) & INT64_MAX) | 1;
}

/// Of the schema's name in the name of the notifications' channel, which the server would cut. Schemas that share one are woken in vain.
constexpr std::size_t kLongestChannel = 48;

/// Readers must find a connection when all writers are busy.
std::size_t writers_of(std::size_t connections) {
    return std::max<std::size_t>(1, connections - std::max<std::size_t>(1, connections / 4));
}

}  // namespace

void PostgresStore::configure(const Settings& settings, Log& log) {
    log_ = &log;
    settings_ = connection_settings(settings);
}

StoreTraits PostgresStore::traits() const noexcept {
    StoreTraits traits;
    traits.is_persistent = true;
    traits.is_shared = true;
    traits.reads_block = true;
    traits.inline_limit = kInlineLimit;
    return traits;
}

std::unique_ptr<Presence> PostgresStore::try_to_prepare(const std::string& session, std::int64_t owner) {
    {
        Connection connection(settings_.server);
        migrate(connection, settings_.schema);
    }
    auto presence = std::make_unique<Presence>(settings_.server, session, owner);
    presence->hold();
    blobs_->set_folder(join_folder(*pool_->take(), settings_.blob_path), settings_.blob_path_above);
    presence->doom_orphans(true);
    blobs_->sweep(kSweepGrace);
    instances_->open();
    const std::string channel = "edgesync_" + to_hex(settings_.schema).substr(0, kLongestChannel);
    feed_ = std::make_unique<Feed>(FeedOptions{settings_.server, session, channel, owner, settings_.retry_pause}, clock_, *log_);
    return presence;
}

std::unique_ptr<Presence> PostgresStore::prepare(std::int64_t owner) {
    const auto end = std::chrono::steady_clock::now() + settings_.connect_timeout;
    const std::string session = session_text(quoted_identifier(settings_.schema));
    auto pause = settings_.retry_pause;
    for (bool is_first = true;; is_first = false) {
        try {
            return try_to_prepare(session, owner);
        } catch (const Refused& e) {
            throw Error(ErrorKind::NotConnected, std::string(e.what()) + "; " + settings_.address);
        } catch (const Error& e) {
            const bool is_passing = e.kind() == ErrorKind::NotConnected || e.kind() == ErrorKind::Conflict || e.kind() == ErrorKind::Busy;
            if (!is_passing) throw;
            if (std::chrono::steady_clock::now() + pause > end) {
                throw Error(ErrorKind::NotConnected, std::string(e.what()) + "; gave up after " +
                                                         std::to_string(settings_.connect_timeout.count()) +
                                                         " s (DatabaseConnectTimeout); " + settings_.address);
            }
            if (is_first) log_->log(LogLevel::Warning, std::string(e.what()) + "; trying again; " + settings_.address);
        }
        std::this_thread::sleep_for(pause);
        pause = std::min(pause * 2, std::max<std::chrono::milliseconds>(settings_.retry_pause, std::chrono::seconds(5)));
    }
}

void PostgresStore::open() {
    keep_pem_texts(settings_);
    PoolOptions options;
    options.server = settings_.server;
    options.session = session_text(quoted_identifier(settings_.schema));
    options.size = settings_.pool_size;
    options.first_pause = settings_.retry_pause;
    pool_ = std::make_shared<ConnectionPool>(options);
    blobs_ = std::make_unique<Blobs>(pool_);
    instances_ = std::make_unique<InstanceIds>(
        [this](InstanceId limit) { return run(Call("reserve_ids").number(limit).str())[0][0].as<InstanceId>(); });
    work_ids_ = std::make_unique<WorkIds>([this] { return run(Call("work_ids").str())[0][0].as<std::uint64_t>(); });
    const std::int64_t owner = random_owner();
    blobs_->set_owner(owner);
    auto presence = prepare(owner);
    housekeeping_ = std::make_unique<Housekeeping>(*pool_, *blobs_, std::move(presence));
    WritersOptions writers;
    writers.threads = writers_of(settings_.pool_size);
    writers.first_pause = settings_.retry_pause;
    writers_ = std::make_unique<Writers>(writers, WritersNeeds{*pool_, *blobs_, {*instances_, *work_ids_, owner}, *feed_, *log_});
}

void PostgresStore::close() noexcept {
    writers_.reset();
    feed_.reset();
    housekeeping_.reset();
    if (pool_) pool_->close();
}

void PostgresStore::read(const std::function<void(ReadTransaction&)>& f) {
    std::optional<ConnectionPool::Lease> connection(pool_->take());
    Transaction transaction(**connection, Isolation::ReadSnapshot);
    transaction.use_instead([&]() -> Connection& {
        connection.reset();
        return *connection.emplace(pool_->take());
    });
    Reads<ReadTransaction> reads(transaction, *blobs_);
    try {
        f(reads);
    } catch (...) {
        if (!connection || !(*connection)->is_usable()) ++read_failures_;
        throw;
    }
}

void PostgresStore::submit(std::function<void(WriteTransaction&)> f, std::function<void(std::exception_ptr)> done) {
    writers_->submit(std::move(f), std::move(done));
}

std::optional<std::int64_t> PostgresStore::lead(const std::string& holder, std::chrono::seconds timeout) {
    return postgres::lead(*pool_, holder, timeout);
}

void PostgresStore::resign(const std::string& holder) noexcept { postgres::resign(*pool_, holder); }

StoreHealth PostgresStore::health() const {
    StoreHealth health;
    if (!writers_) return health;
    const bool is_silent = housekeeping_->is_silent();
    health.is_connected = pool_->is_connected() && !is_silent;
    health.problem = health.is_connected ? blobs_->problem() : pool_->problem();
    if (health.problem.empty() && is_silent) health.problem = "The database does not answer";
    health.read_failures = read_failures_;
    health.write_failures = writers_->failures();
    if (const std::int64_t at = writers_->last_failure(); at != 0) health.last_failure = TimePoint(std::chrono::nanoseconds(at));
    return health;
}

// The issued numbers stay, so that ids keep growing. Emptying a table makes new files for it, so those that are empty are left alone.
void PostgresStore::wipe() {
    std::string text = "DO $$ BEGIN ";
    for (const std::string table : {"feed", "leader", "object", "address", "delivery", "notification", "destination", "blob", "octets",
                                    "chunk", "entry", "work", "counter"}) {
        text.append("IF EXISTS (SELECT FROM ").append(table).append(") THEN TRUNCATE ").append(table).append("; END IF; ");
    }
    run(text + "END $$");
    blobs_->remove_files();
}

}  // namespace edgesync::postgres

EDGESYNC_PLUGIN(Store, "postgres", "0.1.0", edgesync::postgres::PostgresStore);
