import JSON
import Model
import Planner

/// Whether a row is ahead of the ledger. Calls to drivers and answers are only of what is not.
struct Durability {
    /// Changed since the last batch was cut.
    var isDirty = false
    /// In the batch that is being committed.
    var isCommitting = false

    var isDurable: Bool { !isDirty && !isCommitting }
}

/// A lease that is not over.
final class LeaseEntry {
    var lease: Lease
    /// The id as the planner knows it.
    let key: String
    /// All its machines, in the order of their making, final ones too.
    var machines: [MachineEntry] = []
    /// Intents that must be through before it may be over.
    var openIntents = 0
    var durability = Durability()
    /// Askers who wait until it is active or has failed.
    var waiters: [Int] = []
    /// Steady time from which `prepare-within` counts.
    var preparesSince: Int64?
    /// Waits to be looked at by `settle`.
    var isTouched = false

    init(_ lease: Lease) {
        self.lease = lease
        key = lease.id.description
    }

    var live: [MachineEntry] { machines.filter { !$0.machine.isFinal } }

    /// How many machines it wants: all but those that an elastic lease only keeps room for.
    func wanted(_ group: Int) -> Int { lease.terms.groups[group].count }

    func groupIndex(_ name: String) -> Int { lease.terms.groups.firstIndex { $0.name == name } ?? 0 }
}

/// A machine of a lease that is not over.
final class MachineEntry {
    var machine: Machine
    unowned let owner: LeaseEntry
    /// The one thing that is being done with it.
    var intent: IntentEntry?
    var durability = Durability()
    /// It is in the ledger: seats that are not made yet are not.
    var isStored = false
    /// What the Monitor last said about its readiness, and why it is not ready.
    var isReachable = false
    var unready: String?
    /// What its driver last said of its size and place; nil: nothing yet, or we are changing it ourselves.
    var seen: (resources: Resources, node: String?)?
    /// An `inspect` is under way.
    var isInspected = false
    /// Its driver told of it before the answer of its create was here.
    var wasReported = false
    /// It exists at the provider or may exist: its room is taken in body.
    var isBodily = false
    /// What its node counts for it.
    var counted = Resources.zero
    /// It sleeps, and has been told to run: it may at any moment.
    var isWaking = false
    /// Its create, if that became a tombstone.
    var tombstone: IntentEntry?
    /// The number of the next driver call when its native id became known: a list with an earlier one cannot miss it.
    var knownSince = 0
    /// Steady time at which it was seen running.
    var runningSince: Int64?
    /// Where it is being moved to.
    var migratesTo: String?
    /// What it cannot do, as its driver answered.
    var refused: Set<String> = []

    init(_ machine: Machine, of owner: LeaseEntry) {
        self.machine = machine
        self.owner = owner
    }

    /// What it takes of its node in body: all that it has while it may run, and at rest what lies on the disk.
    var takes: Resources {
        guard isBodily else { return .zero }
        let all = machine.size.resources
        // A lease that wakes is suspended until all its machines run: what runs already takes its room.
        let isAsleep = machine.state == .suspended && machine.observed == .unknown
        let rests = isAsleep || machine.observed == .suspended || machine.observed == .stopped
        return rests && !isWaking ? Resources(diskGiB: all.diskGiB, machines: all.machines) : all
    }

    var nodeID: NodeID? {
        guard let provider = machine.provider, let node = machine.node else { return nil }
        return NodeID(provider, node)
    }
}

/// Something to do at a provider, until it is done.
final class IntentEntry {
    var intent: Intent
    var durability = Durability()
    /// The machine it is for; nil once its lease is over (tombstones), and for the double of a machine.
    weak var machine: MachineEntry?
    weak var lease: LeaseEntry?
    /// The driver call in flight.
    var call: Int?
    /// Was handed to a driver in this life, or may have been in an earlier one.
    var wasSent = false
    /// Steady time before which it is not tried again.
    var notBefore: Int64 = 0
    var delay: Int64 = 0
    /// Strays: what stands where until it is destroyed.
    var body: (node: String, takes: Resources)?
    /// Waits in its provider's queue.
    var isQueued = false
    /// Tombstones: a list that began after the last try did not show it. Lists are known by their call's number.
    var isSettled = false
    var settlesAfter = 0

    init(_ intent: Intent) {
        self.intent = intent
    }

    var isTombstone: Bool { intent.state == .tombstone }

    /// Its machine takes more room afterwards than before.
    var needsRoom: Bool { intent.verb == .create || intent.verb == .action("resume") || intent.verb == .action("start") }

    /// The provider's id of what it is about: its own, for doubles and strays, else the machine's.
    var nativeID: String? { intent.arguments["native_id"]?.string ?? machine?.machine.nativeID }
}

/// A provider as the core knows it.
final class ProviderEntry {
    let name: String
    var settings: ProviderSettings
    var state = "starting"
    var reason: String?
    var capabilities: Set<String> = []
    /// The member of the federation that it stands for; nil: it is here.
    var member: String?
    var rank: Int?
    /// The driver has listed its machines since its worker started: what we did not see is not there.
    var isListed = false
    /// The list or capacity call under way.
    var listCall: Int?
    var capacityCall: Int?
    var catalogCall: Int?
    /// A list was asked for while one was under way: that one may have looked too early.
    var listsAgain = false
    var retryDelay: Int64 = 0
    /// Intents that wait for a free thread, and how many have one.
    var queue: [IntentEntry] = []
    var running = 0
    var nodes: [String: NodeEntry] = [:]
    var nodeNames: [String] = []
    var images: [(id: String, name: String)] = []
    var sizes: [Flavor] = []
    /// Machines at the provider that carry a key of ours and are unknown, by native id, in order.
    var strays: [String] = []
    var strayDocuments: [String: MachineDocument] = [:]

    init(_ settings: ProviderSettings) {
        name = settings.name
        self.settings = settings
    }

    /// Calls reach the driver.
    var isUsable: Bool { ["ready", "degraded", "draining"].contains(state) }
    /// It will be usable soon, or not: a request may wait for it.
    var isComing: Bool { state == "starting" || state == "restarting" || (isUsable && nodeNames.isEmpty && capacityCall != nil) }

    func can(_ capability: String) -> Bool { capabilities.contains(capability) }
}

/// A node as its provider's capacity document tells it, and what our machines take of it in body.
struct NodeEntry {
    var node: Node
    /// `used` of the last capacity document.
    var used = Resources.zero
    /// That less what was ours then.
    var foreign = Resources.zero
    /// What our machines that exist or may exist take.
    var bodily = Resources.zero
    /// What left since the capacity call began: the document may still count it.
    var left = Resources.zero
}
