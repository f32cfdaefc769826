import Frames
import Model
import Platform

/// A request that a component has: one unit of its work, and everyone who waits for the answer.
final class Flight {
    let number: UInt64
    let verb: VerbEntry
    let account: Account
    /// Who has it.
    let instance: Instance
    /// What a component of this process holds, and nobody else: letting it go is an answer. Others have only the number.
    weak var request: Request?
    var waiters: [Waiter]
    /// Set where others may join it.
    var key: KeyTable.Name?
    let started: Int64

    init(
        number: UInt64, verb: VerbEntry, account: Account, instance: Instance, request: Request?, waiter: Waiter, key: KeyTable.Name?,
        started: Int64
    ) {
        self.number = number
        self.verb = verb
        self.account = account
        self.instance = instance
        self.request = request
        self.waiters = [waiter]
        self.key = key
        self.started = started
    }
}

/// Somebody who waits for an answer.
struct Waiter {
    var number: UInt64
    var asker: Asker
    /// The asker's own name for the request.
    var id: String
    var deadline: Int64?
    var wantsProgress: Bool
    /// Came later with the same key.
    var hasJoined = false
}

enum Asker {
    /// `isREQ`: an empty frame stood in front, and must in the reply.
    case client(routing: [UInt8], isREQ: Bool)
    /// A component, and its ticket.
    case component(Instance, UInt64)
}

/// What the broker keeps of a client while there is something to keep.
final class ClientState {
    var flights: Set<UInt64> = []
    /// Replies that did not fit its queue.
    var parked: [(header: [UInt8], body: [UInt8], isREQ: Bool)] = []
    var parkedBytes = 0

    var isIdle: Bool { flights.isEmpty && parked.isEmpty }
}

/// A verb, and those who answer it.
final class VerbEntry {
    let verb: Verb
    var instances: [Instance] = []
    var requests = 0
    var failures = 0
    private var turn = 0

    init(_ verb: Verb) {
        self.verb = verb
    }

    /// The instance with the least to do, in turn among equals.
    func pick() -> Instance? {
        guard instances.count > 1 else { return instances.first }
        turn &+= 1
        var best = instances[turn % instances.count]
        for offset in 1..<instances.count {
            let other = instances[(turn + offset) % instances.count]
            if other.inFlight < best.inFlight { best = other }
        }
        return best
    }
}

/// A running component: in this process, or behind the backend socket.
final class Instance {
    let name: String
    let limit: Int
    let link: Link
    var inFlight = 0
    var prefixes: Set<String> = []
    /// Deliveries collected in one turn of the loop.
    var outbox: [Delivery] = []
    /// When it was last heard of (backend only).
    var heard: Int64 = 0
    var verbs: [String] = []
    /// ZAP's word for the connection (backend only).
    var user: [CChar]?

    enum Link {
        case local(Mailbox<Delivery>)
        case remote(routing: [UInt8])
    }

    init(name: String, limit: Int, link: Link) {
        self.name = name
        self.limit = limit
        self.link = link
    }
}
