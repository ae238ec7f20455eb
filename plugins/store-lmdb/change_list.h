// What a group of functions changed in the tables, in the form in which the commit log keeps it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "environment.h"

namespace edgesync::lmdb {

/// One change; key and value lie in the octets of a list.
struct Change {
    Table table{};
    bool is_put = false;  ///< Otherwise the key is erased.
    std::string_view key;
    std::string_view value;
};

/// Changes are absolute (this key has this value, this key is gone), so that doing them again, in order, gives the same tables.
class ChangeList {
public:
    void put(Table table, std::string_view key, std::string_view value);
    void erase(Table table, std::string_view key);
    void clear() { octets_.clear(); }
    std::string_view octets() const { return octets_; }
    /// Leaves the list empty.
    std::shared_ptr<const std::string> take();

    /// Calls with each change in `octets`, in order. @throws Error{Corrupt}
    static void for_each(std::string_view octets, const std::function<void(const Change&)>& visit);
    /// Does the changes in `octets`. @throws MapFull, Error{Corrupt}
    static void apply(std::string_view octets, const Environment& environment, MDB_txn* txn);

private:
    void add(Table table, bool is_put, std::string_view key, std::string_view value);
    std::string octets_;
};

}  // namespace edgesync::lmdb
