import DriverHTTP
import JSON
import PluginKit
import Synchronization

/// Watches servers for all calls that wait for one, and for the host. One call alone asks for its own server; as soon as several
/// wait, whichever finds it time lists what changed, for all of them: `GET /servers/detail?changes-since=…`. Fifty calls that
/// ask for a server each keep a small cloud busy with nothing but questions.
final class Lookout: Sendable {
    private let cloud: Cloud
    private let servers: Servers
    /// Tells the host of a change.
    private let report: (@Sendable (Server) -> Void)?
    private let state = Mutex(State())

    /// The cloud's rows become visible late, and its clocks differ.
    private static let overlap: Int64 = 10_000

    private struct State {
        var waiters: [Int: Waiter] = [:]
        var lastNumber = 0
        var isLooking = false
        /// When the next look is due that waiters ask for; `Monotonic`.
        var due: Int64 = 0
        /// When the newest look began that went well, by our clock and by the cloud's.
        var newest: (began: Int64, cloud: Int64)?
        /// What the host knows of each server; nil until the first full list.
        var told: [String: String]?
    }

    /// One call that waits.
    private struct Waiter {
        let id: String
        let key: String?
        /// Looks that began earlier may show how things were before the call acted.
        let registered: Int64
        /// By the cloud's clock: changes before that are of no interest.
        var since: Int64
        /// The newest that was seen of its servers, by id.
        var seen: [String: Server] = [:]
        /// When it was last looked at, alone or with the others.
        var looked: Int64
        var isSeen = false
        var failure: DriverError?
    }

    init(_ cloud: Cloud, report: (@Sendable (Server) -> Void)? = nil) {
        self.cloud = cloud
        servers = Servers(cloud: cloud)
        self.report = report
    }

    // MARK: Waiting

    /// Waits until what is seen of a server satisfies `isDone`, or so long (nil). With a key every server that carries it is
    /// shown, deleted ones too. `since`: the cloud's time before the call acted. Looks at least once.
    func wait(
        _ id: String, key: String? = nil, since: Int64, atMost milliseconds: Int64, _ patience: HTTPPatience,
        until isDone: ([Server]) -> Bool
    ) throws(DriverError) -> (servers: [Server], isDone: Bool) {
        let number = register(id, key, since)
        defer { state.withLock { $0.waiters[number] = nil } }
        let end = Monotonic.now + min(milliseconds, max(0, patience.remaining - 1000))
        var pause: Int64 = 300
        var due = Monotonic.now + min(pause, milliseconds / 2)
        while true {
            let (seen, failure) = state.withLock { state in
                let waiter = state.waiters[number]
                return (waiter?.isSeen == true ? waiter.map { Array($0.seen.values) } : nil, waiter?.failure)
            }
            if let failure { throw failure }
            if let seen {
                if isDone(seen) { return (seen, true) }
                if Monotonic.now >= end { return (seen, false) }
            }
            switch turn(number, due) {
            case .ask:
                try ask(number, id, key, patience)
                due = Monotonic.now + pause
                pause = min(pause * 3 / 2, 2000)
            case .list:
                try look(patience)
            case .none:
                guard patience.wait(milliseconds: 20) else { throw patience.exhausted("server \(id) did not get there in time") }
            }
        }
    }

    private func register(_ id: String, _ key: String?, _ since: Int64) -> Int {
        let now = Monotonic.now
        return state.withLock { state in
            state.lastNumber += 1
            state.waiters[state.lastNumber] = Waiter(id: id, key: key, registered: now, since: since, looked: now)
            return state.lastNumber
        }
    }

    private enum Turn {
        case none, ask, list
    }

    /// What the waiter is to do now. A list that does not show a server for ten seconds is not relied upon: the waiter asks.
    private func turn(_ number: Int, _ due: Int64) -> Turn {
        let now = Monotonic.now
        return state.withLock { state in
            guard let waiter = state.waiters[number], !state.isLooking else { return .none }
            if state.waiters.count == 1 || now - waiter.looked > 10_000 { return now >= due ? .ask : .none }
            guard now >= state.due else { return .none }
            state.isLooking = true
            return .list
        }
    }

