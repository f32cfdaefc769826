import Foundation
import Glibc
import JSON
import Platform
import Synchronization
import TestSupport
import Testing

@testable import PluginHost

/// What a provider does for its callers, in both isolations.
@Suite("a provider put to use", .serialized)
struct WorkerTests {
    @Test("it lists, creates, inspects and acts, and says who its driver is", arguments: Isolation.allCases)
    func calls(isolation: Isolation) async throws {
        let bench = try Bench(.good, isolation: isolation, settings: "config.machines = 3")
        let listed = await bench.list()
        #expect(listed.status == .ok && listed.lineCount == 3)
        let key = "5f9b36d5-bf85-8e15-b3ad-5e4e9a8f3c01"
        let created = await bench.create(key)
        #expect(created.status == .ok, "\(created)")
        let machine = try JSON(parsing: created.document)
        #expect(machine["key"]?.string == key)
        #expect(await bench.create(key).document == created.document, "the same key is the same machine")
        let id = CallArgument.string(try #require(machine["id"]?.string))
        #expect(await bench.call("inspect", [id]).status == .ok)
        #expect(await bench.call("action", [id, .string("suspend"), .bytes([])]).status == .ok)
        #expect(try JSON(parsing: await bench.call("inspect", [id]).document)["state"]?.string == "suspended")
        let unknown = await bench.call("inspect", [.string("nobody")])
        #expect(unknown.status == .notFound && unknown.message == "no such machine" && unknown.death == nil && unknown.hasRun)
        let status = bench.host.status
        #expect(status.state == .ready && status.reason == nil)
        #expect(status.identity?.id == "zoo-good" && status.capabilities.contains("create"))
        #expect((status.process != nil) == (isolation == .process))
        await bench.end()
    }

    @Test("a call made before the worker is ready waits for it", arguments: Isolation.allCases)
    func early(isolation: Isolation) async throws {
        let bench = try Bench(.good, isolation: isolation)
        #expect(await bench.list().status == .ok)
        await bench.end()
    }

    @Test("progress arrives before the answer, and only if wanted", arguments: Isolation.allCases)
    func progress(isolation: Isolation) async throws {
        let bench = try Bench(.good, isolation: isolation)
        let said = Mutex<[String]>([])
        for number in 0..<200 {
            let arguments: [CallArgument] = [.string("key-\(number)"), .bytes([])]
            let call = DriverCall("create", arguments, deadline: Clock.monotonic + 60_000) { fraction, what in
                said.withLock { $0.append("\(fraction) \(what)") }
            }
            #expect(await bench.host.call(call).status == .ok)
            #expect(said.withLock { $0 } == Array(repeating: "0.5 making it", count: number + 1))
        }
        #expect(
            await bench.host.call(DriverCall("create", [.string("quiet"), .bytes([])], deadline: Clock.monotonic + 60_000)).status == .ok)
        #expect(said.withLock { $0.count } == 200)
        await bench.end()
    }

    @Test("a call in flight is told that it is cancelled; one that waits is answered at once", arguments: Isolation.allCases)
    func cancel(isolation: Isolation) async throws {
        let bench = try Bench(.good, isolation: isolation, settings: "config.delay_ms = 60000\ndeadline = 10m")
        let answers = Mutex<[CallOutcome]>([])
        let deadline = Clock.monotonic + 600_000
        let flying = bench.host.call(DriverCall("list", deadline: deadline)) { outcome in answers.withLock { $0.append(outcome) } }
        let waiting = bench.host.call(DriverCall("list", deadline: deadline)) { outcome in answers.withLock { $0.append(outcome) } }
        try await bench.becomes(.ready)
        bench.host.cancel(waiting)
        #expect(answers.withLock { $0.first?.status } == .cancelled)
        #expect(answers.withLock { $0.first?.hasRun } == false)
        bench.host.cancel(flying)
        try await eventually("the driver gives up") { answers.withLock { $0.count == 2 } }
        #expect(answers.withLock { $0[1].status } == .cancelled)
        #expect(answers.withLock { $0[1].hasRun })
        #expect(bench.host.status.restarts == 0)
        await bench.end()
    }

