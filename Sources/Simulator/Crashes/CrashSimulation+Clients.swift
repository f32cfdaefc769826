import JSON
import Ledger
import Model
import Platform
import Scheduler

// What clients do.
extension CrashSimulation {
    /// What clients asked and what they were told.
    struct Clients {
        enum Asked {
            case create(keyed: Int?)
            case cancel(LeaseID)
            case save(String)
            case other
        }

        struct Keyed {
            var key: String
            var body: JSON
            var lease: LeaseID?
        }

        var nextToken = 1
        var asked: [Int: Asked] = [:]
        var acknowledged: [LeaseID] = []
        var cancelled: Set<LeaseID> = []
        /// Requests with a key: however often they are sent, one lease.
        var keyed: [Keyed] = []
        var templates: [String] = []
        /// Leases whose times somebody changed.
        var changed: Set<LeaseID> = []
    }

    mutating func ask(_ verb: String, _ body: JSON, _ asked: Clients.Asked = .other, key: String? = nil) {
        let token = clients.nextToken
        clients.nextToken += 1
        clients.asked[token] = asked
        note("\(verb) \(body.text)")
        feed(
            .request(
                CoreRequest(
                    token: token, verb: verb, body: body, owner: "u", isOperator: verb.hasPrefix("scheduler."), key: key,
                    bodyHash: key == nil ? 0 : AnsweredRequest.hash(body.bytes), patience: 2000)))
    }

    mutating func answered(_ token: Int, _ reply: CoreReply) {
        guard let asked = clients.asked[token] else { return }
        switch reply {
        case .progress: return
        case .failed(let error, _):
            clients.asked[token] = nil
            note("refused: \(error.message)")
        case .ok(let body):
            clients.asked[token] = nil
            switch asked {
            case .create(let index): made(body, index)
            case .cancel(let id): clients.cancelled.insert(id)
            case .save(let name): clients.templates.append(name)
            case .other: break
            }
        }
    }

    private mutating func made(_ body: JSON, _ index: Int?) {
        guard let id = body["lease"]?["id"]?.string.flatMap({ LeaseID($0) }) else { return }
        note("lease \(id) is acknowledged: \(body["lease"]?["state"]?.string ?? "")")
        guard let index else { return clients.acknowledged.append(id) }
        if let known = clients.keyed[index].lease, known != id { fail("\(clients.keyed[index].key) made \(known) and \(id)") }
        if clients.keyed[index].lease == nil { clients.acknowledged.append(id) }
        clients.keyed[index].lease = id
    }

    mutating func request() {
        let roll = random.below(16)
        guard roll >= 9, let id = random.pick(clients.acknowledged) else { return create() }
        let lease: JSON = ["id": JSON(id.description)]
        switch roll {
        case 9, 10: ask("lease.cancel", lease, .cancel(id))
        case 11:
            clients.changed.insert(id)
            ask("lease.suspend", lease)
        case 12: ask("lease.resume", lease)
        case 13: update(id)
        case 14:
            ask("scheduler.scale", ["id": JSON(id.description), "count": JSON(1 + random.below(4))])
        default:
            let name = "t\(random.below(3))"
            ask("lease.save", ["id": JSON(id.description), "name": JSON(name)], .save(name))
        }
    }

    private mutating func create() {
        let body = newLease()
        guard random.chance(35) else { return ask("lease.create", body, .create(keyed: nil)) }
        clients.keyed.append(Clients.Keyed(key: "k\(clients.keyed.count)", body: body))
        let index = clients.keyed.count - 1
        repeatKeyed(index)
        // An answer that is late is asked for again, and again.
        for _ in 0..<random.below(3) { after(Int64(random.below(4000)), .again(index)) }
    }

    mutating func repeatKeyed(_ index: Int) {
        ask("lease.create", clients.keyed[index].body, .create(keyed: index), key: clients.keyed[index].key)
    }

    private mutating func update(_ id: LeaseID) {
        clients.changed.insert(id)
        var body: JSON = ["id": JSON(id.description)]
        switch random.below(4) {
        case 0: body["duration_s"] = JSON(2 + random.below(30))
        case 1: body["start"] = JSON(Instant(milliseconds: real + Int64(1000 + random.below(8000))).description)
        default: body["count"] = JSON(1 + random.below(4))
        }
        ask("lease.update", body)
    }

    private mutating func newLease() -> JSON {
        if random.chance(10), let name = random.pick(clients.templates) { return ["template": JSON(name)] }
        let count = 1 + random.below(4)
        var body: JSON = [
            "groups": [["name": "g", "count": JSON(count), "cpus": JSON(1 + random.below(2)), "memory_mib": 512]]
        ]
        switch random.below(4) {
        case 0:
            body["kind"] = "advance"
            body["start"] = JSON(Instant(milliseconds: real + Int64(1000 + random.below(8000))).description)
            body["duration_s"] = JSON(2 + random.below(10))
        case 1:
            body["kind"] = "best-effort"
            body["duration_s"] = JSON(5 + random.below(20))
        default:
            if random.chance(60) { body["duration_s"] = JSON(3 + random.below(random.chance(30) ? 900 : 20)) }
            if random.chance(20) {
                body["elastic"] = ["min": 1, "max": JSON(count + random.below(3)), "reserve": JSON(random.chance(50))]
            }
        }
        if random.chance(30) { body["atomic"] = false }
        if random.chance(25) { body["persistent"] = true }
        return body
    }
}
