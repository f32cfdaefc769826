import Glibc
import PluginKit
import Synchronization

/// The way to one hypervisor: a connection that is made when it is needed, watched, and made again when it is lost.
///
/// A keeper thread waits for the end of a connection and then tries, with a back-off of 0.2 to 5 s, to get another, so
/// that events flow again without anybody asking; the host is told `down`, then `up` and to list again.
final class Link: Sendable {
    private struct State {
        var connection: Connection?
        var isOpening = false
        var isClosed = false
        /// The keeper has something to do: a connection was lost.
        var isLost = false
        var keeperRuns = false
        var failure: DriverError?
        var hasEvents = false
        /// Counts connections, so that what was learnt through one is forgotten with it.
        var generation = 0
    }

    private let uri: HypervisorURI
    private let keepAlive: Int
    private let host: Host
    private let onMachine: @Sendable (MachineID, String, EventListener.Happening) -> Void
    private let state = Mutex(State())
    private let signal = Signal()

    init(
        uri: HypervisorURI, keepAlive: Int, host: Host,
        onMachine: @escaping @Sendable (MachineID, String, EventListener.Happening) -> Void
    ) {
        self.uri = uri
        self.keepAlive = keepAlive
        self.host = host
        self.onMachine = onMachine
    }

    /// How many connections there have been.
    var generation: Int { state.withLock { $0.generation } }

    /// The connection as it stands, or a new one. On an errand's thread: opening may block as long as the transport likes,
    /// and only one thread opens.
    func connection(_ errand: Errand) throws -> Connection {
        while true {
            enum Step { case use(Connection), open, wait }
            let step = try state.withLock { state throws(DriverError) -> Step in
                if state.isClosed { throw .unreachable("the provider is being closed") }
                if let connection = state.connection { return .use(connection) }
                if state.isOpening { return .wait }
                state.isOpening = true
                return .open
            }
            switch step {
            case .use(let connection):
                if connection.isAlive { return connection }
                lost(connection, "the connection is gone")
            case .open: return try open()
            case .wait:
                try errand.check()
                _ = signal.wait(milliseconds: 200) { state.withLock { !$0.isOpening } }
            }
        }
    }

    /// Runs `body` with the connection, and once more with a new one if the old one turns out to be gone and nothing can
    /// have been changed yet (`isRepeatable`).
    func with<Result>(_ errand: Errand, isRepeatable: Bool = true, _ body: (Connection) throws -> Result) throws -> Result {
        let connection = try connection(errand)
        do {
            return try body(connection)
        } catch let error as LibvirtError where error.meansLostConnection && !connection.isAlive {
            lost(connection, error.message)
            guard isRepeatable, !errand.isAbandoned else { throw error }
            return try body(try self.connection(errand))
        }
    }

    private func open() throws -> Connection {
        do {
            let connection = try Connection(uri: uri.forConnecting)
            if keepAlive > 0 { connection.keepAlive(seconds: keepAlive, count: 2) }
            let listener = EventListener(
                machine: onMachine,
                connectionClosed: { [weak self, weak connection] reason in
                    if let self, let connection { self.lost(connection, reason) }
                })
            let hasEvents = connection.watch(listener)
            let isWanted = state.withLock { state in
                state.isOpening = false
                state.failure = nil
                state.hasEvents = hasEvents
                state.generation += 1
                guard !state.isClosed else { return false }
                state.connection = connection
                return true
            }
            signal.notify()
            guard isWanted else { throw DriverError.unreachable("the provider is being closed") }
            return connection
        } catch {
            let failure = (error as? LibvirtError)?.driverError ?? error as? DriverError ?? .broken("\(error)")
            // Whatever stands in the way of a connection, from here it is the provider that does not answer; only refused
            // credentials and a wrong URI are told apart, because waiting does not help.
            let isFinal = failure.status == .denied || failure.status == .invalid || failure.status == .unsupported
            let told = DriverError(isFinal ? failure.status : .unreachable, failure.message, native: failure.native)
            state.withLock { state in
                state.isOpening = false
                state.failure = told
            }
            signal.notify()
            throw told
        }
    }

    /// Forgets a connection that is gone, tells the host, and sets the keeper to work. Any thread, the event loop's too.
    private func lost(_ connection: Connection, _ reason: String) {
        let (isNews, startsKeeper) = state.withLock { state -> (Bool, Bool) in
            guard state.connection === connection, !state.isClosed else { return (false, false) }
            state.connection = nil
            state.isLost = true
            let starts = !state.keeperRuns
            state.keeperRuns = true
            return (true, starts)
        }
        guard isNews else { return }
        host.warning("connection to \(uri) lost: \(reason)")
        host.emit(.health(isUp: false, reason))
        // Closing it may call the other side; not on the event loop's thread.
        if startsKeeper, !Thread.start({ [self] in keep(connection) }) {
            state.withLock { $0.keeperRuns = false }
        }
    }

    /// The keeper: tries until there is a connection again, then ends.
    private func keep(_ old: Connection) {
        var pause: Int64 = 200
        let errand = Errand()
        while true {
            let isClosed = signal.wait(milliseconds: pause) { state.withLock { $0.isClosed } }
            if isClosed { break }
            pause = min(pause * 2, 5000)
            if (try? connection(errand)) != nil { break }
        }
        let isUp = state.withLock { state in
            state.keeperRuns = false
            state.isLost = false
            return !state.isClosed && state.connection != nil
        }
        if isUp {
            host.info("connected to \(uri) again")
            host.emit(.health(isUp: true))
            host.emit(.resync)
        }
        signal.notify()
    }

    /// Ends the connection. Its last user releases it.
    func close() {
        let connection = state.withLock { state in
            state.isClosed = true
            defer { state.connection = nil }
            return state.connection
        }
        _ = connection
        signal.notify()
        _ = signal.wait(milliseconds: 2000) { state.withLock { !$0.keeperRuns } }
    }
}