    @Test("one call at a time reaches a driver that is not reentrant, and more one that is", arguments: Isolation.allCases)
    func threads(isolation: Isolation) async throws {
        func most(_ zoo: Zoo) async throws -> Int {
            let bench = try Bench(zoo, isolation: isolation, settings: "threads = 4\nconfig.delay_ms = 300")
            try await bench.becomes(.ready)
            let done = Atomic(0)
            for _ in 0..<4 {
                bench.host.call(DriverCall("list", deadline: Clock.monotonic + 60_000)) { _ in done.add(1, ordering: .relaxed) }
            }
            var most = 0
            try await eventually("all four answer", every: 1) {
                most = max(most, bench.host.state.withLock { $0.calls.flights.count })
                return done.load(ordering: .relaxed) == 4
            }
            await bench.end()
            return most
        }
        #expect(try await most(.good) == 1)
        #expect(try await most(.reentrant) == 4)
    }

    @Test("settings reach the driver with their types; wrong ones make the provider unconfigured", arguments: Isolation.allCases)
    func settings(isolation: Isolation) async throws {
        let bench = try Bench(.good, isolation: isolation, settings: "config.machines = many")
        try await bench.becomes(.unconfigured)
        #expect(bench.host.status.reason?.contains("machines") == true, "\(bench.host.status)")
        let refused = await bench.list()
        #expect(refused.status == .unreachable && !refused.hasRun && refused.message?.contains("unconfigured") == true)
        let (section, inspection, abi) = try Bench.plan(module: try Zoo.good.build(), isolation: isolation, settings: "config.machines = 7")
        bench.host.reload(section, plugin: inspection, abi: abi)
        try await bench.becomes(.ready)
        #expect(await bench.list().lineCount == 7)
        await bench.end()
    }

    @Test("a document of 60 MiB arrives whole", arguments: Isolation.allCases)
    func large(isolation: Isolation) async throws {
        let directory = try TemporaryDirectory("large")
        let module = try build(IsolationDrivers.large, in: directory)
        let bench = try Bench(module: module, isolation: isolation)
        let outcome = await bench.list()
        #expect(outcome.status == .ok && outcome.document.count == 60 << 20)
        #expect(outcome.document.last == UInt8(ascii: "\n") && outcome.document[1 << 20] == UInt8(ascii: "x"))
        #expect(await bench.call("health").status == .ok)
        await bench.end()
    }

    @Test("a document past 64 MiB is refused, and the provider lives on", arguments: Isolation.allCases)
    func tooLarge(isolation: Isolation) async throws {
        let bench = try Bench(.result100MB, isolation: isolation)
        let outcome = await bench.list()
        #expect(outcome.status == .broken && outcome.message?.contains("64 MiB") == true && outcome.death == nil)
        #expect(await bench.call("capacity").status == .ok)
        #expect(bench.host.status.restarts == 0)
        await bench.end()
    }

    @Test("an event storm loses events, says so, and delays no call", arguments: Isolation.allCases)
    func storm(isolation: Isolation) async throws {
        let bench = try Bench(.eventStorm, isolation: isolation)
        #expect(await bench.list().status == .ok)
        try await eventually("a RESYNC, or every event") {
            let events = bench.heard.events.withLock { $0 }
            return events.contains { $0.kind == .resync } || events.count == 200_000
        }
        #expect(bench.heard.events.withLock { $0.first?.subject } == "1")
        await bench.end()
    }

    @Test("a driver that writes after its call has ended hurts nobody", arguments: Isolation.allCases)
    func late(isolation: Isolation) async throws {
        let bench = try Bench(.writesAfterReturn, isolation: isolation)
        for _ in 0..<5 {
            let outcome = await bench.list()
            #expect(outcome.status == .ok && !outcome.document.contains(sub: "late"))
        }
        #expect(bench.host.status.restarts == 0)
        await bench.end()
    }

