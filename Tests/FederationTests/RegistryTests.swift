import Federation
import JSON
import Model
import Testing

@Suite("who is alive")
struct RegistryTests {
    private func presence(_ name: String, _ sequence: Int64, period: Int64 = 1000, idle: Double = 4) -> Presence {
        Presence(
            name: name, address: "tcp://\(name):1", sequence: sequence, period: period, idle: .machine(cpus: idle, memoryMiB: 1024),
            inUse: .machine(cpus: 1, memoryMiB: 512))
    }

    @Test("a member lives for three of its own periods after its last sign of life, and not longer")
    func expires() throws {
        var registry = Registry()
        #expect(try registry.alive(presence("alpha", 1), now: 0) == true)
        #expect(try registry.alive(presence("beta", 1, period: 5000), now: 0) == true)
        #expect(try registry.alive(presence("alpha", 2), now: 2000) == false)
        #expect(registry.expire(now: 4999).count == 0)
        #expect(registry.expire(now: 5000).map(\.presence.name) == ["alpha"])
        #expect(!registry.isAlive("alpha") && registry.isAlive("beta"))
        #expect(registry.expire(now: 15_000).map(\.presence.name) == ["beta"])
    }

    @Test("a sign of life that does not count on is a replay, also after its member has expired")
    func replay() throws {
        var registry = Registry()
        _ = try registry.alive(presence("alpha", 7), now: 0)
        _ = registry.expire(now: 10_000)
        #expect(throws: BerthError.self) { try registry.alive(presence("alpha", 7), now: 10_000) }
        #expect(throws: BerthError.self) { try registry.alive(presence("alpha", 6), now: 10_000) }
        #expect(!registry.isAlive("alpha"))
        #expect(try registry.alive(presence("alpha", 8), now: 10_000) == true)
    }

    @Test("two rendezvous tell each other what each has heard, and neither makes old news young")
    func synchronises() throws {
        var (first, second) = (Registry(), Registry())
        _ = try first.alive(presence("alpha", 5, idle: 8), now: 0)
        _ = try second.alive(presence("beta", 3), now: 0)
        func exchange(at now: Int64) {
            for entry in first.entries.values { _ = second.merge(entry.presence, age: now - entry.heard, now: now) }
            for entry in second.entries.values { _ = first.merge(entry.presence, age: now - entry.heard, now: now) }
        }
        exchange(at: 1000)
        #expect(first.isAlive("beta") && second.isAlive("alpha"))
        #expect(second.entries["alpha"]?.presence.idle.cpus == 8)
        // They repeat to each other what neither has heard again: it ends all the same.
        exchange(at: 2000)
        exchange(at: 2999)
        #expect(first.expire(now: 3000).count == 2 && second.expire(now: 3000).count == 2)
        exchange(at: 3001)
        #expect(first.entries.isEmpty && second.entries.isEmpty)
    }

    @Test("what is heard of a member by a detour never puts back what it said itself")
    func newest() throws {
        var registry = Registry()
        _ = try registry.alive(presence("alpha", 9, idle: 2), now: 1000)
        #expect(registry.merge(presence("alpha", 8, idle: 6), age: 0, now: 1000) == false)
        #expect(registry.entries["alpha"]?.presence.idle.cpus == 2)
        #expect(registry.merge(presence("alpha", 10, idle: 6), age: 100, now: 1200) == false)
        #expect(registry.entries["alpha"]?.presence.idle.cpus == 6)
    }

    @Test("what a rendezvous was quicker to tell, the member may still say itself, once")
    func overtaken() throws {
        var registry = Registry()
        #expect(registry.merge(presence("alpha", 4), age: 0, now: 0) == true)
        #expect(try registry.alive(presence("alpha", 4), now: 100) == false)
        #expect(throws: BerthError.self) { try registry.alive(presence("alpha", 4), now: 200) }
    }

    @Test("a sign of life that came late, after the next one by another way, is no replay and no news")
    func late() throws {
        var registry = Registry()
        #expect(registry.merge(presence("alpha", 6, idle: 1), age: 0, now: 0) == true)
        #expect(try registry.alive(presence("alpha", 5, idle: 7), now: 100) == false)
        #expect(registry.entries["alpha"]?.presence.idle.cpus == 1 && registry.entries["alpha"]?.heard == 100)
        #expect(throws: BerthError.self) { try registry.alive(presence("alpha", 5), now: 200) }
    }

    @Test("an answer is a sign of life")
    func touches() {
        var registry = Registry()
        #expect(registry.touch("alpha", address: nil, period: 1000, now: 0) == true)
        #expect(registry.touch("alpha", address: nil, period: 1000, now: 2500) == false)
        #expect(registry.expire(now: 5000).count == 0)
        #expect(registry.expire(now: 5500).count == 1)
    }

    @Test("a thousand members come in pages, each once, in the order of their names")
    func pages() throws {
        var registry = Registry()
        let names = (0..<1000).map { "m\(10_000 + $0)" }
        for name in names.shuffled() { _ = try registry.alive(presence(name, 1), now: 0) }
        var (seen, after): ([String], String?) = ([], nil)
        repeat {
            let page = registry.page(after: after, limit: 64)
            seen += page.entries.map(\.presence.name)
            after = page.next
        } while after != nil
        #expect(seen == names)
        #expect(registry.page(after: nil, limit: 1000).next == nil)
    }

    @Test("a presence reads back as it was written, and a wrong one is refused by its field")
    func document() throws {
        let written = presence("alpha", 12)
        #expect(try Presence(written.json).name == "alpha")
        #expect(try Presence(written.json).idle.cpus == 4)
        #expect(try Presence(written.json).inUse.memoryMiB == 512)
        #expect(throws: BerthError.self) { try Presence(["name": "alpha"]) }
        #expect(throws: BerthError.self) { try Presence(["name": "alpha", "sequence": -1]) }
        #expect(throws: BerthError.self) { try Presence(["name": "alpha", "sequence": 1, "cpus": ["idle": "much"]]) }
    }
}
