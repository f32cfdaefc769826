import Glibc
import JSON
import Model
import Platform
import PluginHost
import Synchronization

/// How long a good provider's calls take while another one's driver works, crashes, hangs, or eats memory.
enum NeighbourBenchmark {
    /// What the other provider's driver does, again and again.
    enum Trouble: String, CaseIterable {
        case none, crash, hang, hog
    }

    static func run(quick: Bool) throws -> JSON {
        let library = try ProbeLibrary([
            ("good", ""), ("bad", "restart = 1000000 in 60s\nmemory = 256M\ndeadline = 200ms"),
        ])
        let good = try library.start("good")
        let bad = try library.start("bad") { $0.grace = 200 }
        defer {
            good.stopAndWait()
            bad.stopAndWait()
        }
        _ = measure(good, milliseconds: 200)
        var rounds: [Trouble: [Samples]] = [:]
        var lost: [Trouble: Int] = [:]
        // In turns: what else happens on the machine happens to all of them.
        for _ in 0..<(quick ? 3 : 11) {
            for trouble in Trouble.allCases {
                let before = bad.status.restarts
                let troublemaker = Troublemaker(bad, trouble)
                rounds[trouble, default: []].append(Samples(measure(good, milliseconds: 1_000)))
                troublemaker.stop()
                lost[trouble, default: 0] += bad.status.restarts - before
            }
        }
        let before = Summary(rounds[.none] ?? [])
        var body: JSON = ["before": before.json]
        for trouble in Trouble.allCases where trouble != .none {
            let now = Summary(rounds[trouble] ?? [])
            var row = now.json
            row["workers_lost"] = JSON(lost[trouble] ?? 0)
            row["p99_ratio"] = ratio(now.p99, before.p99)
            row["p99_more_us"] = Samples.microseconds(now.p99 - before.p99)
            row["p99_least_more_us"] = Samples.microseconds(now.leastP99 - before.leastP99)
            body[trouble.rawValue] = row
        }
        return body
    }

    /// The median of the rounds, since one hiccup of the machine must not decide, and the best of them.
    private struct Summary {
        let median: Int64
        let p99: Int64
        let leastP99: Int64

        init(_ rounds: [Samples]) {
            let tails = Samples(rounds.map { $0.quantile(0.99) })
            (median, p99, leastP99) = (Samples(rounds.map(\.median)).median, tails.median, tails.least)
        }

        var json: JSON {
            [
                "median_us": Samples.microseconds(median), "p99_us": Samples.microseconds(p99),
                "p99_least_us": Samples.microseconds(leastP99),
            ]
        }
    }

    /// A call each millisecond, whether the last one took long or not.
    private static func measure(_ host: ProviderHost, milliseconds: Int) -> [Int64] {
        let values = Mutex<[Int64]>([])
        let answered = Semaphore()
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        for _ in 0..<milliseconds {
            time.tv_nsec += 1_000_000
            if time.tv_nsec >= 1_000_000_000 { (time.tv_sec, time.tv_nsec) = (time.tv_sec + 1, time.tv_nsec - 1_000_000_000) }
            clock_nanosleep(CLOCK_MONOTONIC, Int32(TIMER_ABSTIME), &time, nil)
            let start = Clock.nanoseconds
            host.call(DriverCall("echo", [.bytes([1, 2, 3])], deadline: Clock.monotonic + 30_000)) { _ in
                values.withLock { $0.append(Clock.nanoseconds - start) }
                answered.signal()
            }
        }
        for _ in 0..<milliseconds { answered.wait() }
        return values.withLock { $0 }
    }

    /// A thread that keeps the bad provider at its trouble, with the same load beside it in all of them.
    private final class Troublemaker: Sendable {
        private let isOver = Atomic(false)
        private let thread = Mutex<OSThread?>(nil)

        init(_ host: ProviderHost, _ trouble: Trouble) {
            let thread = OSThread("trouble") { [self] in
                let answered = Semaphore()
                func call(_ name: String, _ arguments: [CallArgument] = []) {
                    host.call(DriverCall(name, arguments, deadline: Clock.monotonic + 200)) { _ in answered.signal() }
                    answered.wait()
                }
                while !isOver.load(ordering: .relaxed) {
                    for _ in 0..<100 where !isOver.load(ordering: .relaxed) {
                        call("echo", [.bytes([1])])
                        usleep(500)
                    }
                    if trouble != .none { call(trouble.rawValue) }
                }
            }
            self.thread.withLock { $0 = thread }
        }

        func stop() {
            isOver.store(true, ordering: .relaxed)
            thread.withLock { $0 }?.join()
        }
    }
}
