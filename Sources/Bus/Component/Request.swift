public import Frames
public import JSON
public import Model
import Platform
import Synchronization

/// A request on its way through a component. May be kept, and answered from any thread.
///
/// It is answered exactly once by construction: only the first answer counts (the broker's own, when the deadline passes, is one
/// too), and a request that is let go without any is answered `broken`.
public final class Request: Sendable {
    public let header: RequestHeader
    public let body: [UInt8]
    /// Who asks, with the rights of this moment.
    public let account: Account
    /// When the asker stops waiting, on `Clock.monotonic`.
    public let deadline: Int64?
    /// The broker's number for it: unique while the host runs, in every log line about it.
    public let number: UInt64

    private let sink: any ReplySink
    private let state = Mutex(State())

    private struct State {
        var isAnswered = false
        var isCancelled = false
        var cancelHandlers: [@Sendable () -> Void] = []
    }

    public init(
        header: RequestHeader, body: [UInt8], account: Account, deadline: Int64?, number: UInt64, sink: any ReplySink
    ) {
        self.header = header
        self.body = body
        self.account = account
        self.deadline = deadline
        self.number = number
        self.sink = sink
    }

    public var verb: String { header.verb }

    /// The body as an object; an empty body is an empty object. Anything else is `invalid`.
    public func json() throws(BerthError) -> JSON {
        guard !body.isEmpty else { return .object(JSON.Object()) }
        let value: JSON
        do throws(JSON.ParseError) {
            value = try JSON(parsing: body)
        } catch {
            throw BerthError(.invalid, "the body of \(verb) is no JSON", cause: error)
        }
        guard value.object != nil else { throw BerthError(.invalid, "the body of \(verb) is not an object but of kind \(value.kind)") }
        return value
    }

    /// Milliseconds left before the asker stops waiting.
    public var remaining: Int64? { deadline.map { max(0, $0 - Clock.monotonic) } }

    /// Whether the asker took it back, or its deadline passed. Then nobody waits for the answer; give one all the same.
    public var isCancelled: Bool { state.withLock { $0.isCancelled } }

    /// Runs `handler` once when the request is cancelled, on another thread than the component's; at once if it is already.
    public func onCancel(_ handler: @escaping @Sendable () -> Void) {
        let now = state.withLock { state in
            if !state.isCancelled && !state.isAnswered { state.cancelHandlers.append(handler) }
            return state.isCancelled
        }
        if now { handler() }
    }

    public func ok(_ body: JSON = .object(JSON.Object())) { answer(Answer(ok: body)) }

    /// Answers `ok` with a body that is JSON already.
    public func ok(bytes: [UInt8]) { answer(Answer(status: .ok, bytes: bytes)) }

    /// Answers with an error; `details` are fields beside its message, such as `explanation`.
    public func fail(_ error: BerthError, details: JSON = .null) { answer(Answer(error, details: details)) }

    public func answer(_ answer: Answer) {
        guard claim() else { return }
        sink.reply(Reply(number: number, answer: answer))
    }

    /// Says how far it is, if the asker wants to know: 0 to 1 where that is known.
    public func progress(_ fraction: Double?, _ what: String, details: JSON = .null) {
        guard header.wantsProgress, !state.withLock({ $0.isAnswered }) else { return }
        var body: JSON = ["what": .string(what)]
        if let fraction { body["fraction"] = .double(fraction) }
        for field in details.object?.fields ?? [] { body[field.name] = field.value }
        sink.reply(Reply(number: number, answer: Answer(status: .progress, bytes: body.bytes)))
    }

    /// Takes the right to answer; only one ever gets it.
    func claim() -> Bool {
        state.withLock { state in
            guard !state.isAnswered else { return false }
            state.isAnswered = true
            state.cancelHandlers = []
            return true
        }
    }

    /// Marks it cancelled and tells whoever asked to hear of it.
    public func cancel() {
        let handlers = state.withLock { state in
            state.isCancelled = true
            defer { state.cancelHandlers = [] }
            return state.cancelHandlers
        }
        for handler in handlers { handler() }
    }

    deinit {
        guard claim() else { return }
        Log.error("a request was dropped without an answer", ["verb": verb, "id": header.id, "request": "\(number)"])
        sink.reply(Reply(number: number, answer: Answer(BerthError(.broken, "\(verb) was dropped without an answer; this is a bug"))))
    }
}

/// What a component sends back: `progress` or the answer.
public struct Reply: Sendable {
    public var number: UInt64
    public var answer: Answer

    public init(number: UInt64, answer: Answer) {
        self.number = number
        self.answer = answer
    }
}

/// Where replies go: the broker's queue, or a test's list. Called on any thread; must not block.
public protocol ReplySink: Sendable {
    func reply(_ reply: Reply)
}
