#include "lmdb_store.h"

#include <algorithm>

#include "edgesync/sdk/error.h"
#include "read_transaction.h"

namespace edgesync::lmdb {
namespace {

/// Values larger than this go to files: no write amplification, sendfile, positional writes.
constexpr std::int64_t kInlineLimit = 64 * 1024;
constexpr std::size_t kMegabyte = 1024 * 1024;
constexpr std::int64_t kDefaultMapOnCss = 8192;
constexpr std::int64_t kDefaultMapOnEss = 1024;
constexpr std::int64_t kDefaultLogOnCss = 32;
constexpr std::int64_t kDefaultLogOnEss = 4;

}  // namespace

std::vector<SettingDeclaration> LmdbStore::declare_settings() const {
    using Type = SettingDeclaration::Type;
    SettingDeclaration map{"LmdbMapSizeMB",
                           "LMDB_MAP_SIZE_MB",
                           Type::Integer,
                           "0",
                           "Size of the database map at the start, MiB; 0: 8192 on a CSS, 1024 on an ESS",
                           false,
                           0,
                           16777216};
    SettingDeclaration largest{
        "LmdbMaxMapSizeMB", "LMDB_MAX_MAP_SIZE_MB", Type::Integer, "65536", "Size up to which the map grows, MiB", false, 1, 16777216};
    SettingDeclaration sync{
        "LmdbSync", "LMDB_SYNC", Type::Text, "full", "full, meta (no sync of the meta page) or none; only full survives power loss",
        false,      INT64_MIN,   INT64_MAX};
    SettingDeclaration log{"LmdbLogSizeMB",
                           "LMDB_LOG_SIZE_MB",
                           Type::Integer,
                           "0",
                           "Size of the log beside the database, MiB; 0: 32 on a CSS, 4 on an ESS",
                           false,
                           0,
                           1024};
    return {map, largest, sync, log};
}

void LmdbStore::configure(const Settings& settings, Log& log) {
    log_ = &log;
    const bool is_css = settings.role() == NodeRole::Css;
    const std::filesystem::path root = settings.persistence_root();
    options_.folder = root / "sync" / "db" / (is_css ? "css.mdb" : "ess.mdb");
    blob_folder_ = root / "sync" / "local" / "blobs";
    const std::int64_t largest = std::max<std::int64_t>(settings.integer("LmdbMaxMapSizeMB"), 1);
    std::int64_t map = settings.integer("LmdbMapSizeMB");
    if (map <= 0) map = is_css ? kDefaultMapOnCss : kDefaultMapOnEss;
    options_.largest_map = static_cast<std::size_t>(largest) * kMegabyte;
    options_.map_size = std::min(static_cast<std::size_t>(map) * kMegabyte, options_.largest_map);
    std::int64_t log_size = settings.integer("LmdbLogSizeMB");
    if (log_size <= 0) log_size = is_css ? kDefaultLogOnCss : kDefaultLogOnEss;
    log_segment_ = static_cast<std::size_t>(log_size) * kMegabyte / 2;
    const std::string sync = settings.text("LmdbSync");
    if (sync == "meta") {
        options_.sync = SyncMode::Meta;
    } else if (sync == "none") {
        options_.sync = SyncMode::None;
    } else if (!sync.empty() && sync != "full") {
        throw Error(ErrorKind::InvalidRequest, "LmdbSync '" + sync + "' is unknown; use full, meta or none");
    }
    files_ = std::make_unique<BlobFiles>(blob_folder_);
    if (options_.sync != SyncMode::Full)
        log.log(LogLevel::Warning, "LmdbSync is '" + sync + "': power loss may take back what was acknowledged");
}

StoreTraits LmdbStore::traits() const noexcept {
    StoreTraits traits;
    traits.is_persistent = true;
    traits.inline_limit = kInlineLimit;
    return traits;
}

void LmdbStore::open() {
    environment_ = std::make_unique<Environment>(options_);
    environment_->claim();
    journal_ = std::make_unique<Journal>(*environment_, log_segment_);
    journal_->restore();
    environment_->open();
    const bool is_journaled = options_.sync == SyncMode::Full;
    journal_->begin(is_journaled);
    if (!is_journaled) journal_.reset();
    writer_ = std::make_unique<GroupCommit>(*environment_, *files_, journal_.get(), *log_);
    files_->open([this](const BlobId& id) {
        bool has_record = false;
        read([&](ReadTransaction& txn) { has_record = txn.blob(id).has_value(); });
        return has_record;
    });
    writer_->start();
}

void LmdbStore::close() noexcept {
    if (writer_) writer_->stop();
    if (files_) files_->close();  // Its cleaning reads until then.
    writer_.reset();
    journal_.reset();
    environment_.reset();
}

void LmdbStore::read(const std::function<void(ReadTransaction&)>& f) {
    const Snapshots::Running running(files_->snapshots());
    const auto pending = writer_->pending();
    environment_->read([&](MDB_txn* txn) {
        const bool is_above = pending->transaction == mdb_txn_id(txn);
        Reads<ReadTransaction> reads(*environment_, *files_, txn, is_above ? pending.get() : nullptr);
        f(reads);
    });
}

void LmdbStore::submit(std::function<void(WriteTransaction&)> f, std::function<void(std::exception_ptr)> done) {
    writer_->submit(std::move(f), std::move(done));
}

StoreHealth LmdbStore::health() const {
    StoreHealth health;
    if (!writer_) return health;
    health.write_failures = writer_->failures();
    if (const std::int64_t at = writer_->last_failure(); at != 0) health.last_failure = TimePoint(std::chrono::nanoseconds(at));
    return health;
}

void LmdbStore::wipe() {
    writer_->clear();
    files_->remove_all();
}

}  // namespace edgesync::lmdb

EDGESYNC_PLUGIN(Store, "lmdb", "0.1.0", edgesync::lmdb::LmdbStore);
