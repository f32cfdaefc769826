import Testing

@testable import Planner

@Suite("the room of a node over time")
struct StepFunctionTests {
    @Test("it says the same as a plain table after thousands of random changes, in one chunk and in many")
    func againstTable() {
        var chance = Chance(state: 7)
        let span = 900
        var function = StepFunction(Room(cpus: 50))
        var table = [Int32](repeating: 50, count: span)
        for step in 0..<3000 {
            let start = chance.upTo(span)
            let end = min(span, start + 1 + chance.upTo(step.isMultiple(of: 5) ? span : 12))
            let amount = Int32(chance.upTo(7)) - 3
            function.add(Room(cpus: amount), Int64(start), end == span ? Int64.max : Int64(end))
            for time in start..<end { table[time] += amount }
            let (from, to) = (chance.upTo(span - 1), 1 + chance.upTo(span - 1))
            guard from < to else { continue }
            let least = table[from..<to].min() ?? 0
            #expect(function.minimum(Int64(from), Int64(to)).cpus == least)
            #expect(function.value(at: Int64(from)).cpus == table[from])
            let wanted = Int32(chance.upTo(70))
            let short = (from..<to).first { table[$0] < wanted }.map { Int64($0) }
            #expect(function.shortfall(of: Room(cpus: wanted), from: Int64(from), before: Int64(to)) == short)
        }
        #expect(function.chunks.count > 1)
        #expect(function.floor.cpus == min(50, table.min() ?? 0))
    }

    @Test("what is added and taken away again leaves nothing behind")
    func exact() {
        var chance = Chance(state: 3)
        var function = StepFunction(Room(cpus: 9))
        let changes = (0..<500).map { _ in
            let start = Int64(chance.upTo(1000))
            return (start, start + 1 + Int64(chance.upTo(300)), Int32(chance.upTo(5)))
        }
        for (start, end, amount) in changes { function.add(Room(cpus: 0 - amount), start, end) }
        for (start, end, amount) in changes.reversed() { function.add(Room(cpus: amount), start, end) }
        var values: Set<Int32> = [function.value(at: Int64.min).cpus]
        function.changes(after: Int64.min) { _, value in
            values.insert(value.cpus)
            return true
        }
        #expect(values == [9])
    }

    @Test("the tree finds the next node with room, and only allowed ones")
    func tree() {
        var chance = Chance(state: 11)
        let rooms = (0..<300).map { _ in Room(cpus: Int32(chance.upTo(4)), memory: Int32(chance.upTo(4))) }
        let tree = RoomTree(rooms)
        var bits = [UInt64](repeating: 0, count: 5)
        for leaf in 0..<300 where chance.oneIn(3) { bits[leaf / 64] |= 1 << UInt64(leaf % 64) }
        for _ in 0..<500 {
            let demand = Room(cpus: Int32(chance.upTo(5)), memory: Int32(chance.upTo(5)))
            let start = chance.upTo(300)
            #expect(tree.next(from: start, demand, []) == (start..<300).first { demand.fits(rooms[$0]) })
            let allowed = (start..<300).first { demand.fits(rooms[$0]) && bits[$0 / 64] >> UInt64($0 % 64) & 1 == 1 }
            #expect(tree.next(from: start, demand, bits) == allowed)
        }
    }
}
