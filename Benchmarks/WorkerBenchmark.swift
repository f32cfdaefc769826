import Glibc
import JSON
import Model
import Platform
import PluginHost
import RawBench
import Synchronization

/// `berth-bench worker`: a call through a worker against a bare echo over a socket pair in C, what a worker holds in memory, and
/// what a provider's neighbours notice of its crashes, hangs and hunger.
enum WorkerBenchmark {
    static func run(quick: Bool) throws -> JSON {
        ["echo": try echo(quick: quick), "memory": try memory(), "neighbours": try NeighbourBenchmark.run(quick: quick)]
    }

    // MARK: round trips

    /// A header of ours has about so many bytes, with the sizes in front.
    private static let header = (request: 64, reply: 28)

    private static func echo(quick: Bool) throws -> JSON {
        let library = try ProbeLibrary([("p", "")])
        let host = try library.start("p")
        defer { host.stopAndWait() }
        let count = quick ? 500 : 5_000
        var rows: [JSON] = []
        for size in [64, 4_096, 65_536] {
            var raw: [Int64] = []
            var chained: [Int64] = []
            var blocking: [Int64] = []
            var bare = raw_echo_t()
            guard raw_echo_start(&bare, size + header.request, size + header.reply) == 0 else { throw BerthError(.broken, "no echo") }
            let body = [UInt8](repeating: 0x61, count: size)
            for _ in 0..<(quick ? 3 : 9) {
                var values = [Int64](repeating: 0, count: count / (size > 10_000 ? 10 : 1))
                guard raw_echo_measure(&bare, &values, Int32(values.count)) == 0 else { throw BerthError(.broken, "the echo ended") }
                raw += values
                chained += try self.chained(host, body, values.count)
                blocking += try self.blocking(host, body, values.count)
            }
            raw_echo_stop(&bare)
            let (a, b, c) = (Samples(raw), Samples(chained), Samples(blocking))
            rows.append([
                "bytes": JSON(size), "raw": a.json, "worker": b.json, "worker_from_a_thread_that_waits": c.json,
                "ratio_median": ratio(b.median, a.median), "ratio_min": ratio(b.least, a.least),
                "ratio_of_the_thread_that_waits": ratio(c.median, a.median),
            ])
        }
        return .array(rows)
    }

    /// Each call is made by the answer to the one before.
    private static func chained(_ host: ProviderHost, _ body: [UInt8], _ count: Int) throws -> [Int64] {
        let chain = Chain(host, body, count)
        chain.next()
        chain.isOver.wait()
        return try chain.result.withLock { try $0.get() }
    }

    private final class Chain: Sendable {
        let host: ProviderHost
        let body: [UInt8]
        let count: Int
        let isOver = Semaphore()
        let result = Mutex(Result<[Int64], BerthError>.success([]))

        init(_ host: ProviderHost, _ body: [UInt8], _ count: Int) {
            (self.host, self.body, self.count) = (host, body, count)
        }

        func next() {
            let start = Clock.nanoseconds
            host.call(DriverCall("echo", [.bytes(body)], deadline: Clock.monotonic + 30_000)) { [self] outcome in
                let time = Clock.nanoseconds - start
                let isDone = result.withLock { result in
                    guard outcome.document.count == body.count, case .success(var values) = result else {
                        result = .failure(BerthError(.broken, "\(outcome)"))
                        return true
                    }
                    result = .success([])
                    values.append(time)
                    result = .success(values)
                    return values.count == count
                }
                if isDone { isOver.signal() } else { next() }
            }
        }
    }

    /// A thread makes a call and sleeps until its answer is there.
    private static func blocking(_ host: ProviderHost, _ body: [UInt8], _ count: Int) throws -> [Int64] {
        let answered = Semaphore()
        return (0..<count).map { _ in
            let start = Clock.nanoseconds
            host.call(DriverCall("echo", [.bytes(body)], deadline: Clock.monotonic + 30_000)) { _ in answered.signal() }
            answered.wait()
            return Clock.nanoseconds - start
        }
    }

    // MARK: memory

    /// Private memory of a worker that has made ten thousand calls.
    private static func memory() throws -> JSON {
        let library = try ProbeLibrary([("p", "")])
        let host = try library.start("p")
        defer { host.stopAndWait() }
        _ = try blocking(host, [UInt8](repeating: 1, count: 64), 10_000)
        guard let process = host.status.process, let bytes = ProcessMemory.privateBytes(of: process) else { return .null }
        return ["private_mib": .double((Double(bytes) / 104_857.6).rounded() / 10)]
    }
}
