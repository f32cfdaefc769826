import Bus
import Federation
import JSON
import Model
import Testing

@Suite("offers, lending and picking")
struct CoreTests {
    private func node(_ id: String, _ cpus: Double, _ memory: Int64, held: Resources = .zero) -> Offer.Node {
        var free = Resources.machine(cpus: cpus, memoryMiB: memory)
        free.machines = Resources.unlimited
        return Offer.Node(id: id, free: free, held: held)
    }

    @Test("an offer is cut to its limit, the emptiest node first, so that a large machine finds a place")
    func cuts() {
        let cut = Offer.cut(
            [node("small", 2, 2048), node("large", 8, 8192)], to: Resources(milliCPUs: 9000, memoryMiB: 9000, diskGiB: .max, machines: 3))
        #expect(cut.map(\.free.cpus) == [1, 8])
        #expect(cut.map(\.free.memoryMiB) == [808, 8192])
        #expect(cut[0].free.machines + cut[1].free.machines == 3)
    }

    @Test("without a limit all that is free is offered")
    func unlimited() {
        let cut = Offer.cut([node("a", 2, 2048), node("b", 8, 8192)], to: Limit().most)
        #expect(cut.map(\.free.cpus) == [2, 8])
    }

    @Test("a node's total is what the member holds and what it may still have: its own machines take nothing twice")
    func document() {
        let held = Resources.machine(cpus: 2, memoryMiB: 1024)
        let document = Offer.document([node("a", 4, 4096, held: held)])
        let node = document["nodes"]?[0]
        #expect(node?["total"]?["cpus"] == 6 && node?["used"]?["cpus"] == 2)
        #expect(node?["total"]?["memory_mib"] == 5120 && node?["used"]?["machines"] == 1)
    }

    @Test("a borrower takes no more of an offer than it wants, what it holds there included")
    func accepts() {
        let held = Resources.machine(cpus: 3, memoryMiB: 1024)
        let document = Offer.document([node("a", 8, 8192, held: held), node("b", 8, 8192)])
        let limit = Limit([("cpus", 8)]) ?? Limit()
        let cut = Offer.cut(document, toAtMost: limit)
        #expect(cut.free.cpus == 5)
        let totals = (cut.document["nodes"]?.array ?? []).compactMap { $0["total"]?["cpus"]?.double }
        #expect(totals.reduce(0, +) == 8)
    }

    @Test("a limit knows the configuration's names and no others")
    func limits() {
        #expect(Limit([("cpus", 1.5), ("memory-mib", 10)])?.most.milliCPUs == 1500)
        #expect(Limit([("gpus", 1)]) == nil)
    }

    @Test("who does not renew within the time to live has its machine taken back, once")
    func reclaims() {
        var lending = Lending()
        func lend(_ lease: String, _ member: String) {
            lending.lend(
                .init(lease: lease, member: member, key: "k", takes: .machine(cpus: 1, memoryMiB: 1), node: nil, expires: 1000))
        }
        lend("l-1", "alpha")
        lend("l-2", "beta")
        #expect(lending.renew("l-1", by: "alpha", ttl: 1000, now: 900) == true)
        #expect(lending.renew("l-2", by: "alpha", ttl: 1000, now: 900) == false)
        #expect(lending.due(now: 999).count == 0)
        #expect(lending.due(now: 1000).map(\.lease) == ["l-2"])
        #expect(lending.due(now: 1001).count == 0)
        #expect(lending.renew("l-2", by: "beta", ttl: 1000, now: 1001) == false)
        lending.retry("l-2", at: 1500)
        #expect(lending.due(now: 1500).map(\.lease) == ["l-2"])
        #expect(lending.due(now: 1900).map(\.lease) == ["l-1"])
    }

    @Test("a machine that failed here is told of until its holder has seen it or its time to live is over")
    func failures() {
        var lending = Lending()
        lending.lend(.init(lease: "l-1", member: "alpha", key: "k", takes: .machine(cpus: 1, memoryMiB: 1), node: nil, expires: 1000))
        lending.ended("l-1", failure: "no kernel")
        #expect(lending["l-1"]?.ended == "no kernel" && lending.total.isZero)
        #expect(lending.due(now: 1000).count == 0 && lending["l-1"] == nil)
    }

    @Test("the picker asks the one with most room first, or each in turn")
    func picks() {
        let free: [String: Resources] = [
            "alpha": .machine(cpus: 2, memoryMiB: 1), "beta": .machine(cpus: 8, memoryMiB: 1), "gamma": .machine(cpus: 8, memoryMiB: 2),
        ]
        #expect(Picker(.mostFree).ranks(free) == ["gamma": 1, "beta": 2, "alpha": 3])
        var turns = Picker(.roundRobin)
        #expect(turns.ranks(free) == ["alpha": 1, "beta": 2, "gamma": 3])
        turns.chose("alpha")
        turns.chose("beta")
        #expect(turns.ranks(free) == ["gamma": 1, "alpha": 2, "beta": 3])
    }

    @Test("an invitation is one line that reads back, and a damaged one is refused with what to do")
    func invitation() throws {
        let keys = try CurveKeys.generate()
        let line = Invitation(name: "alpha", address: "tcp://192.0.2.7:7411", key: keys.publicKey)
        #expect(try Invitation(parsing: " \(line.description)\n") == line)
        #expect(!line.description.contains { $0.isWhitespace } && line.address == "tcp://192.0.2.7:7411")
        let silent = Invitation(name: "alpha", address: nil, key: keys.publicKey)
        #expect(try Invitation(parsing: silent.description).address == nil)
        for wrong in [
            "", "alpha", String(line.description.dropLast()), line.description.replacing("alpha", with: "Al pha"),
            line.description.replacing("alpha", with: "local"), line.description.replacing(":7411", with: ":99999"),
        ] {
            #expect(throws: BerthError.self, "\(wrong)") { try Invitation(parsing: wrong) }
        }
    }

    @Test("a lent machine's lease is named by its key, never lent on, and shows the borrower's words without its host's tags")
    func request() {
        let spec: JSON = [
            "name": "web-0", "cpus": 2, "memory_mib": 512, "image": "debian", "node": "lab/n1",
            "tags": ["berth.lease": "l-7", "berth.owner": "uid:1", "stage": "test"],
        ]
        let body = LentMachine.request(key: "the-key", spec: spec, seconds: 60, member: "alpha")
        #expect(body["name"] == "the-key" && body["where"] == "local" && body["duration_s"] == 60)
        #expect(body["groups"]?[0]?["cpus"] == 2 && body["groups"]?[0]?["image"] == "debian" && body["groups"]?[0]?["node"] == nil)
        #expect(body["tags"]?["federation.lease"] == "l-7" && body["tags"]?["stage"] == "test" && body["tags"]?["berth.lease"] == nil)
        #expect((try? LeaseRequest(body)) != nil)
    }

    @Test("the state of a lent machine is its lease's where that says more")
    func states() {
        func state(_ lease: String, _ observed: String) -> String? {
            LentMachine.document([
                "id": "l-1", "name": "k", "state": JSON(lease), "machines": [["observed": JSON(observed), "addresses": ["10.0.0.1"]]],
            ])["state"]?.string
        }
        #expect(state("preparing", "running") == "building" && state("preparing", "unknown") == "building")
        #expect(state("active", "running") == "running" && state("active", "unknown") == "unknown")
        #expect(state("suspended", "suspended") == "suspended" && state("failed", "gone") == "error")
        #expect(state("cancelled", "gone") == "gone" && state("ending", "running") == "running")
    }
}
