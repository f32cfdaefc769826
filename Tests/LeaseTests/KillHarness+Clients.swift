import Bus
import Foundation
import JSON
import Model
import Platform

// What clients do while everything is killed around them.
extension KillHarness {
    /// Asks; nil: nobody will answer any more.
    typealias Asking = (_ verb: String, _ body: JSON, _ key: String?) async throws -> Answer?

    func step(_ ask: Asking) async throws {
        if living.count < 4 || living.count < 9 && random.chance(55) { return try await create(ask) }
        guard let id = random.pick(living) else { return }
        switch random.below(living.count > 7 ? 6 : 10) {
        case 0...4: try await change(ask, "lease.cancel", id, to: "cancelled")
        case 5, 6: try await change(ask, "lease.suspend", id, to: "suspended")
        case 7, 8: try await change(ask, "lease.resume", id, to: "active")
        default: _ = try await ask("lease.update", ["id": JSON(id), "count": JSON(1 + random.below(3))], nil)
        }
    }

    private func create(_ ask: Asking) async throws {
        var body: JSON = ["groups": [["name": "g", "count": JSON(1 + random.below(3)), "flavor": "small"]]]
        switch random.below(5) {
        case 0:
            body["kind"] = "advance"
            body["start"] = LeaseHost.at(Int64(200 + random.below(300)))
            body["duration_s"] = 86_400
        case 1: body["kind"] = "best-effort"
        default: break
        }
        if random.chance(30) { body["atomic"] = false }
        if random.chance(30) { body["persistent"] = true }
        var key: String?
        if random.chance(20) {
            body["wait"] = true
        } else if random.chance(50) {
            key = "key-\(keyed.count)"
            keyed.append((key ?? "", body, nil))
        }
        let index = keyed.count - 1
        guard let answer = try await ask("lease.create", body, key), answer.isOK, let lease = answer.body["lease"] else { return }
        acknowledged.insert(lease.id)
        living.append(lease.id)
        if key != nil { keyed[index].lease = lease.id }
    }

    private func change(_ ask: Asking, _ verb: String, _ id: String, to state: String) async throws {
        // Until the host has answered nobody can say what will be.
        expected[id] = nil
        var body: JSON = ["id": JSON(id)]
        if random.chance(20) { body["wait"] = true }
        guard let answer = try await ask(verb, body, nil), answer.isOK else { return }
        expected[id] = state
        if verb == "lease.cancel" { living.removeAll { $0 == id } }
    }

    /// A client whose answer got lost asks again with the same key: it gets the lease that it made, and no other.
    func askAgain() async throws -> [String] {
        var problems: [String] = []
        for index in keyed.indices.suffix(3) {
            guard let answer = try? await host.ask("lease.create", keyed[index].body, key: keyed[index].key), let lease = answer["lease"]
            else {
                continue
            }
            if let known = keyed[index].lease, known != lease.id { problems.append("\(keyed[index].key) made \(known) and \(lease.id)") }
            if keyed[index].lease == nil, !["done", "cancelled"].contains(lease.state) { living.append(lease.id) }
            keyed[index].lease = lease.id
            acknowledged.insert(lease.id)
        }
        return problems
    }
}
