public import JSON
public import Model

/// A call that the core wants made: the body of `driver.call` on the bus.
public struct DriverCall: Sendable, Equatable {
    /// The slots of `compute/1` that the Scheduler uses.
    public enum Slot: String, Sendable {
        case create, list, inspect, action, capacity, catalog
    }

    /// Counts up for the life of the core, so an answer finds its call, and one of an earlier life finds none.
    public var number: Int
    public var provider: String
    public var slot: Slot
    /// The provider's id of the machine; empty for create and for what is not about one machine.
    public var nativeID: String
    public var verb: String
    public var key: String
    public var body: JSON

    public init(number: Int, provider: String, slot: Slot, nativeID: String = "", verb: String = "", key: String = "", body: JSON = .null) {
        self.number = number
        self.provider = provider
        self.slot = slot
        self.nativeID = nativeID
        self.verb = verb
        self.key = key
        self.body = body
    }

    /// `{"provider","call","id","verb","key","spec","args"}`
    public var json: JSON {
        var object: JSON = ["provider": JSON(provider), "call": JSON(slot.rawValue)]
        switch slot {
        case .create:
            object["key"] = JSON(key)
            object["spec"] = body
        case .inspect:
            object["id"] = JSON(nativeID)
        case .action:
            object["id"] = JSON(nativeID)
            object["verb"] = JSON(verb)
            if body != .null { object["args"] = body }
        case .list, .capacity, .catalog:
            break
        }
        return object
    }
}

/// How a driver call ended.
public enum DriverAnswer: Sendable, Equatable {
    /// One document, or the lines of a `list`.
    case document(JSON)
    case lines([JSON])
    case failure(DriverFailure)

    /// The body of an ok reply to `driver.call`.
    public init(_ body: JSON) {
        if let lines = body["lines"]?.array {
            self = .lines(lines)
        } else {
            self = .document(body["document"] ?? .null)
        }
    }
}

/// A driver call that failed, and what that tells about its effect.
public struct DriverFailure: Sendable, Equatable {
    public var code: BerthError.Code
    public var message: String
    public var native: String?
    /// The worker died under the call, and not by somebody else's hand.
    public var crashed: Bool

    public init(_ code: BerthError.Code, _ message: String, native: String? = nil, crashed: Bool = false) {
        self.code = code
        self.message = message
        self.native = native
        self.crashed = crashed
    }

    /// From `create`: a promise that nothing exists or will appear under the key (DESIGN §3). Everything else is "unknown".
    public var promisesNothing: Bool {
        [.invalid, .unsupported, .conflict, .denied, .exhausted].contains(code) && !crashed
    }

    /// Another attempt elsewhere would fail the same way.
    public var isFinal: Bool {
        [.invalid, .unsupported, .denied].contains(code) && !crashed
    }

    public var description: String {
        native.map { "\(message) (\($0))" } ?? message
    }
}
