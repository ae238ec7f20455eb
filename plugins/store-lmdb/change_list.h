// What a group of functions changed in the tables, in the form in which the commit log keeps it.
#pragma once

#include <string>
#include <string_view>

#include "environment.h"

namespace edgesync::lmdb {

/// Changes are absolute (this key has this value, this key is gone), so that doing them again, in order, gives the same tables.
class ChangeList {
public:
    void put(Table table, std::string_view key, std::string_view value);
    void erase(Table table, std::string_view key);
    void clear() { octets_.clear(); }
    std::string_view octets() const { return octets_; }

    /// Does the changes in `octets`. @throws MapFull, Error{Corrupt}
    static void apply(std::string_view octets, const Environment& environment, MDB_txn* txn);

private:
    void add(Table table, bool is_put, std::string_view key, std::string_view value);
    std::string octets_;
};

}  // namespace edgesync::lmdb
