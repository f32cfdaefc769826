import JSON
import Model
import Testing

@testable import Monitor

/// The Monitor's core with a clock and a Scheduler of the test's own.
@Suite("monitor core")
struct MonitorCoreTests {
    /// Runs a core and keeps what it asked for.
    final class Bench {
        let core: MonitorCore
        var time: Int64 = 1_000_000
        var asked: [MonitorStep.Request] = []
        var probes: [MonitorStep.Probe] = []
        var watch: JSON = ["machines": [], "elastic": [], "providers": []]
        /// Answers to `driver.call`, by call or verb.
        var driver: [String: Result<JSON, BerthError>] = ["health": .success(["document": .null])]

        init(_ change: (inout MonitorSettings) -> Void = { _ in }) {
            var settings = MonitorSettings()
            change(&settings)
            core = MonitorCore(settings: settings, now: Moment(real: Instant(milliseconds: 1_000_000), steady: 1_000_000))
        }

        var now: Moment { Moment(real: Instant(milliseconds: time), steady: time) }

        func feed(_ input: MonitorInput) {
            core.receive(input, now: now)
            pump()
        }

        func pump() {
            while true {
                let step = core.take(now: now)
                asked += step.requests
                probes += step.probes
                guard !step.requests.isEmpty else { return }
                for request in step.requests {
                    let result: Result<JSON, BerthError>? =
                        switch request.verb {
                        case "scheduler.watch": .success(watch)
                        case "driver.call": driver[request.body["verb"]?.string ?? request.body["call"]?.string ?? ""]
                        default: .success([:])
                        }
                    if let result { core.receive(.answered(request.number, result), now: now) }
                }
            }
        }

        /// Lets time pass, waking the core when it wants to be.
        func pass(_ milliseconds: Int64) {
            let end = time + milliseconds
            while let wake = core.take(now: now).wake, wake <= end {
                time = max(time, wake)
                pump()
            }
            time = end
            pump()
        }

        func ready(_ capabilities: [String] = []) { feed(.provider(name: "lab", state: "ready", capabilities: capabilities)) }

        func bodies(_ verb: String) -> [JSON] { asked.filter { $0.verb == verb }.map(\.body) }
        func clear() { asked = [] }
    }

    private func machine(_ id: String, observed: String = "running", ready: String = "running", addresses: [String] = []) -> JSON {
        [
            "id": JSON(id), "provider": "lab", "native_id": JSON("n-\(id)"), "observed": JSON(observed), "ready": JSON(ready),
            "addresses": JSON(addresses),
        ]
    }

    // MARK: polling

    @Test("each provider is listed, counted and asked for its health at its own period, only while it is there")
    func polls() {
        let bench = Bench {
            $0.periods.list = 10_000
            $0.periods.capacity = 20_000
            $0.periods.health = 60_000
            $0.providers["lab"] = $0.periods
            $0.providers["lab"]?.list = 5_000
        }
        bench.ready()
        bench.clear()
        bench.pass(20_500)
        #expect(bench.bodies("scheduler.refresh").filter { $0["list"] == true }.count == 4)
        #expect(bench.bodies("scheduler.refresh").filter { $0["capacity"] == true }.count == 1)
        bench.feed(.provider(name: "lab", state: "unreachable", capabilities: []))
        bench.clear()
        bench.pass(60_000)
        #expect(bench.bodies("scheduler.refresh").isEmpty && bench.bodies("driver.call").isEmpty)
    }

    @Test("a provider that comes up is asked for its health at once")
    func health() {
        let bench = Bench()
        bench.ready()
        #expect(bench.bodies("driver.call").map { $0["call"]?.string } == ["health"])
    }

    // MARK: credentials

    @Test("credentials are renewed before they end, and again before the new ones do")
    func renews() {
        let bench = Bench()
        func until(_ milliseconds: Int64) -> Result<JSON, BerthError> {
            .success(["document": ["credentials_until": JSON("\(Instant(milliseconds: milliseconds))")]])
        }
        bench.driver["health"] = until(bench.time + 3_600_000)
        bench.driver["renew"] = .success(["document": .null])
        bench.ready(["renew"])
        bench.clear()
        let start = bench.time
        bench.pass(3_290_000)
        #expect(bench.bodies("driver.call").filter { $0["verb"] == "renew" }.isEmpty)
        bench.driver["health"] = until(start + 7_200_000)
        bench.pass(20_000)
        #expect(bench.bodies("driver.call").filter { $0["verb"] == "renew" }.map { $0["id"] } == [""])
        bench.clear()
        bench.pass(3_600_000)
        #expect(bench.bodies("driver.call").filter { $0["verb"] == "renew" }.count == 1)
    }