    /// `GET /servers/ID`, or all servers with the key.
    private func ask(_ number: Int, _ id: String, _ key: String?, _ patience: HTTPPatience) throws(DriverError) {
        let found: [Server]
        if let key {
            found = try servers.find(key: key, patience)
        } else {
            do throws(DriverError) {
                found = [try servers.get(id, patience)]
            } catch  where error.status == .notFound {
                found = [Server(json: ["id": .string(id), "status": "DELETED"])]
            }
        }
        let now = Monotonic.now
        let changed = state.withLock { (state) -> [Server] in
            state.waiters[number]?.looked = now
            state.waiters[number]?.isSeen = true
            for server in found { state.waiters[number]?.seen[server.id] = server }
            return Self.changes(found, &state)
        }
        changed.forEach { report?($0) }
    }

    // MARK: Looking

    /// Looks for the host's sake, unless somebody did a moment ago.
    func look(every milliseconds: Int64, _ patience: HTTPPatience) throws(DriverError) {
        let isMine = state.withLock { state in
            if state.isLooking { return false }
            if state.told != nil, let newest = state.newest, Monotonic.now - newest.began < milliseconds * 9 / 10 { return false }
            state.isLooking = true
            return true
        }
        if isMine { try look(patience) }
    }

    /// One list for all; `isLooking` is ours.
    private func look(_ patience: HTTPPatience) throws(DriverError) {
        let began = Monotonic.now
        let now = cloud.now
        let since: Int64? = state.withLock { state in
            let waiters = state.waiters.values.map { $0.since }.min()
            guard report != nil else { return waiters }
            guard state.told != nil, let newest = state.newest else { return nil }
            return min(newest.cloud, waiters ?? newest.cloud)
        }
        var found: [Server] = []
        do throws(DriverError) {
            let query = since.map { "&changes-since=\(rfc3339(unixMilliseconds: ($0 - Self.overlap) / 1000 * 1000))" } ?? ""
            try servers.each(patience, query: query) { (server) throws(DriverError) in found.append(server) }
        } catch {
            failed(error, began)
            throw error
        }
        let (byID, byKey) = (Dictionary(found.map { ($0.id, $0) }) { $1 }, Dictionary(grouping: found) { $0.key ?? "" })
        let changed = state.withLock { (state) -> [Server] in
            for (number, waiter) in state.waiters where waiter.registered <= began {
                var waiter = waiter
                let mine = (byID[waiter.id].map { [$0] } ?? []) + (waiter.key.flatMap { byKey[$0] } ?? [])
                for server in mine { waiter.seen[server.id] = server }
                if !mine.isEmpty { waiter.looked = began }
                waiter.isSeen = true
                // A full list shows no deleted servers.
                if since != nil { waiter.since = max(waiter.since, now) }
                state.waiters[number] = waiter
            }
            state.newest = (began, now)
            state.isLooking = false
            // A look costs the cloud something: three times as long as it took it is left in peace.
            let end = Monotonic.now
            state.due = end + min(2000, max(250, 3 * (end - began)))
            if since == nil, report != nil {
                state.told = Dictionary(found.map { ($0.id, $0.appearance) }) { $1 }
                return []
            }
            return Self.changes(found, &state)
        }
        changed.forEach { report?($0) }
    }

    /// What one call learns, all that wait learn; that it ran out of patience is its own affair.
    private func failed(_ error: DriverError, _ began: Int64) {
        state.withLock { state in
            state.isLooking = false
            state.due = Monotonic.now + 250
            guard ![.cancelled, .deadline].contains(error.status) else { return }
            for (number, waiter) in state.waiters where waiter.registered <= began { state.waiters[number]?.failure = error }
        }
    }

    /// The servers that the host does not know like this yet.
    private static func changes(_ found: [Server], _ state: inout State) -> [Server] {
        guard state.told != nil else { return [] }
        var changed: [Server] = []
        for server in found where state.told?[server.id] != server.appearance {
            if server.state == .gone {
                guard state.told?.removeValue(forKey: server.id) != nil else { continue }
            } else {
                state.told?[server.id] = server.appearance
            }
            changed.append(server)
        }
        return changed
    }
}

extension Lookout {
    /// Waits until a server is as wanted or failed. Nil: not within that time.
    func wait(
        _ id: String, since: Int64, atMost milliseconds: Int64 = .max, _ patience: HTTPPatience, until isDone: (Server) -> Bool
    ) throws(DriverError) -> Server? {
        let (seen, isThere) = try wait(id, since: since, atMost: milliseconds, patience) { servers in
            servers.contains { $0.state == .gone || $0.status == "ERROR" || isDone($0) }
        }
        guard isThere else { return nil }
        guard let server = seen.first, server.state != .gone else { throw .notFound("server \(id) is deleted") }
        return server
    }
}
