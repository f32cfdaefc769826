public import JSON

/// What must be done at a provider, written down before it is tried: the ledger is the queue. Closed intents are not kept; an intent
/// that became a tombstone is kept for ever.
public struct Intent: Sendable, Equatable {
    /// Counts up within a ledger; `LedgerSnapshot.nextIntent` is the first free one.
    public var id: Int64
    public var verb: Verb
    public var state: IntentState = .open
    public var machine: MachineID
    public var lease: LeaseID
    public var provider: String
    /// What the call wants beside the key: the spec of a create, the arguments of an action.
    public var arguments: JSON
    public var created: Instant
    /// How many times it was handed to a driver.
    public var attempts = 0
    /// How many times the driver crashed by itself while this was in flight; three make a tombstone of a create.
    public var crashes = 0
    /// Not before this moment, while it backs off.
    public var nextTry: Instant?
    /// Why it is not done yet, or why it became a tombstone.
    public var message: String?

    public enum Verb: Sendable, Hashable, CustomStringConvertible {
        case create, destroy
        /// A verb of the ABI's `action`: `suspend`, `resume`, `start` …
        case action(String)

        public var description: String {
            switch self {
            case .create: "create"
            case .destroy: "destroy"
            case .action(let verb): verb
            }
        }

        public init(_ text: String) {
            switch text {
            case "create": self = .create
            case "destroy": self = .destroy
            default: self = .action(text)
            }
        }
    }

    public init(
        id: Int64, verb: Verb, machine: MachineID, lease: LeaseID, provider: String, arguments: JSON = .null, created: Instant
    ) {
        self.id = id
        self.verb = verb
        self.machine = machine
        self.lease = lease
        self.provider = provider
        self.arguments = arguments
        self.created = created
    }
}

/// DESIGN §6, intents: only success or a failure that promises that nothing is there closes a create.
public enum IntentState: String, StateWithTransitions {
    /// To be done, or being done for the first time.
    case open
    /// Tried, and nobody knows how it went: same key, same provider, again.
    case unknown
    case closed
    /// No longer wanted, and it may still turn up: a machine that shows the key is destroyed on sight.
    case tombstone

    public static let noun = "intent"

    public var successors: [IntentState] {
        switch self {
        case .open: [.unknown, .closed, .tombstone]
        case .unknown: [.closed, .tombstone]
        case .closed, .tombstone: []
        }
    }
}

extension Intent {
    /// What the ledger keeps beside its columns (id, state, verb, machine, lease, provider).
    public var document: JSON {
        var document: JSON = ["created": JSON(created.milliseconds)]
        if !arguments.isNull { document["arguments"] = arguments }
        if attempts > 0 { document["attempts"] = JSON(attempts) }
        if crashes > 0 { document["crashes"] = JSON(crashes) }
        if let nextTry { document["next_try"] = JSON(nextTry.milliseconds) }
        if let message { document["message"] = JSON(message) }
        return document
    }

    public mutating func read(_ document: JSON) {
        arguments = document["arguments"] ?? .null
        created = Instant(milliseconds: Int64(document["created"]?.int ?? 0))
        attempts = document["attempts"]?.int ?? 0
        crashes = document["crashes"]?.int ?? 0
        nextTry = document["next_try"]?.int.map { Instant(milliseconds: Int64($0)) }
        message = document["message"]?.string
    }
}
