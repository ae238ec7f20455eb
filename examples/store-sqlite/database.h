// One connection with the SQLite file, as the ordered map that the SDK makes a store's transactions of.
#pragma once

#include <Poco/Data/LOB.h>
#include <Poco/Data/SQLite/SQLiteException.h>
#include <Poco/Data/Session.h>
#include <Poco/Data/Statement.h>

#include "edgesync/sdk/error.h"
#include "edgesync/sdk/map_transaction.h"

namespace store_sqlite {

using namespace edgesync;
using namespace Poco::Data::Keywords;

/// For one thread at a time. What fails is Error{NoSpace}, Error{Corrupt} or Error{Io}.
///
/// After a failure nobody knows what is left: SQLite may have rolled back the whole transaction and would take the next change for one of
/// its own, and a prepared statement may be stuck. So each later call fails in the same way, and the connection is good for nothing else.
class Database : public OrderedMap {
    using Octets = Poco::Data::CLOB;  // Bound as a BLOB, which SQLite compares octet by octet.

public:
    /// @throws Error{Corrupt} also if a newer version of this store has written the file
    explicit Database(const std::string& file) try : file_(file), session_("SQLite", file, kSecondsToOpen) {
        int form = 0;
        session_ << "PRAGMA user_version", into(form), now;
        if (form > kForm)
            throw Error(ErrorKind::Corrupt,
                        file + " has form " + std::to_string(form) + ", of a newer version; this one knows " + std::to_string(kForm));
        run("PRAGMA journal_mode = WAL");  // Readers and the writer do not wait for each other.
        run("PRAGMA synchronous = FULL");  // A commit has synced the log before it is acknowledged.
        if (form == 0) {
            run("CREATE TABLE IF NOT EXISTS record (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID");
            run("PRAGMA user_version = " + std::to_string(kForm));
        }
        // Prepared once, run often: each time with what the members hold that they use.
        get_ << "SELECT value FROM record WHERE key = ?", use(key_), into(values_);
        put_ << "INSERT OR REPLACE INTO record VALUES (?, ?)", use(key_), use(value_);
        erase_ << "DELETE FROM record WHERE key = ?", use(key_);
        range_ << "SELECT key, value FROM record WHERE key >= ? AND key < ? ORDER BY key LIMIT ?", use(key_), use(value_), use(limit_),
            into(keys_), into(values_);
    } catch (const Poco::Exception& error) {
        fail(error, file);
    }

    std::optional<std::string> get(const std::string& key) override {
        key_ = octets_of(key);
        values_.clear();
        execute(get_);
        return values_.empty() ? std::nullopt : std::optional(text_of(values_.front()));
    }
    void put(const std::string& key, const std::string& value) override {
        key_ = octets_of(key);
        value_ = octets_of(value);
        has_changes_ = true;
        execute(put_);
    }
    void erase(const std::string& key) override {
        key_ = octets_of(key);
        has_changes_ = true;
        execute(erase_);
    }
    Rows range(const std::string& begin, const std::string& end, std::size_t limit) override {
        key_ = octets_of(begin);
        value_ = octets_of(end);
        limit_ = static_cast<Poco::Int64>(limit);
        keys_.clear();
        values_.clear();
        execute(range_);
        Rows rows;
        for (std::size_t i = 0; i < keys_.size(); ++i) rows.emplace_back(text_of(keys_[i]), text_of(values_[i]));
        return rows;
    }

    /// BEGIN, COMMIT and the like.
    void run(const std::string& sql) {
        Poco::Data::Statement statement(session_);
        statement << sql;
        execute(statement);
    }
    bool has_failed() const { return failure_ != nullptr; }
    /// Whether there was a change since the last call, and so something that needs space.
    bool take_changes() { return std::exchange(has_changes_, false); }

private:
    static Octets octets_of(const std::string& text) { return {text.data(), text.size()}; }
    static std::string text_of(const Octets& octets) { return {octets.rawContent(), octets.size()}; }

    void execute(Poco::Data::Statement& statement) {
        if (failure_) std::rethrow_exception(failure_);
        try {
            execute_once(statement);
        } catch (...) {
            failure_ = std::current_exception();
            throw;
        }
    }
    void execute_once(Poco::Data::Statement& statement) try { statement.execute(); } catch (const Poco::Exception& error) {
        fail(error, file_ + ": " + statement.toString());
    }
    [[noreturn]] static void fail(const Poco::Exception& error, const std::string& what) {
        const bool is_full = dynamic_cast<const Poco::Data::SQLite::DatabaseFullException*>(&error) != nullptr;
        const bool is_corrupt = dynamic_cast<const Poco::Data::SQLite::CorruptImageException*>(&error) != nullptr ||
                                error.displayText().find("not a database") != std::string::npos;
        throw Error(is_full ? ErrorKind::NoSpace : is_corrupt ? ErrorKind::Corrupt : ErrorKind::Io, what + ": " + error.displayText());
    }

    static constexpr int kForm = 1;  ///< Of what is in the file; a version that changes it adds one.
    static constexpr std::size_t kSecondsToOpen = 1;

    const std::string file_;
    Poco::Data::Session session_;
    std::exception_ptr failure_;  ///< The first one.
    bool has_changes_ = false;
    Octets key_;
    Octets value_;
    Poco::Int64 limit_ = 0;
    std::vector<Octets> keys_;
    std::vector<Octets> values_;
    Poco::Data::Statement get_{session_};
    Poco::Data::Statement put_{session_};
    Poco::Data::Statement erase_{session_};
    Poco::Data::Statement range_{session_};
};

}  // namespace store_sqlite
