public import JSON
public import Ledger
public import Model

/// A request as the core sees it: parsed, and with a number for the way back.
public struct CoreRequest: Sendable {
    /// Finds the asker again when the answer is there.
    public var token: Int
    public var verb: String
    public var body: JSON
    public var owner: String
    /// Operators and components see everybody's things.
    public var seesAll: Bool
    public var isOperator: Bool
    /// The idempotency key and what it was sent with; nil: none.
    public var key: String?
    public var bodyHash: UInt64
    /// Milliseconds until the asker stops waiting.
    public var patience: Int64?

    public init(
        token: Int, verb: String, body: JSON, owner: String, seesAll: Bool = false, isOperator: Bool = false, key: String? = nil,
        bodyHash: UInt64 = 0, patience: Int64? = nil
    ) {
        self.token = token
        self.verb = verb
        self.body = body
        self.owner = owner
        self.seesAll = seesAll
        self.isOperator = isOperator
        self.key = key
        self.bodyHash = bodyHash
        self.patience = patience
    }

    func sees(_ owner: String) -> Bool { seesAll || owner == self.owner }
}

/// What goes back to an asker.
public enum CoreReply: Sendable, Equatable {
    case ok(JSON)
    case failed(BerthError, details: JSON)
    /// Not the end yet: how far it is, 0–1, and in words.
    case progress(Double, String)

    var isFinal: Bool {
        if case .progress = self { false } else { true }
    }
}

/// Everything that can happen to the core.
public enum CoreInput: Sendable {
    case request(CoreRequest)
    /// The asker stopped waiting.
    case abandoned(Int)
    /// A driver call of ours ended.
    case answer(Int, DriverAnswer)
    /// A driver reported a machine by itself, or the Monitor looked at one.
    case observed(provider: String, MachineDocument)
    /// The driver lost events: list again.
    case resync(provider: String)
    case provider(ProviderChange)
    /// The batch of the last step is durable (its events numbered), or nothing of it is.
    case committed(Result<[Event], BerthError>)
    /// The ledger can be written again after a failure.
    case ledgerReady
    /// Nothing but time.
    case tick
    /// The configuration was read again.
    case settings(SchedulerSettings)
}

/// What Drivers says of a provider.
public struct ProviderChange: Sendable, Equatable {
    public var name: String
    /// DESIGN's states of a provider.
    public var state: String
    public var reason: String?
    public var capabilities: [String]
    /// The member of the federation that it stands for, and its place among the members; nil: it is here.
    public var member: String?
    public var rank: Int?

    public init(
        name: String, state: String, reason: String? = nil, capabilities: [String] = [], member: String? = nil, rank: Int? = nil
    ) {
        self.name = name
        self.state = state
        self.reason = reason
        self.capabilities = capabilities
        self.member = member
        self.rank = rank
    }
}

/// What the core wants done, in this order: answers and events are of what is durable, calls are of what is durable, and the batch is next.
public struct Step: Sendable {
    public var events: [Event] = []
    public var replies: [(token: Int, reply: CoreReply)] = []
    public var calls: [DriverCall] = []
    /// Calls whose result nobody needs any more.
    public var cancels: [Int] = []
    /// Hand it to the ledger, and feed `.committed`.
    public var batch: Batch?
    /// Steady time of the next `.tick` that has something to do.
    public var wake: Int64?

    public init() {}
}
