import Foundation
import JSON
import Model
import Platform
import Synchronization
import TestSupport
import Testing

/// Leases asked for and cancelled at random while something goes wrong, and the look afterwards whether everything is true.
struct Storm {
    let fleet: Fleet
    var generator: SplitMix
    /// Leases that a host has acknowledged, by host.
    private(set) var acknowledged: [(host: Int, id: String)] = []
    private var number = 0

    init(_ fleet: Fleet, seed: UInt64) {
        self.fleet = fleet
        generator = SplitMix(state: seed)
    }

    /// One round: some requests, and in the middle of them the trouble. Whoever asks does not give up before it has an answer.
    mutating func round(_ trouble: @Sendable () async throws -> Void) async throws {
        var asked: [(host: Int, body: JSON, key: String)] = []
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
            number += 1
            let more: JSON = ["atomic": JSON(Bool.random(using: &generator)), "duration_s": 3600]
            let body = request(Int.random(in: 1...6, using: &generator), name: "storm-\(number)", more)
            asked.append((Int.random(in: 0..<2, using: &generator), body, "key-\(number)"))
        }
        var cancelled: [(host: Int, id: String)] = []
        while acknowledged.count - cancelled.count > 3 {
            cancelled.append(acknowledged.remove(at: Int.random(in: 0..<acknowledged.count, using: &generator)))
        }
        let pause = Int.random(in: 0...120, using: &generator)
        let hosts = fleet.hosts
        let (requests, goodbyes) = (asked, cancelled)
        let answers = try await withThrowingTaskGroup(of: (Int, String)?.self) { group in
            for item in requests {
                group.addTask {
                    let id = try await Storm.insist(hosts[item.host], "lease.create", item.body, item.key)?["lease"]?["id"]?.string
                    return id.map { (item.host, $0) }
                }
            }
            for item in goodbyes {
                group.addTask {
                    _ = try await Storm.insist(hosts[item.host], "lease.cancel", ["id": JSON(item.id)], "cancel-\(item.id)")
                    return nil
                }
            }
            try await Task.sleep(for: .milliseconds(pause))
            try await trouble()
            var answers: [(Int, String)] = []
            for try await answer in group { if let answer { answers.append(answer) } }
            return answers
        }
        acknowledged += answers.sorted { $0.1 < $1.1 }.map { (host: $0.0, id: $0.1) }
    }

    /// Asks with a key until there is an answer; nil: refused.
    private static func insist(_ host: FederatedHost, _ verb: String, _ body: JSON, _ key: String) async throws -> JSON? {
        let end = ContinuousClock.now + .seconds(90)
        while true {
            do {
                return try await host.ask(verb, body, deadline: 15_000, key: key)
            } catch let error as BerthError {
                if [.exhausted, .conflict, .notFound].contains(error.code) { return nil }
                guard ContinuousClock.now < end else { throw error }
                try await Task.sleep(for: .milliseconds(30))
            }
        }
    }

    // MARK: - Afterwards

    /// Waits until both sides of everything agree, and until nothing is under way.
    func settle() async throws {
        let last = Mutex<[String]>([])
        do {
            try await eventually("all is quiet and true", within: 120, every: 250) {
                let problems = try await problems()
                last.withLock { $0 = problems }
                return problems.isEmpty
            }
        } catch {
            Issue.record("\(last.withLock { $0 }.joined(separator: "\n"))")
            for host in fleet.hosts { print("--- \(host.name)\n\(host.log.suffix(6000))") }
            throw error
        }
    }

    /// What does not agree, or is not over yet.
    private func problems() async throws -> [String] {
        var problems: [String] = []
        var holders: [String: String] = [:]
        for lender in fleet.hosts {
            let own = try await keys(lender, at: "shelf-\(lender.name)")
            if own != lender.shelf.sorted() {
                problems.append("\(lender.name) knows machines \(own), and its shelf has \(lender.shelf.sorted())")
            }
            for borrower in fleet.hosts where borrower.name != lender.name {
                let lent = try await lender.leases(owner: "member:\(borrower.name)").compactMap { $0["name"]?.string }.sorted()
                let held = try await keys(borrower, at: lender.name)
                if lent != held {
                    problems.append("\(lender.name) lends \(borrower.name) \(lent), and that one holds \(held)")
                    for machine in try await borrower.ask("machine.list", ["provider": JSON(lender.name)])["machines"]?.array ?? []
                    where !lent.contains(machine["id"]?.string.map { String($0.dropFirst(2)) } ?? "") {
                        problems.append("  \(machine.text) of \(try await borrower.lease(machine["lease"]?.string).text)")
                    }
                }
                // A key serves one machine, ever, and at one host.
                let ever = try await lender.leases(all: true, owner: "member:\(borrower.name)").compactMap { $0["name"]?.string }
                if Set(ever).count != ever.count { problems.append("\(lender.name) made a key's machine twice: \(ever.sorted())") }
                for key in lent {
                    if let other = holders.updateValue(lender.name, forKey: key) {
                        problems.append("\(key) is at \(other) and at \(lender.name)")
                    }
                }
            }
        }
        for (host, id) in acknowledged {
            let lease = try await fleet[host].lease(id)
            let state = lease["state"]?.string ?? "?"
            // One that need not be whole may have lost what it had a place for, and wait for room for the rest.
            let machines = lease["machines"]?.array ?? []
            if state == "preparing", !machines.contains(where: { ["spawning", "pending"].contains($0["state"]?.string ?? "") }) {
                continue
            }
            if !["active", "done", "cancelled", "failed", "queued"].contains(state) {
                problems.append("\(fleet[host].name) has \(id) \(state): \(lease["reason"]?.string ?? "")")
            }
        }
        return problems
    }

    /// The keys of the machines that a host has at a provider, as it sees it.
    private func keys(_ host: FederatedHost, at provider: String) async throws -> [String] {
        let machines = try await host.ask("machine.list", ["provider": JSON(provider), "limit": 1000])["machines"]?.array ?? []
        return machines.filter { $0["state"] != "open" }.compactMap { $0["id"]?.string.map { String($0.dropFirst(2)) } }.sorted()
    }

    /// How much has happened: leases of our own, machines lent, and as what those ended.
    func tally() async throws -> (leases: Int, lent: Int, ended: [String: Int]) {
        var (leases, lent, ended) = (0, 0, [String: Int]())
        for host in fleet.hosts {
            for lease in try await host.leases(all: true) {
                guard lease["owner"]?.string?.hasPrefix("member:") == true else {
                    leases += 1
                    continue
                }
                lent += 1
                let why = lease["reason"]?.string.map { $0.contains("did not renew") ? ", not renewed" : "" } ?? ""
                ended["\(lease["state"]?.string ?? "?")\(why)", default: 0] += 1
            }
        }
        return (leases, lent, ended)
    }

    /// Cancels all, and nothing may be left anywhere.
    func clear() async throws {
        for host in fleet.hosts {
            for lease in try await host.leases() where lease["owner"]?.string?.hasPrefix("member:") != true {
                _ = try await Storm.insist(host, "lease.cancel", ["id": lease["id"] ?? .null], "clear-\(lease["id"]?.string ?? "")")
            }
        }
        try await settle()
        try await eventually("nothing is left") { fleet.hosts.allSatisfy { $0.shelf.isEmpty } }
        for host in fleet.hosts { try await eventually("no lease is left") { try await host.leases().isEmpty } }
    }
}