    @Test("a renewal that fails is tried again, soon and then less often")
    func renewFails() {
        let bench = Bench()
        bench.driver["health"] = .success(["document": ["credentials_until": JSON("\(Instant(milliseconds: bench.time + 9_000))")]])
        bench.driver["renew"] = .failure(BerthError(.unreachable, "no route"))
        bench.ready(["renew"])
        bench.pass(60_000)
        let tries = bench.bodies("driver.call").filter { $0["verb"] == "renew" }.count
        #expect(tries >= 4 && tries <= 8)
    }

    // MARK: readiness

    @Test("a machine that is building is inspected until it runs, many of one provider with one list")
    func inspects() {
        let bench = Bench()
        bench.ready()
        bench.watch["machines"] = [machine("m-1", observed: "building")]
        bench.feed(.changed)
        bench.pass(4_500)
        #expect(bench.bodies("scheduler.inspect").count >= 2 && bench.bodies("scheduler.inspect")[0]["id"] == "m-1")
        bench.watch["machines"] = .array((0..<20).map { machine("m-\($0)", observed: "building") })
        bench.feed(.changed)
        bench.pass(100)
        bench.clear()
        bench.pass(2_000)
        #expect(bench.bodies("scheduler.inspect").isEmpty)
        #expect(bench.bodies("scheduler.refresh").contains { $0["list"] == true })
    }

    @Test("ready = tcp:PORT tries the first address once it runs, one try at a time, and says why it failed")
    func tcp() {
        let bench = Bench()
        bench.ready()
        bench.watch["machines"] = [machine("m-1", ready: "tcp:22")]
        bench.feed(.changed)
        bench.pass(100)
        #expect(bench.probes.isEmpty && bench.bodies("scheduler.inspect").count == 1)
        bench.watch["machines"] = [machine("m-1", ready: "tcp:22", addresses: ["10.0.0.1", "10.0.0.2"])]
        bench.feed(.changed)
        bench.pass(10_000)
        #expect(bench.probes == [MonitorStep.Probe(machine: "m-1", address: "10.0.0.1", port: 22, timeout: 3_000)])
        bench.feed(.probed(machine: "m-1", failure: "Connection refused"))
        #expect(bench.bodies("scheduler.ready") == [["id": "m-1", "ready": false, "why": "Connection refused"]])
        bench.pass(3_000)
        #expect(bench.probes.count == 2)
        bench.feed(.probed(machine: "m-1", failure: nil))
        #expect(bench.bodies("scheduler.ready").last == ["id": "m-1"])
    }

    @Test("ready = agent asks the driver, and where that cannot ask the machine fails at once with the reason")
    func agent() {
        let bench = Bench()
        bench.ready(["create"])
        bench.watch["machines"] = [machine("m-1", ready: "agent")]
        bench.feed(.changed)
        bench.pass(100)
        #expect(bench.bodies("scheduler.ready").first?["final"] == true)
        let other = Bench()
        other.driver["agent"] = .success(["document": .null])
        other.ready(["agent"])
        other.watch["machines"] = [machine("m-1", ready: "agent")]
        other.feed(.changed)
        other.pass(100)
        #expect(other.bodies("driver.call").contains { $0["verb"] == "agent" && $0["id"] == "n-m-1" })
        #expect(other.bodies("scheduler.ready") == [["id": "m-1"]])
    }

    // MARK: elastic

    private func elastic(_ count: Int) -> JSON {
        [
            [
                "id": "l-1", "min": 1, "max": 4, "count": JSON(count),
                "machines": .array((0..<count).map { ["provider": "lab", "native_id": JSON("n-\($0)")] }),
            ]
        ]
    }

    @Test("an elastic lease under load is scaled, by what drivers tell of and by what they are asked for")
    func scales() {
        let bench = Bench()
        bench.ready()
        bench.driver["inspect"] = .success(["document": ["usage": ["cpu": 0.97]]])
        bench.watch["elastic"] = elastic(2)
        bench.feed(.changed)
        bench.pass(120_000)
        let scale = bench.bodies("scheduler.scale")
        #expect(scale.first?["id"] == "l-1" && scale.first?["count"] == 3)
        #expect(scale.first?["because"]?.string?.contains("97 %") == true)
    }

    @Test("a lease with a machine whose load nobody knows is left alone")
    func unknownLoad() {
        let bench = Bench()
        bench.ready()
        bench.driver["inspect"] = .failure(BerthError(.unreachable, "away"))
        bench.watch["elastic"] = elastic(2)
        bench.feed(.changed)
        for _ in 0..<20 {
            bench.feed(.usage(provider: "lab", nativeID: "n-0", cpu: 1))
            bench.pass(15_000)
        }
        #expect(bench.bodies("scheduler.scale").isEmpty)
        #expect(!bench.bodies("driver.call").contains { $0["id"] == "n-0" })
    }
}
