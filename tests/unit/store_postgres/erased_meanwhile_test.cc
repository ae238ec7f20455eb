// What a transaction has seen and somebody else erases before it commits is not put back. Runs inside tests/with-postgres.
#include <future>

#include "tests/unit/store_postgres/instance.h"

namespace edgesync::postgres {
namespace {

const ObjectKey kObject{"acme", "model", "m1"};
const NodeKey kNode{"acme", "camera", "cam1"};
const BlobId kBlob{{1, 2, 3}};

/// A record of a table, and what is done with it.
struct Kind {
    const char* name;
    std::function<void(WriteTransaction&)> put;  ///< As it may be put again.
    std::function<bool(WriteTransaction&)> is_there;
    std::function<void(WriteTransaction&)> erase;
    std::function<void(WriteTransaction&)> put_first = put;
};

std::ostream& operator<<(std::ostream& out, const Kind& kind) { return out << kind.name; }

ObjectRecord object_record() {
    ObjectRecord record;
    record.meta.org = kObject.org;
    record.meta.object_type = kObject.type;
    record.meta.object_id = kObject.id;
    return record;
}

DeliveryRecord delivery_record() {
    DeliveryRecord record;
    record.object = kObject;
    record.node = kNode;
    return record;
}

NotificationRecord notification_record() {
    NotificationRecord record;
    record.object = kObject;
    record.peer = kNode;
    return record;
}

BlobRecord blob_record() {
    BlobRecord record;
    record.id = kBlob;
    record.state = BlobState::Published;
    return record;
}

const std::vector<Kind>& kinds() {
    static const std::vector<Kind> all = {
        {"object", [](WriteTransaction& txn) { txn.put_object(object_record()); },
         [](WriteTransaction& txn) { return txn.object(kObject).has_value(); }, [](WriteTransaction& txn) { txn.erase_object(kObject); }},
        {"delivery", [](WriteTransaction& txn) { txn.put_delivery(delivery_record()); },
         [](WriteTransaction& txn) { return txn.delivery(kObject, kNode).has_value(); },
         [](WriteTransaction& txn) { txn.erase_delivery(kObject, kNode); }},
        {"deliveries", [](WriteTransaction& txn) { txn.put_delivery(delivery_record()); },
         [](WriteTransaction& txn) { return txn.delivery(kObject, kNode).has_value(); },
         [](WriteTransaction& txn) { txn.erase_deliveries(kObject); }},
        {"notification", [](WriteTransaction& txn) { txn.put_notification(notification_record()); },
         [](WriteTransaction& txn) { return txn.notification(kObject, kNode).has_value(); },
         [](WriteTransaction& txn) { txn.erase_notification(kObject, kNode); }},
        {"destination",
         [](WriteTransaction& txn) {
             txn.put_destination({kNode, "http", "1.0", {}, true});
         },
         [](WriteTransaction& txn) { return txn.destination(kNode).has_value(); },
         [](WriteTransaction& txn) { txn.erase_destination(kNode); }},
        {"entry", [](WriteTransaction& txn) { txn.put_entry(EntryTable::Setting, {"name"}, "value"); },
         [](WriteTransaction& txn) { return txn.entry(EntryTable::Setting, {"name"}).has_value(); },
         [](WriteTransaction& txn) { txn.erase_entry(EntryTable::Setting, {"name"}); }},
        {"blob", [](WriteTransaction& txn) { txn.put_blob(blob_record()); },
         [](WriteTransaction& txn) { return txn.blob(kBlob).has_value(); }, [](WriteTransaction& txn) { txn.erase_blob(kBlob); },
         [](WriteTransaction& txn) { txn.put_small_data(blob_record(), {}); }},
    };
    return all;
}

class ErasedMeanwhile : public ::testing::TestWithParam<Kind> {
protected:
    using Begin = std::function<void(WriteTransaction&)>;

    static void ask_what_groups_ask(WriteTransaction& txn) {
        Prefetch names;
        names.objects.push_back(kObject);
        names.deliveries.emplace_back(kObject, kNode);
        names.notifications.emplace_back(kObject, kNode);
        names.destinations.push_back(kNode);
        txn.prefetch(names);
    }
    /// What begins with a list is no part of a group.
    static void ask_for_a_list(WriteTransaction& txn) { txn.entries(EntryTable::Setting, {}, "", 10); }

    /// Puts the record again if it is there, and has it erased elsewhere in between. What each run saw.
    std::vector<bool> put_what_is_erased(const Begin& begin) {
        there_.change([&](WriteTransaction& txn, rules::Effects&) { GetParam().put_first(txn); });
        std::vector<bool> seen;
        std::promise<void> end;
        here_.store().submit(
            [&](WriteTransaction& txn) {
                begin(txn);
                seen.push_back(GetParam().is_there(txn));
                if (seen.size() == 1) there_.change([&](WriteTransaction& other, rules::Effects&) { GetParam().erase(other); });
                if (seen.back()) GetParam().put(txn);
            },
            [&](const std::exception_ptr& failure) { failure ? end.set_exception(failure) : end.set_value(); });
        end.get_future().get();
        return seen;
    }
    bool is_there() {
        bool found = false;
        there_.change([&](WriteTransaction& txn, rules::Effects&) { found = GetParam().is_there(txn); });
        return found;
    }

    const Given settings_ = database_settings(schema_of_test(), {{"PostgresPoolSize", "8"}});
    Instance here_{settings_};
    Instance there_{settings_};
};

TEST_P(ErasedMeanwhile, IsNotPutBackByAGroup) {
    EXPECT_EQ(put_what_is_erased(ask_what_groups_ask), (std::vector<bool>{true, false}));
    EXPECT_FALSE(is_there());
}

TEST_P(ErasedMeanwhile, IsNotPutBackByATransactionOfItsOwn) {
    EXPECT_EQ(put_what_is_erased(ask_for_a_list), (std::vector<bool>{true, false}));
    EXPECT_FALSE(is_there());
}

TEST_P(ErasedMeanwhile, IsPutBackByTheTransactionThatErasedItItself) {
    here_.change([&](WriteTransaction& txn, rules::Effects&) { GetParam().put_first(txn); });
    int runs = 0;
    here_.change([&](WriteTransaction& txn, rules::Effects&) {
        ask_for_a_list(txn);
        ++runs;
        EXPECT_TRUE(GetParam().is_there(txn));
        GetParam().erase(txn);
        ask_for_a_list(txn);  // Now the database has been told.
        GetParam().put_first(txn);
    });
    EXPECT_EQ(runs, 1);
    EXPECT_TRUE(is_there());
}

INSTANTIATE_TEST_SUITE_P(Records, ErasedMeanwhile, ::testing::ValuesIn(kinds()), [](const auto& kind) { return kind.param.name; });

}  // namespace
}  // namespace edgesync::postgres