    @Test("a reload takes new settings into use, and loses no call that can be repeated", arguments: Isolation.allCases)
    func reload(isolation: Isolation) async throws {
        let module = try Zoo.reentrant.build()
        let bench = try Bench(module: module, isolation: isolation, settings: "threads = 2\nconfig.machines = 1\nconfig.delay_ms = 20")
        try await bench.becomes(.ready)
        let answers = Mutex<[CallOutcome]>([])
        for _ in 0..<50 {
            bench.host.call(DriverCall("list", deadline: Clock.monotonic + 60_000)) { outcome in answers.withLock { $0.append(outcome) } }
        }
        let (section, inspection, abi) = try Bench.plan(module: module, isolation: isolation, settings: "threads = 2\nconfig.machines = 5")
        bench.host.reload(section, plugin: inspection, abi: abi)
        try await eventually("all fifty answer") { answers.withLock { $0.count == 50 } }
        #expect(answers.withLock { $0.allSatisfy { $0.status == .ok } })
        #expect(answers.withLock { $0.last?.lineCount } == 5, "the later ones are answered by the new worker")
        #expect(bench.host.status.restarts == 1 && bench.host.status.death == nil)
        await bench.end()
    }

    @Test("a drained provider works on, says so, and stays drained over a new host", arguments: Isolation.allCases)
    func drain(isolation: Isolation) async throws {
        let bench = try Bench(.good, isolation: isolation)
        try await bench.becomes(.ready)
        bench.host.drain()
        try await bench.becomes(.draining)
        #expect(await bench.list().status == .ok)
        await bench.end()
        let (section, inspection, abi) = try Bench.plan(module: try Zoo.good.build(), isolation: isolation)
        let next = ProviderHost(
            section, plugin: inspection, abi: abi, in: bench.host.surroundings,
            listener: ProviderListener(status: { _ in }, event: { _ in }))
        next.start()
        try await eventually("it is drained still") { next.status.state == .draining }
        next.resume()
        try await eventually("it is ready") { next.status.state == .ready }
        await next.stop()
    }

