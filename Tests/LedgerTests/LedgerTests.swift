import Foundation
import JSON
import Model
import Platform
import Synchronization
import Testing

@testable import Ledger

@Suite("ledger")
struct LedgerTests {
    let directory = TemporaryDirectory()

    @Test("what is committed is there again after the ledger was closed and opened")
    func roundTrip() async throws {
        let ledger = try SQLiteLedger.open(directory.settings)
        var maker = Maker(ledger.id)
        var stored = try maker.lease(.active, machines: 3)
        stored.lease.steadyEnd = 12345
        stored.lease.reason = "because"
        stored.machines[1].nativeID = "vm-7"
        stored.machines[1].addresses = ["10.0.0.1", "fe80::1"]
        try stored.machines[1].move(to: .spawning)
        stored.machines[1].provider = "lab"
        stored.machines[1].observed = .building
        var batch = maker.batch(stored)
        var intent = Intent(
            id: 7, verb: .create, machine: stored.machines[1].id, lease: stored.lease.id, provider: "lab", arguments: ["cpus": 2],
            created: maker.now)
        intent.attempts = 2
        intent.crashes = 1
        intent.nextTry = maker.now + 100
        batch.intents = [intent]
        batch.records = [Record(kind: "template", id: "web", document: ["groups": []])]
        try await ledger.commit(batch)
        ledger.close()

        let again = try SQLiteLedger.open(directory.settings)
        #expect(again.id == ledger.id)
        #expect(!again.wasUnclean)
        let snapshot = try again.load()
        #expect(snapshot.leases == [stored.lease])
        #expect(snapshot.machines == stored.machines)
        #expect(snapshot.intents == [intent])
        #expect(snapshot.nextIntent == 8)
        #expect(snapshot.records == batch.records)
        #expect(snapshot.restored == nil)
        #expect(try again.lease(stored.lease.id) == stored)
        #expect(try again.machine(stored.machines[2].id) == stored.machines[2])
    }

    @Test("final leases are not loaded, but found")
    func finals() async throws {
        let ledger = try SQLiteLedger.open(directory.settings)
        var maker = Maker(ledger.id)
        var stored = try maker.lease(.ending)
        try await ledger.commit(maker.batch(stored))
        try stored.lease.move(to: .done)
        try await ledger.commit(maker.batch(stored))
        #expect(try ledger.load().leases.isEmpty)
        #expect(try ledger.load().machines.isEmpty)
        #expect(try ledger.lease(stored.lease.id)?.lease.state == .done)
        #expect(try ledger.leases(LeaseQuery()).elements.map { $0.lease.state } == [.done])
    }

    @Test("events get numbers without gaps in the order of submission, and completions come in that order")
    func eventOrder() async throws {
        let ledger = try SQLiteLedger.open(directory.settings)
        var maker = Maker(ledger.id)
        let seen = Mutex<[Int64]>([])
        for _ in 0..<500 {
            ledger.submit(maker.batch(try maker.lease())) { result in
                if case .success(let commit) = result { seen.withLock { $0 += commit.events.map { $0.seq } } }
            }
        }
        #expect(await eventually { seen.withLock { $0.count } == 500 })
        #expect(seen.withLock { $0 } == Array(1...500))
        #expect(ledger.lastEvent == 500)
        let page = try ledger.events(EventQuery(after: 490, limit: 100))
        #expect(page.events.map { $0.seq } == Array(491...500))
        #expect(page.next == 500)
        #expect(ledger.statistics.batches == 500)
        #expect(ledger.statistics.groups < 500)
    }

    @Test("events are filtered by topic and owner, and the filter never loses the place")
    func eventFilter() async throws {
        let ledger = try SQLiteLedger.open(directory.settings)
        let now = Instant(milliseconds: 0)
        var batch = Batch(.fact)
        batch.events = [
            Event(time: now, topic: "lease.l-1.active", subject: "l-1", owner: "alice"),
            Event(time: now, topic: "lease.l-2.active", subject: "l-2", owner: "bob"),
            Event(time: now, topic: "provider.lab.ready", subject: "lab", owner: nil),
        ]
        try await ledger.commit(batch)
        #expect(try ledger.events(EventQuery(after: 0, owner: "alice")).events.map { $0.seq } == [1, 3])
        #expect(try ledger.events(EventQuery(after: 0, topics: ["lease."])).events.map { $0.seq } == [1, 2])
        let nothing = try ledger.events(EventQuery(after: 0, topics: ["member."]))
        #expect(nothing.events.isEmpty)
        #expect(nothing.next == 3)
    }

    @Test("events past retention go, and asking for them says which is the oldest kept")
    func retention() async throws {
        var settings = directory.settings
        settings.keepEvents = 100
        let ledger = try SQLiteLedger.open(settings)
        for _ in 0..<300 {
            var batch = Batch(.fact)
            batch.events = [Event(time: Instant(milliseconds: 0), topic: "a.b.c", subject: "b", owner: nil)]
            try await ledger.commit(batch)
        }
        let page = try ledger.events(EventQuery(after: 200))
        #expect(page.events.map { $0.seq } == Array(201...300))
        #expect {
            _ = try ledger.events(EventQuery(after: 10))
        } throws: { error in
            (error as? BerthError)?.code == .notFound && (error as? BerthError)?.message.contains("201") == true
        }
    }

    @Test("an answer is found under its account and key, and nobody else's")
    func answers() async throws {
        let ledger = try SQLiteLedger.open(directory.settings)
        let answer = AnsweredRequest(
            account: "alice", key: "k1", verb: "lease.create", bodyHash: AnsweredRequest.hash(Array("{}".utf8)),
            answer: ["lease": ["id": "l-1"]],
            // Now: an old one would be forgotten at the next clean-up.
            time: Instant(milliseconds: Clock.real))
        var batch = Batch()
        batch.answers = [answer]
        try await ledger.commit(batch)
        #expect(try ledger.answer(account: "alice", key: "k1") == answer)
        #expect(try ledger.answer(account: "bob", key: "k1") == nil)
    }

    @Test("a closed intent is gone, a tombstone stays")
    func intents() async throws {
        let ledger = try SQLiteLedger.open(directory.settings)
        var maker = Maker(ledger.id)
        let stored = try maker.lease(.preparing, machines: 2)
        var intents = stored.machines.enumerated().map { index, machine in
            Intent(id: Int64(index + 1), verb: .create, machine: machine.id, lease: stored.lease.id, provider: "lab", created: maker.now)
        }
        var batch = maker.batch(stored)
        batch.intents = intents
        try await ledger.commit(batch)
        try intents[0].state.move(to: .closed)
        try intents[1].state.move(to: .unknown)
        try intents[1].state.move(to: .tombstone)
        var second = Batch(.fact)
        second.intents = intents
        try await ledger.commit(second)
        #expect(try ledger.load().intents == [intents[1]])
    }

    @Test("a second host is kept off a state directory")
    func secondHost() throws {
        let ledger = try SQLiteLedger.open(directory.settings)
        #expect {
            _ = try SQLiteLedger.open(directory.settings)
        } throws: { error in
            (error as? BerthError)?.code == .conflict
        }
        ledger.close()
    }

    @Test("after close, submissions are refused with retry and nothing hangs")
    func afterClose() async throws {
        let ledger = try SQLiteLedger.open(directory.settings)
        ledger.close()
        await #expect {
            try await ledger.commit(Batch(.fact))
        } throws: { error in
            (error as? BerthError)?.code == .retry
        }
    }
}
