public import JSON
public import Model
import Platform

/// A client of a host's bus: many requests at once on one connection, which comes again by itself.
///
/// When the connection breaks, what was asked with a key is asked again, and what was asked without one is `unreachable`, because
/// nobody can know whether it was done.
public final class BusClient: Sendable {
    private let mailbox = Mailbox<ClientWord>()
    private let thread: OSThread

    /// Begins to connect; requests wait until that is done.
    public init(_ endpoint: ClientEndpoint) throws(BerthError) {
        let ready = Handover<BerthError?>()
        let mailbox = mailbox
        let thread = OSThread("berth-client") {
            do throws(BerthError) {
                let loop = try ClientLoop(endpoint, mailbox)
                ready.give(nil)
                loop.run()
            } catch {
                ready.give(error)
            }
        }
        guard let thread else { throw BerthError(.exhausted, "the system has no thread left for a client") }
        self.thread = thread
        if let error = ready.take() {
            thread.join()
            throw error
        }
    }

    /// Asks, and calls `completion` once on the client's thread. `deadline` is in milliseconds; nil: no end.
    public func send(
        _ verb: String, _ body: [UInt8], _ options: ClientOptions = ClientOptions(), completion: @escaping @Sendable (Answer) -> Void
    ) {
        mailbox.put(.ask(ClientAsk(verb: verb, body: body, options: options, completion: completion)))
    }

    /// Asks and waits. Throws what the host answered, or `unreachable`. A cancelled task takes the request back.
    public func request(_ verb: String, _ body: JSON = .object(JSON.Object()), _ options: ClientOptions = ClientOptions()) async throws
        -> JSON
    {
        let name = Handle()
        return try await withTaskCancellationHandler {
            let answer = await withCheckedContinuation { continuation in
                mailbox.put(
                    .ask(ClientAsk(verb: verb, body: body.bytes, options: options, handle: name) { continuation.resume(returning: $0) }))
            }
            return try answer.get()
        } onCancel: {
            mailbox.put(.cancel(name))
        }
    }

    /// Ends the connection and waits for the thread; what is under way is `cancelled`. Once.
    public func close() {
        mailbox.put(.close)
        thread.join()
    }

    /// Names a request before it has a number.
    final class Handle: Sendable {}
}

/// How a client's request is to be treated.
public struct ClientOptions: Sendable {
    public var deadline: Int?
    public var key: String?
    /// The account that an operator acts for.
    public var actingFor: String?
    public var traceparent: String?
    /// Called on the client's thread.
    public var progress: (@Sendable (JSON) -> Void)?

    public init(
        deadline: Int? = nil, key: String? = nil, actingFor: String? = nil, traceparent: String? = nil,
        progress: (@Sendable (JSON) -> Void)? = nil
    ) {
        self.deadline = deadline
        self.key = key
        self.actingFor = actingFor
        self.traceparent = traceparent
        self.progress = progress
    }
}

struct ClientAsk: Sendable {
    var verb: String
    var body: [UInt8]
    var options: ClientOptions
    var handle: BusClient.Handle?
    var completion: @Sendable (Answer) -> Void
}

enum ClientWord: Sendable {
    case ask(ClientAsk)
    case cancel(BusClient.Handle)
    case close
}