    @Test("a stop answers everything, waits for calls in flight, and leaves nothing behind", arguments: Isolation.allCases)
    func stop(isolation: Isolation) async throws {
        let bench = try Bench(.good, isolation: isolation, settings: "config.delay_ms = 200")
        try await bench.becomes(.ready)
        let process = bench.host.status.process
        let answers = Mutex<[CallOutcome]>([])
        for _ in 0..<3 {
            bench.host.call(DriverCall("list", deadline: Clock.monotonic + 60_000)) { outcome in answers.withLock { $0.append(outcome) } }
        }
        await bench.end()
        #expect(answers.withLock { $0.map(\.status.rawValue).sorted() } == [-1, -1, 0])
        let after = await bench.list()
        #expect(after.status == .retry && !after.hasRun)
        if let process { #expect(kill(process, 0) != 0, "the worker is gone, and not a zombie") }
    }

    @Test("a provider that cannot be reached refuses calls with the driver's words, and tries again", arguments: Isolation.allCases)
    func unreachable(isolation: Isolation) async throws {
        let bench = try Bench(.failsOpen, isolation: isolation)
        try await bench.becomes(.unreachable)
        #expect(bench.host.status.reason == "the provider does not answer: connect: Connection refused")
        let outcome = await bench.list()
        #expect(outcome.status == .unreachable && !outcome.hasRun && outcome.message?.contains("Connection refused") == true)
        #expect(bench.host.status.restarts == 0)
        await bench.end()
    }

    @Test("a provider that is switched off, or whose plugin is not ready, says so and takes no calls")
    func off() async throws {
        let disabled = try Bench(.good, settings: "enabled = no")
        try await disabled.becomes(.disabled)
        #expect(await disabled.list().status == .unreachable)
        await disabled.end()
        let missing = try Bench(module: "/nowhere/nothing.so")
        try await missing.becomes(.unconfigured)
        #expect(missing.host.status.reason?.contains("missing") == true)
        await missing.end()
    }

    @Test("more calls than the queue holds are refused at once, none is lost")
    func full() async throws {
        let bench = try Bench(.good, settings: "config.delay_ms = 60000\ndeadline = 10m")
        try await bench.becomes(.ready)
        let answered = Atomic(0)
        let count = CallTable.mostWaiting + 5
        for _ in 0..<count {
            bench.host.call(DriverCall("list", deadline: Clock.monotonic + 600_000)) { _ in answered.add(1, ordering: .relaxed) }
        }
        #expect(answered.load(ordering: .relaxed) == 4, "one flies, and the table is full")
        await bench.end()
        #expect(answered.load(ordering: .relaxed) == count)
    }

    @Test("a call whose deadline passes while it waits is answered then")
    func expires() async throws {
        let bench = try Bench(.good, settings: "config.delay_ms = 3000")
        try await bench.becomes(.ready)
        async let first = bench.list()
        try await eventually("the first one flies") { bench.host.state.withLock { !$0.calls.flights.isEmpty } }
        let outcome = await bench.call("capacity", within: 200)
        #expect(outcome.status == .deadline && !outcome.hasRun)
        #expect(await first.status == .ok)
        await bench.end()
    }
}

extension [UInt8] {
    func contains(sub text: String) -> Bool { String(decoding: self, as: UTF8.self).contains(text) }
}

/// Small drivers of these tests' own.
enum IsolationDrivers {
    /// A driver whose `list` is the text given, and whose other calls do nothing.
    static func source(list: String, open: String = "*driver = (berth_driver_t *)1;", globals: String = "") -> String {
        """
        #define _GNU_SOURCE
        #include <berth/driver.h>
        #include <fcntl.h>
        #include <pthread.h>
        #include <signal.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/resource.h>
        #include <unistd.h>
        BERTH_DRIVER_NOTE("tiny", "1")
        \(globals)
        static berth_status_t open_(const berth_host_t *host, const berth_call_t *call, const void *config, size_t size, berth_driver_t **driver) {
           (void)host, (void)call, (void)config, (void)size;
           \(open)
           return BERTH_OK;
        }
        static void close_(berth_driver_t *driver) { (void)driver; }
        static berth_status_t nothing(berth_driver_t *driver, const berth_call_t *call) { (void)driver, (void)call; return BERTH_OK; }
        static berth_status_t list(berth_driver_t *driver, const berth_call_t *call) { (void)driver; \(list) return BERTH_OK; }
        static berth_status_t inspect(berth_driver_t *driver, const berth_call_t *call, const char *id) {
           (void)driver, (void)call, (void)id;
           return BERTH_NOT_FOUND;
        }
        static berth_status_t create(berth_driver_t *driver, const berth_call_t *call, const char *key, const void *spec, size_t size) {
           (void)driver, (void)call, (void)key, (void)spec, (void)size;
           return BERTH_UNSUPPORTED;
        }
        static berth_status_t action(berth_driver_t *driver, const berth_call_t *call, const char *id, const char *verb, const void *args, size_t size) {
           (void)driver, (void)call, (void)id, (void)verb, (void)args, (void)size;
           return BERTH_UNSUPPORTED;
        }
        static const char *const none[] = {NULL};
        static const berth_ops_t ops = {sizeof ops, open_, close_, nothing, nothing, nothing, list, inspect, create, action};
        static const berth_plugin_t plugin = {sizeof plugin, BERTH_ABI_MAJOR, BERTH_ABI_MINOR, "tiny", "tiny", "1", "", "", "", none,
                                              "{\\"type\\":\\"object\\"}", &ops};
        const berth_plugin_t *berth_driver_entry(uint32_t major, uint32_t minor) { (void)major, (void)minor; return &plugin; }
        """
    }

    static let large = source(
        list: """
            static char line[1 << 20];
            memset(line, 'x', sizeof line);
            line[sizeof line - 1] = '\\n';
            for (int i = 0; i < 60; i++) call->write(call, line, sizeof line);
            """)
}
