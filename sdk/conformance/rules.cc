#include "rules.h"

#include <fnmatch.h>

#include <algorithm>
#include <stdexcept>

namespace edgesync::conformance {
namespace {

std::vector<Rule> rules_of_stores() {
    constexpr auto kStore = PluginKind::Store;
    return {
        {kStore,
         "records",
         "A record comes back as it was put, every field of it, and what is not there is absent and no failure.",
         {"Objects.AbsentOnes*", "Objects.EveryField*", "Objects.AnEmptyList*", "Deliveries.AbsentOnes*", "Deliveries.ComeBack*",
          "Deliveries.NeedNo*", "Notifications.AbsentOnes*", "Notifications.ComeBack*", "Nodes.ComeBack*", "Entries.OfOneToSix*",
          "Entries.OfDifferentTables*", "Blobs.RecordsComeBack*"}},
        {kStore, "keys", "Keys are compared as a whole, part by part and octet by octet, over their full length.", {"Keys.*"}},
        {kStore,
         "indexes",
         "A record is in the lists that its present fields put it in, and in no other.",
         {"Objects.ErasingRemoves*", "Objects.UpdatedOnesAre*", "Objects.AreFoundBy*", "Objects.AreFoundOnce*", "Objects.FollowAChange*",
          "Deliveries.ErasingThose*", "Notifications.EveryStatus*", "Notifications.AreErased*"}},
        {kStore,
         "order",
         "Lists come in the order that store.h names for them.",
         {"Objects.AreListed*", "Objects.UpdatedOnesCome*", "Objects.Expire*", "Objects.Activate*", "Deliveries.AreListed*",
          "Notifications.DueOnes*", "Notifications.TransfersAre*", "Nodes.AreListed*", "Nodes.AreInactive*", "Entries.AreListed*"}},
        {kStore, "paging", "Pages of any size give every record once, and a cursor stays valid whatever comes and goes.", {"Paging.*"}},
        {kStore,
         "counters",
         "Counters are exact after every change.",
         {"Objects.ConsumedOnes*", "Objects.OwnOnes*", "Deliveries.AreCounted*", "Nodes.AreCounted"}},
        {kStore,
         "sequences",
         "Every put of a notification gets a larger sequence than any put before, and pending ones come by it.",
         {"Notifications.GetALarger*", "Notifications.PendingOnes*"}},
        {kStore,
         "atomicity",
         "A transaction is kept as a whole or not at all.",
         {"Transactions.KeepNothing*", "Transactions.OfOneThread*", "Restart.AFailedTransaction*", "Blobs.KeepTheir*"}},
        {kStore,
         "completion",
         "The completion of a transaction is called once, with its failure or when its changes can be seen.",
         {"Transactions.HandTheVery*", "Transactions.FromManyThreads*", "Transactions.AreVisible*", "Transactions.MayBeSubmitted*",
          "Transactions.SubmittedBefore*"}},
        {kStore,
         "snapshots",
         "A reader sees one committed state from its begin to its end, and never waits for writers.",
         {"Transactions.PassExceptions*", "Transactions.ReadersDoNot*", "Transactions.ASnapshot*", "Transactions.ReadersSee*",
          "Blobs.AnOlder*"}},
        {kStore,
         "own-changes",
         "A write transaction reads what it has changed itself.",
         {"Transactions.ReadTheirOwn*", "Sets.AFanOutSees*"}},
        {kStore,
         "lost-updates",
         "Write transactions act as if they ran one after the other.",
         {"Deliveries.SixtyFour*", "Deliveries.OfThose*", "Isolation.*", "Cluster.SixtyFour*", "Cluster.WhatTwoProcesses*",
          "Cluster.WhatAnotherProcessErases*", "Cluster.DueNotifications*"}},
        {kStore,
         "durability",
         "What was acknowledged survives the sudden end of the process, if the store says that it is persistent.",
         {"Crash.*", "Restart.Keeps*"}},
        {kStore,
         "blob-octets",
         "Any range of a blob reads as the octets that were written there, from any number of threads.",
         {"Blobs.ReadAnyRange", "Blobs.GiveADescriptor*", "Blobs.SmallData*", "Blobs.OfNoOctets*", "Blobs.OneReader*"}},
        {kStore,
         "blob-staging",
         "A staged blob takes octets at any offset, can be continued, and goes only when it is erased, discarded or an orphan.",
         {"Blobs.StagedOnes*", "Blobs.Holes*", "Blobs.Reopened*", "Blobs.Discarded*", "Blobs.Chunks*", "Restart.Continues*",
          "Restart.RemovesOrphans*", "Shared.WhatAnotherProcessStages*", "Shared.OctetsOf*"}},
        {kStore, "blob-readers", "An open reader keeps its octets when the blob is erased.", {"Blobs.ErasedOnes*", "Shared.ErasedBlobs*"}},
        {kStore, "blob-ids", "Ids of blobs never repeat.", {"Blobs.HaveIds*"}},
        {kStore, "sealing", "A sealed blob takes no more octets from any process.", {"Shared.ASealed*", "Shared.Sealing*"}},
        {kStore, "work", "A work item is given to one claim at a time, and not before its time.", {"Work.*"}},
        {kStore, "instance-ids", "Instance ids grow, whatever the clock does, over restarts too.", {"InstanceIds.*"}},
        {kStore,
         "set-operations",
         "A set operation has the effect of the single calls that it stands for.",
         {"Sets.AFanOutPuts*", "Sets.AFanOutReaches*", "Sets.AFanOutTells*", "Sets.AFanOutReplaces*", "Sets.AFanOutGoesOn*",
          "Sets.AFanOutWithout*", "Sets.AFanOutTo*", "Sets.AFanOutWhose*", "Sets.WhatWasAsked*", "Sets.Deliveries*"}},
        {kStore, "scale", "Hot queries cost what they return, not what there is.", {"Scale.PollingOne*", "Scale.ListsOf*"}},
        {kStore,
         "removal",
         "What is removed while more of it arrives leaves no rows and no files behind.",
         {"Scale.Removing*", "LargeScale.*"}},
        {kStore, "wiping", "A wiped store is as a new one.", {"Transactions.Wiping*", "Restart.AWiped*"}},
        {kStore, "health", "An open store says that it is well, and why not when it is not.", {"Transactions.AHealthy*"}},
        {kStore,
         "messages",
         "What one process broadcasts is heard by all others, in order, once its transaction can be seen.",
         {"Cluster.AMessage*", "Cluster.WhatIsHeard*", "Cluster.WhatWasSaid*", "Cluster.NoMessage*"}},
        {kStore,
         "leadership",
         "At most one process leads, and who does not lead any more cannot write as the leader.",
         {"Cluster.OneLeads*", "Cluster.AResigned*", "Cluster.AFormer*", "Cluster.NobodyTakes*", "ClusterOfOne.*"}},
        {kStore, "shared-time", "Processes that share a store agree on the time.", {"Cluster.TheyAgree*"}},
        {kStore, kBoundedTime, "Every call returns, and every completion comes, in bounded time.", {}},
        {kStore, kSurvival, "The plugin never ends the process.", {}},
    };
}

std::vector<Rule> rules_of_transports() {
    constexpr auto kTransport = PluginKind::Transport;
    return {
        {kTransport,
         "registration",
         "A node gets through to its CSS, which learns who registers and how, and the node hears when it is not known.",
         {"TransportMessages.ARegistration*", "TransportMessages.AnswersTo*", "TransportMessages.AnUnknown*"}},
        {kTransport,
         "messages",
         "Every message arrives as it was sent, in both directions.",
         {"TransportMessages.EveryMessage*", "TransportFlow.ALongMessage*"}},
        {kTransport, "once", "A line that nothing disturbs brings each message once.", {"TransportFlow.AMessageArrives*"}},
        {kTransport, "order", "Messages of one peer reach the host in the order in which they were sent.", {"TransportFlow.MessagesOf*"}},
        {kTransport,
         "identity",
         "A peer is who the line proves it to be, whatever a message claims.",
         {"TransportMessages.EveryNode*", "TransportHostile.ANode*"}},
        {kTransport,
         "verdicts",
         "Verdicts and replies go to the peer that asked, also when they come late.",
         {"TransportMessages.TheVerdict*", "TransportMessages.Replies*", "TransportMessages.AVerdict*"}},
        {kTransport, "back-pressure", "A host that is slow loses nothing.", {"TransportFlow.AHostThat*"}},
        {kTransport, "threads", "Any number of threads may send at once.", {"TransportFlow.ManyThreads*"}},
        {kTransport,
         "polling",
         "A CSS that is polled sends nothing unasked, and a registered node polls in exactly one loop.",
         {"TransportMessages.ACloudThat*", "TransportMessages.OneLoop*"}},
        {kTransport, "fetch", "A fetch brings the octets that were asked for, or the verdict that says why not.", {"TransportFetch.*"}},
        {kTransport,
         "push",
         "A push uploads the octets that were named, and brings the verdict of the receiver.",
         {"TransportPush.UploadsTheWhole*", "TransportPush.Tells*", "TransportPush.EndsSoon*", "TransportPush.UploadsLarge*",
          "TransportPush.OfEmpty*"}},
        {kTransport,
         "chunks",
         "On a packet line a push is one data message with exactly the octets that were named.",
         {"TransportPackets.AChunk*", "TransportPackets.EmptyData*", "TransportPackets.LargeData*", "TransportPackets.Replies*"}},
        {kTransport,
         "failures",
         "What failed is told as an Error of the right kind, and is never taken for done.",
         {"TransportPackets.WhatCannot*", "TransportPush.OfDataThat*", "TransportFaults.APushThat*", "TransportFaults.AFetchThat*"}},
        {kTransport,
         "lost-packets",
         "What a packet line loses, repeats or swaps is left to the kernel and holds up nothing.",
         {"TransportPackets.WhatGetsLost*", "TransportPackets.WhatIsRepeated*"}},
        {kTransport,
         "hostile-octets",
         "Octets that are no packet are dropped without an answer.",
         {"TransportHostile.WhatIsNo*", "TransportHostile.DataThat*"}},
        {kTransport,
         "broken-line",
         "A dead line shows as NotConnected or Timeout, and messages flow again when it is back.",
         {"TransportFaults.ACutLine*", "TransportFaults.ASilentLine*"}},
        {kTransport,
         "start",
         "A start waits for no peer, and messages flow after any node started again.",
         {"TransportFaults.ANodeStarts*", "TransportRestart.*"}},
        {kTransport, "drain", "A drained transport begins no exchange.", {"TransportStop.ADrained*"}},
        {kTransport,
         "stop",
         "A stop is soon, in the middle of everything, and after it the host hears nothing more.",
         {"TransportStop.OfANode*", "TransportStop.OfTheCloud*", "TransportStop.DoesNotWait*"}},
        {kTransport, kBoundedTime, "Every call returns in bounded time.", {}},
        {kTransport, kSurvival, "The plugin never ends the process.", {}},
    };
}

std::vector<const Rule*> all_rules_of_test(const std::string& test) {
    std::vector<const Rule*> found;
    for (const Rule& rule : rules()) {
        const auto names_it = [&](const char* pattern) { return matches(pattern, test); };
        if (std::any_of(rule.tests.begin(), rule.tests.end(), names_it)) found.push_back(&rule);
    }
    return found;
}

}  // namespace

const std::vector<Rule>& rules() {
    static const std::vector<Rule> all = [] {
        auto joined = rules_of_stores();
        for (auto& rule : rules_of_transports()) joined.push_back(std::move(rule));
        return joined;
    }();
    return all;
}

const Rule* rule_of_test(const std::string& test) {
    const auto found = all_rules_of_test(test);
    return found.empty() ? nullptr : found.front();
}

const Rule& rule_named(PluginKind kind, const std::string& id) {
    for (const Rule& rule : rules()) {
        if (rule.kind == kind && rule.id == id) return rule;
    }
    throw std::logic_error("there is no rule " + id);
}

std::string where_written(const Rule& rule) { return "docs/writing-a-" + std::string(word_of(rule.kind)) + ".md#" + rule.id; }

const char* word_of(PluginKind kind) noexcept { return kind == PluginKind::Store ? "store" : "transport"; }

bool matches(const std::string& pattern, const std::string& text) { return ::fnmatch(pattern.c_str(), text.c_str(), 0) == 0; }

std::vector<std::string> problems_of_rules(const std::vector<std::string>& tests) {
    std::vector<std::string> problems;
    for (const std::string& test : tests) {
        const auto found = all_rules_of_test(test);
        if (found.empty()) problems.push_back("the test " + test + " belongs to no rule");
        if (found.size() > 1) problems.push_back("the test " + test + " belongs to " + found[0]->id + " and to " + found[1]->id);
    }
    for (const Rule& rule : rules()) {
        for (const char* pattern : rule.tests) {
            const auto is_meant = [&](const std::string& test) { return matches(pattern, test); };
            if (std::none_of(tests.begin(), tests.end(), is_meant)) {
                problems.push_back(std::string("the rule ") + rule.id + " names " + pattern + ", which is no test");
            }
        }
    }
    return problems;
}

}  // namespace edgesync::conformance
