import Bus
import Foundation
import JSON
import Model
import Platform
import TestSupport

// After each kill: is everything as it was promised?
extension KillHarness {
    /// Restarts the host if it is gone, waits until everything is at rest and true, and says what is not after ten seconds.
    func verify(_ what: String) async throws {
        let started = ContinuousClock.now
        if !host.served.isRunning { try await host.served.start() }
        var problems = try await askAgain()
        let end = started.advanced(by: .seconds(10))
        repeat {
            guard problems.isEmpty else { break }
            let found = try await untrue()
            if found.isEmpty { break }
            guard ContinuousClock.now < end else {
                problems = found
                break
            }
            try await Task.sleep(for: .milliseconds(10))
        } while true
        figures.rounds += 1
        let took = ContinuousClock.now - started
        figures.rest.append(Int(took.components.seconds * 1000 + took.components.attoseconds / 1_000_000_000_000_000))
        if figures.rounds % 25 == 0 { problems += try await lost() }
        figures.leases = acknowledged.count
        figures.machines = seenMachines.count
        if Self.isTraced { print("\(figures.rounds) \(what): at rest after \(figures.rest.last ?? 0) ms") }
        guard problems.isEmpty else {
            throw NeverHappened(
                description:
                    "round \(figures.rounds) (\(what)): \(problems.prefix(5).joined(separator: "; "))\n\(host.served.log.suffix(3000))")
        }
        // Each round begins with a start.
        if random.chance(20) { try await host.served.stop() } else { try await host.served.kill() }
    }

    private static let isTraced = ProcessInfo.processInfo.environment["BERTH_KILL_TRACE"] != nil

    /// What is not at rest, or not true.
    private func untrue() async throws -> [String] {
        let client = try host.client()
        defer { client.close() }
        var problems: [String] = []
        var wanted: [String: (lease: String, state: String)] = [:]
        living = []
        let states = ["new", "queued", "scheduled", "preparing", "active", "suspending", "suspended", "resuming", "ending"]
        let page = try await client.request("lease.list", ["state": JSON(states), "limit": 1000], ClientOptions(deadline: 60_000))
        for lease in page["leases"]?.array ?? [] {
            let id = lease.id
            living.append(id)
            if let state = expected[id], state != lease.state { problems.append("\(id) is \(lease.state), and \(state) was promised") }
            let count = (lease["groups"]?.array ?? []).reduce(0) { $0 + ($1["count"]?.int ?? 0) }
            switch lease.state {
            case "active", "suspended":
                if lease.standing.count != count { problems.append("\(id) has \(lease.standing.count) of \(count) machines") }
                let (state, body) = lease.state == "active" ? ("fulfilled", "running") : ("suspended", "suspended")
                for machine in lease.standing {
                    if machine.state != state { problems.append("\(machine.id) of \(id) is \(machine.state)") }
                    wanted[machine.id] = (id, body)
                }
            case "queued", "scheduled": break
            default:
                let machines = lease.machines.map { "\($0.id) \($0.state) \($0["observed"]?.string ?? "") \($0["message"]?.string ?? "")" }
                problems.append("\(id) is still \(lease.state): \(lease["reason"]?.string ?? "") [\(machines.joined(separator: ", "))]")
            }
        }
        problems += try await untold(Set(living), client)
        var keys: Set<String> = []
        for machine in host.shelf().machines {
            let id = "m-\(machine.key)"
            seenMachines.insert(id)
            if !keys.insert(id).inserted { problems.append("two machines with the key of \(id)") }
            guard let lease = wanted.removeValue(forKey: id) else {
                problems.append("\(id) stands without a lease")
                continue
            }
            if lease.state != machine.state { problems.append("\(id) of \(lease.lease) is \(machine.state), not \(lease.state)") }
        }
        problems += wanted.map { "\($0.key) of \($0.value.lease) is not there" }
        return problems
    }

    /// Leases that clients were promised something about and that are over: how they ended.
    private func untold(_ living: Set<String>, _ client: BusClient) async throws -> [String] {
        var problems: [String] = []
        for (id, state) in expected where !living.contains(id) {
            let lease = try await client.request("lease.show", ["id": JSON(id)], ClientOptions(deadline: 60_000))["lease"] ?? .null
            if lease.state != state {
                problems.append("\(id) is \(lease.state), and \(state) was promised: \(lease["reason"]?.string ?? "")")
            }
        }
        if problems.isEmpty { expected = expected.filter { living.contains($0.key) } }
        return problems
    }

    /// Acknowledged leases that are not there, or failed: nothing here may fail.
    func lost() async throws -> [String] {
        if !host.served.isRunning { try await host.served.start() }
        var there: [String: String] = [:]
        var after: JSON = .null
        repeat {
            let page = try await host.ask("lease.list", ["limit": 1000, "after": after])
            for lease in page["leases"]?.array ?? [] { there[lease.id] = lease.state == "failed" ? lease["reason"]?.string ?? "?" : "" }
            after = page["next"] ?? .null
        } while after != .null
        return acknowledged.filter { there[$0] == nil }.map { "the acknowledged lease \($0) is lost" }
            + there.filter { !$0.value.isEmpty }.map { "\($0.key) failed: \($0.value)" }
    }
}
