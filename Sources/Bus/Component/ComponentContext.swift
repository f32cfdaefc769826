public import JSON

/// What a component may do. Belongs to the component's thread: all but `hop`'s result are called there, and every closure given
/// to it runs there, between two batches. A protocol, so that the simulator can stand in for the bus.
public protocol ComponentContext: AnyObject {
    /// The component's name.
    var name: String { get }

    /// Asks whoever answers `verb`, another component or this one. `completion` gets the answer exactly once: `deadline` when
    /// none came in time, `retry` when the component that had it died, `unsupported` when nobody has the verb.
    /// Returns a ticket for `cancel`.
    @discardableResult
    func request(_ verb: String, _ body: [UInt8], _ options: RequestOptions, completion: @escaping (Answer) -> Void) -> RequestTicket

    /// Asks that a request be cancelled; its completion still gets the answer, often `cancelled`.
    func cancel(_ ticket: RequestTicket)

    /// Sends an event that the ledger has committed to all who may see it: operators, and `owner`; with no owner, to everyone
    /// for `provider.` and `member.` topics and else to operators alone. The body holds `seq`, `time` and `subject`.
    /// Subscribed components get it too.
    func publish(_ topic: String, _ body: [UInt8], owner: String?)

    /// Tells the components that subscribed, and nobody else: `driver.lab.state`.
    func notify(_ topic: String, _ body: [UInt8])

    /// From now on `handler` gets each event and notice whose topic starts with `prefix`.
    func subscribe(_ prefix: String, handler: @escaping (Notice) -> Void)

    /// Runs `work` once after so many milliseconds.
    @discardableResult
    func after(_ milliseconds: Int64, _ work: @escaping () -> Void) -> TimerTicket

    /// A timer that has not run yet never will.
    func cancel(_ timer: TimerTicket)

    /// A function for other threads: whenever it is called, `work` runs on the component's thread with the value given.
    /// This is how a driver call's completion, a ledger's commit or a task's result comes home.
    func hop<Value: Sendable>(_ work: @escaping (Value) -> Void) -> @Sendable (Value) -> Void
}

extension ComponentContext {
    @discardableResult
    public func request(
        _ verb: String, _ body: JSON, _ options: RequestOptions = RequestOptions(), completion: @escaping (Answer) -> Void
    ) -> RequestTicket {
        request(verb, body.bytes, options, completion: completion)
    }

    public func publish(_ topic: String, _ body: JSON, owner: String? = nil) { publish(topic, body.bytes, owner: owner) }

    public func notify(_ topic: String, _ body: JSON) { notify(topic, body.bytes) }
}

/// How a component's request is to be treated.
public struct RequestOptions {
    /// Milliseconds until the answer `deadline`; nil: waits for ever.
    public var deadline: Int?
    public var key: String?
    public var traceparent: String?
    /// On whose behalf; nil: the component's own (`component:NAME`).
    public var account: Account?
    /// Gets `progress` bodies before the answer, on the component's thread.
    public var progress: ((JSON) -> Void)?

    public init(
        deadline: Int? = nil, key: String? = nil, traceparent: String? = nil, account: Account? = nil, progress: ((JSON) -> Void)? = nil
    ) {
        self.deadline = deadline
        self.key = key
        self.traceparent = traceparent
        self.account = account
        self.progress = progress
    }
}

/// Names a request under way.
public struct RequestTicket: Sendable, Hashable {
    public let number: UInt64

    public init(number: UInt64) {
        self.number = number
    }
}

/// Names a timer.
public struct TimerTicket: Sendable, Hashable {
    public let number: UInt64

    public init(number: UInt64) {
        self.number = number
    }
}

/// What a subscription delivers.
public struct Notice: Sendable {
    public var topic: String
    public var bytes: [UInt8]
    /// Whose thing it is about, where it is somebody's.
    public var owner: String?

    public init(topic: String, bytes: [UInt8], owner: String? = nil) {
        self.topic = topic
        self.bytes = bytes
        self.owner = owner
    }

    /// The body; null if it is no JSON.
    public var body: JSON { (try? JSON(parsing: bytes)) ?? .null }
}
