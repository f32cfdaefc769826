import Glibc
import Testing

@testable import PluginHost

/// The smaller parts of the supervisor.
@Suite("supervisor parts")
struct SupervisorPartsTests {
    func waiting(_ id: UInt64, deadline: Int64 = 1_000) -> CallTable.Waiting {
        CallTable.Waiting(id: id, call: DriverCall("list", deadline: deadline), completion: { _ in })
    }

    @Test("calls leave the table in order, each once")
    func order() {
        var table = CallTable()
        for id in 1...3_000 { table.add(waiting(UInt64(id))) }
        table.addFirst(waiting(0))
        var seen: [UInt64] = []
        while let flight = table.takeOff(at: 0) { seen.append(flight.id) }
        #expect(seen == Array(0...3_000))
        #expect(table.waitingCount == 0)
        #expect(table.land(17) != nil)
        #expect(table.land(17) == nil)
        #expect(table.landAll().count == 3_000)
        #expect(table.landAll().isEmpty)
    }

    @Test("a waiting call can be taken back, also from the middle of a queue that was partly used")
    func remove() {
        var table = CallTable()
        for id in 1...10 { table.add(waiting(UInt64(id))) }
        _ = table.takeOff(at: 0)
        _ = table.takeOff(at: 0)
        #expect(table.remove(2) == nil, "it is in flight")
        #expect(table.remove(5)?.id == 5)
        #expect(table.remove(5) == nil)
        #expect(table.removeAllWaiting().map(\.id) == [3, 4, 6, 7, 8, 9, 10])
    }

    @Test("only calls whose time is up expire, and the earliest of the rest is known")
    func expire() {
        var table = CallTable()
        table.add(waiting(1, deadline: 500))
        table.add(waiting(2, deadline: 100))
        table.add(waiting(3, deadline: 300))
        #expect(table.earliestWaiting == 100)
        #expect(table.removeExpired(at: 99).isEmpty)
        #expect(table.removeExpired(at: 300).map(\.id) == [2, 3])
        #expect(table.earliestWaiting == 500)
        #expect(table.waitingCount == 1)
    }

    @Test("a table is full at its bound")
    func full() {
        var table = CallTable()
        for id in 0..<CallTable.mostWaiting { table.add(waiting(UInt64(id))) }
        #expect(table.isFull)
        _ = table.takeOff(at: 0)
        #expect(!table.isFull)
    }

    @Test("lines are cut at newlines, however they arrive; the last twenty are kept")
    func lines() {
        var collector = LineCollector()
        #expect(collector.add(Array("one\ntw".utf8), at: 0) == ["one"])
        #expect(collector.add(Array("o\n\n".utf8), at: 0) == ["two"])
        for number in 1...30 { _ = collector.add(Array("line \(number)\n".utf8), at: Int64(number) * 1_000) }
        #expect(collector.last.count == 20)
        #expect(collector.last.last == "line 30")
        #expect(collector.add(Array("the end".utf8), at: 0) == [])
        #expect(collector.finish(at: 0) == ["the end"])
    }

    @Test("a flood is kept out of the log and counted; a line without end is cut")
    func flood() {
        var collector = LineCollector()
        let logged = collector.add(Array(String(repeating: "x\n", count: 1_000).utf8), at: 5_000)
        #expect(logged.count == LineCollector.mostASecond)
        #expect(collector.takeSuppressed() == 1_000 - LineCollector.mostASecond)
        #expect(collector.takeSuppressed() == 0)
        let long = collector.add([UInt8](repeating: 97, count: 10_000), at: 9_000)
        #expect(long.count == 9)
        #expect(long.allSatisfy { $0.utf8.count == LineCollector.longestLine })
    }

    @Test("private memory is what smaps_rollup calls private, and what of it is swapped out")
    func memory() throws {
        let text = """
            55d0c0000000-7ffd00000000 ---p 00000000 00:00 0                          [rollup]
            Rss:                9000 kB
            Pss:                5000 kB
            Shared_Clean:       4000 kB
            Private_Clean:       100 kB
            Private_Dirty:      2000 kB
            Swap:                 50 kB
            Private_Hugetlb:       0 kB
            """
        #expect(ProcessMemory.privateBytes(in: text) == 2_150 << 10)
        #expect(ProcessMemory.privateBytes(in: "") == nil)
        #expect(try #require(ProcessMemory.privateBytes(of: getpid())) > 1 << 20)
        #expect(ProcessMemory.privateBytes(of: .max) == nil)
    }

    @Test("a death says what it was, and whether the driver did it")
    func deaths() {
        #expect(WorkerDeath(status: 11, killed: nil).description == "signal 11 (SIGSEGV)")
        #expect(!WorkerDeath(status: 11, killed: nil).isOutside)
        #expect(WorkerDeath(status: 9, killed: nil).isOutside)
        #expect(!WorkerDeath(status: 9, killed: "it hung").isOutside)
        #expect(WorkerDeath(status: 9, killed: "it hung").description == "killed by the host: it hung")
        #expect(WorkerDeath(status: 3 << 8, killed: nil).description == "exit status 3")
    }
}
