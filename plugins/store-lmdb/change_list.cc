#include "change_list.h"

#include <cstring>
#include <utility>

#include "edgesync/sdk/error.h"

namespace edgesync::lmdb {
namespace {

/// Precedes the key and the value.
struct Head {
    std::uint8_t table;
    std::uint8_t is_put;
    std::uint16_t key_size;
    std::uint32_t value_size;
};

}  // namespace

void ChangeList::add(Table table, bool is_put, std::string_view key, std::string_view value) {
    const Head head{static_cast<std::uint8_t>(table), static_cast<std::uint8_t>(is_put), static_cast<std::uint16_t>(key.size()),
                    static_cast<std::uint32_t>(value.size())};
    octets_.append(reinterpret_cast<const char*>(&head), sizeof head).append(key).append(value);
}

void ChangeList::put(Table table, std::string_view key, std::string_view value) { add(table, true, key, value); }
void ChangeList::erase(Table table, std::string_view key) { add(table, false, key, {}); }

std::shared_ptr<const std::string> ChangeList::take() {
    std::string next;
    next.reserve(octets_.size());
    octets_.swap(next);
    return std::make_shared<const std::string>(std::move(next));
}

void ChangeList::for_each(std::string_view octets, const std::function<void(const Change&)>& visit) {
    while (!octets.empty()) {
        Head head{};
        if (octets.size() < sizeof head) throw Error(ErrorKind::Corrupt, "A change in the store's log is cut off");
        std::memcpy(&head, octets.data(), sizeof head);
        octets.remove_prefix(sizeof head);
        const std::size_t size = std::size_t{head.key_size} + head.value_size;
        if (head.table >= static_cast<std::uint8_t>(Table::Count_) || size > octets.size())
            throw Error(ErrorKind::Corrupt, "A change in the store's log cannot be read");
        visit({static_cast<Table>(head.table), head.is_put != 0, octets.substr(0, head.key_size),
               octets.substr(head.key_size, head.value_size)});
        octets.remove_prefix(size);
    }
}

void ChangeList::apply(std::string_view octets, const Environment& environment, MDB_txn* txn) {
    for_each(octets, [&](const Change& change) {
        MDB_val key{change.key.size(), const_cast<char*>(change.key.data())};
        MDB_val value{change.value.size(), const_cast<char*>(change.value.data())};
        const MDB_dbi dbi = environment.dbi(change.table);
        if (change.is_put) {
            check(mdb_put(txn, dbi, &key, &value, 0), "restoring");
        } else {
            check(mdb_del(txn, dbi, &key, nullptr), "restoring");
        }
    });
}

}  // namespace edgesync::lmdb
