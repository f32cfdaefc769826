import Foundation
import Glibc
import Platform
import Synchronization
import TestSupport
import Testing

@testable import PluginHost

/// What the worst drivers can do to the host: nothing but lose their own worker.
@Suite("isolation", .serialized)
struct IsolationTests {
    // MARK: deaths

    @Test(
        "a call that kills its worker is answered with how it died, and the next worker is at once there",
        arguments: [
            (Zoo.crashList, "signal 11 (SIGSEGV)"), (.callsExit, "exit status 3"), (.closesDescriptors, "exit status 97"),
        ])
    func deadly(zoo: Zoo, death: String) async throws {
        let bench = try Bench(zoo)
        let outcome = await bench.list()
        #expect(outcome.status == .broken && outcome.hasRun && !outcome.isOutsideDeath)
        #expect(outcome.death?.hasPrefix(death) == true, "\(outcome)")
        #expect(await bench.call("capacity").status == .ok, "another worker takes the next call")
        let status = bench.host.status
        #expect(status.death?.hasPrefix(death) == true && status.callsAtDeath == ["list"] && status.restarts == 1)
        await bench.end()
    }

    @Test("a create that crashes its driver quarantines the provider past the budget, with the call that did it")
    func poison() async throws {
        let bench = try Bench(.crashCreate, settings: "restart = 2 in 60s")
        for _ in 0..<3 { #expect(await bench.create("k").death != nil) }
        try await bench.becomes(.quarantined)
        let reason = try #require(bench.host.status.reason)
        #expect(reason.contains("SIGSEGV") && reason.contains("during create") && reason.contains("3 times"), "\(reason)")
        let refused = await bench.list()
        #expect(refused.status == .unreachable && !refused.hasRun && refused.death == nil)
        bench.host.reset()
        try await bench.becomes(.ready)
        #expect(await bench.list().status == .ok)
        await bench.end()
    }

    @Test(
        "a driver that crashes before it is open is quarantined with its signal",
        arguments: [Zoo.crashEntry, .crashOpen, .crashHealth])
    func crashEarly(zoo: Zoo) async throws {
        let bench = try Bench(zoo, settings: "restart = 1 in 60s")
        try await bench.becomes(.quarantined)
        #expect(bench.host.status.reason?.contains("SIGSEGV") == true, "\(bench.host.status)")
        await bench.end()
    }

    @Test(
        "a driver that does not load is quarantined with the step that failed", arguments: [Zoo.missingSymbol, .missingEntry, .refusesHost])
    func refused(zoo: Zoo) async throws {
        let bench = try Bench(zoo)
        try await bench.becomes(.quarantined)
        #expect(bench.host.status.reason?.isEmpty == false && bench.host.status.death == nil, "\(bench.host.status)")
        await bench.end()
    }

    // MARK: hangs

    @Test("a call that hangs is killed past its deadline and grace; what waits behind it is served")
    func hang() async throws {
        let bench = try Bench(.hangList)
        try await bench.becomes(.ready)
        async let hung = bench.list(within: 300)
        try await eventually("it hangs") { bench.host.state.withLock { !$0.calls.flights.isEmpty } }
        let behind = await bench.call("capacity")
        #expect(behind.status == .ok)
        let outcome = await hung
        #expect(outcome.status == .deadline && outcome.death?.contains("outlived its deadline") == true, "\(outcome)")
        #expect(bench.host.status.restarts == 1)
        await bench.end()
    }

    @Test("an open or an entry that hangs is killed, and in the end quarantined", arguments: [Zoo.hangOpen, .hangEntry])
    func hangEarly(zoo: Zoo) async throws {
        let bench = try Bench(module: try zoo.build(), settings: "restart = 1 in 60s\ndeadline = 200ms") { $0.loading = 500 }
        try await bench.becomes(.quarantined)
        #expect(bench.host.status.reason?.contains("outlived its deadline") == true, "\(bench.host.status)")
        await bench.end()
    }

    @Test("a close that hangs delays a stop only so long")
    func hangClose() async throws {
        let bench = try Bench(.hangClose)
        try await bench.becomes(.ready)
        let process = try await bench.process()
        await bench.host.stop(within: 500)
        #expect(kill(process, 0) != 0)
    }

    @Test("a driver that ignores cancellation keeps its worker as long as it ends by its deadline")
    func ignores() async throws {
        let bench = try Bench(.ignoresCancel)
        let outcome = await bench.list(within: 400)
        #expect(outcome.death == nil, "\(outcome)")
        #expect(bench.host.status.restarts == 0)
        await bench.end()
    }

    @Test("in thread isolation a hang cannot be killed: its call is answered, its provider quarantined, the host lives on")
    func hangInThread() async throws {
        let bench = try Bench(.hangList, isolation: .thread)
        try await bench.becomes(.ready)
        let outcome = await bench.list(within: 300)
        #expect(outcome.status == .deadline && outcome.death != nil)
        try await bench.becomes(.quarantined)
        bench.host.reset()
        try await eventually("a reset finds the call hanging still") { bench.host.status.reason?.contains("still hangs") == true }
        await bench.end()
    }

    // MARK: resources

    @Test("a worker that outgrows its memory is killed with the reason, and its provider goes on")
    func memory() async throws {
        let bench = try Bench(.memoryHog, settings: "memory = 200M")
        let outcome = await bench.list()
        #expect(outcome.death?.contains("outgrew its memory") == true, "\(outcome)")
        #expect(await bench.call("capacity").status == .ok)
        await bench.end()
    }

    @Test("what a driver prints becomes log lines, a megabyte of it too, and the last lines are kept when it dies")
    func prints() async throws {
        let bench = try Bench(.printsMegabyte)
        #expect(await bench.list().status == .ok)
        let process = try await bench.process()
        kill(process, SIGKILL)
        try await eventually("the death is known") { bench.host.status.death != nil }
        #expect(bench.host.status.lastLines.count == LineCollector.mostKept)
        #expect(bench.host.status.death == "signal 9 (SIGKILL)")
        await bench.end()
    }

    @Test("drivers that leak or fork serve on", arguments: [Zoo.leaky, .forks])
    func sloppy(zoo: Zoo) async throws {
        let bench = try Bench(zoo)
        for _ in 0..<3 { #expect(await bench.list().status == .ok) }
        let process = try await bench.process()
        #expect(bench.host.status.restarts == 0)
        await bench.end()
        #expect(kill(process, 0) != 0, "a child of the driver does not keep the worker")
    }

    @Test("a worker starts with an empty environment, few descriptors, no new privileges, and its own limit of files")
    func surroundings() async throws {
        let directory = try TemporaryDirectory("env")
        let module = try build(
            IsolationDrivers.source(
                list: """
                    char text[256];
                    for (char **one = environ; *one; one++) {
                       call->write(call, *one, strlen(*one));
                       call->write(call, "\\n", 1);
                    }
                    int open_files = 0;
                    for (int fd = 0; fd < 1024; fd++) open_files += fcntl(fd, F_GETFD) >= 0;
                    struct rlimit limit;
                    getrlimit(RLIMIT_NOFILE, &limit);
                    snprintf(text, sizeof text, "files=%d\\nlimit=%d\\ninput=%d\\n", open_files, (int)limit.rlim_cur, (int)read(0, text, 1));
                    call->write(call, text, strlen(text));
                    FILE *status = fopen("/proc/self/status", "r");
                    while (fgets(text, sizeof text, status))
                       if (strncmp(text, "NoNewPrivs", 10) == 0) call->write(call, text, strlen(text));
                    fclose(status);
                    """), in: directory)
        setenv("BERTH_TEST_SECRET", "do not pass on", 1)
        let bench = try Bench(module: module, settings: "env.LANG = C.UTF-8\nenv.TOKEN = @env:BERTH_TEST_SECRET\ndescriptors = 100")
        let lines = String(decoding: await bench.list().document, as: UTF8.self).split(separator: "\n").sorted()
        #expect(
            lines == [
                "LANG=C.UTF-8", "NoNewPrivs:\t1", "SWIFT_BACKTRACE=enable=no", "TOKEN=do not pass on", "files=7", "input=0", "limit=100",
            ], "0 to 3, the lock, and two to wait on: \(lines)")
        await bench.end()
    }

    @Test("the host never maps a driver: only its worker does")
    func maps() async throws {
        let directory = try TemporaryDirectory("maps")
        let module = try build(IsolationDrivers.source(list: ""), in: directory, name: "only-in-a-worker")
        let bench = try Bench(module: module)
        #expect(await bench.list().status == .ok)
        let theirs = try maps(of: "\(try await bench.process())")
        #expect(theirs.contains("only-in-a-worker.so"))
        let ours = try maps(of: "self")
        #expect(!ours.contains("only-in-a-worker.so") && ours.contains("[stack]"), "all of it was read")
        await bench.end()
    }

    /// Foundation reads only the first page of a file that has no size.
    private func maps(of process: String) throws -> String {
        let file = try FileHandle(forReadingFrom: URL(filePath: "/proc/\(process)/maps"))
        var data = Data()
        while let part = try file.read(upToCount: 1 << 16), !part.isEmpty { data += part }
        return String(decoding: data, as: UTF8.self)
    }

    @Test("settings go over the socket: neither arguments nor environment of the worker show a secret")
    func secrets() async throws {
        let directory = try TemporaryDirectory("secret")
        let source = IsolationDrivers.source(list: "").replacingOccurrences(
            of: #"{\"type\":\"object\"}"#, with: #"{\"type\":\"object\",\"properties\":{\"password\":{\"type\":\"string\"}}}"#)
        let file = try directory.write("password", "hunter2-and-more\n")
        let bench = try Bench(module: try build(source, in: directory), settings: "config.password = @file:\(file)")
        try await bench.becomes(.ready)
        let process = try await bench.process()
        for name in ["cmdline", "environ"] {
            let bytes = try Data(contentsOf: URL(filePath: "/proc/\(process)/\(name)"))
            #expect(!String(decoding: bytes, as: UTF8.self).contains("hunter2"))
        }
        #expect(!"\(bench.host.status)".contains("hunter2"))
        await bench.end()
    }

    // MARK: life and death of the host

    @Test("a worker ends when its host is gone, and gives its lock back")
    func orphan() async throws {
        let worker = try SpawnedWorker(Products.berth, provider: "lab", environment: [])
        close(worker.channel)
        try await eventually("it ends by itself") {
            var set = pollfd(fd: worker.ended, events: Int16(POLLIN), revents: 0)
            return poll(&set, 1, 0) == 1
        }
        #expect(worker.reap(killed: nil).description == "exit status 0")
    }

    @Test("no second worker opens a provider while the first one lives, not even another host's")
    func lock() async throws {
        let bench = try Bench(.good)
        try await bench.becomes(.ready)
        let process = try await bench.process()
        let (section, inspection, abi) = try Bench.plan(module: try Zoo.good.build())
        let second = ProviderHost(
            section, plugin: inspection, abi: abi, in: bench.host.surroundings,
            listener: ProviderListener(status: { _ in }, event: { _ in }))
        second.start()
        try await eventually("it says who holds the lock; it says \(second.status)") {
            second.status.reason?.contains("process \(process) holds the lock") == true
        }
        await bench.end()
        try await eventually("it gets the lock") { second.status.state == .ready }
        await second.stop()
    }

    @Test("kills at random moments under load: each call is answered once, and nothing is left over")
    func kills() async throws {
        let kills = ProcessInfo.processInfo.environment["BERTH_KILLS"].flatMap { Int($0) } ?? 20
        // The compiler's run and the runtime's own threads and descriptors come first.
        let warmUp = try Bench(.reentrant)
        try await warmUp.becomes(.ready)
        await warmUp.end()
        let before = Holdings.now
        let bench = try Bench(.reentrant, settings: "threads = 4\nrestart = 1000000 in 1s\nconfig.machines = 20")
        try await bench.becomes(.ready)
        let tally = Tally()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    while !tally.isOver {
                        let number = tally.begin()
                        let name = number % 3 == 0 ? "create" : "list"
                        let arguments: [CallArgument] = name == "create" ? [.string("key-\(number % 100)"), .bytes([])] : []
                        let outcome = await withCheckedContinuation { (continuation: CheckedContinuation<CallOutcome, Never>) in
                            bench.host.call(DriverCall(name, arguments, deadline: Clock.monotonic + 600_000)) { outcome in
                                if tally.end(number) { continuation.resume(returning: outcome) }
                            }
                        }
                        tally.note(outcome)
                    }
                }
            }
            for number in 0..<kills {
                // Every other one may hit a worker on its way up.
                if number % 2 == 0 { try? await bench.becomes(.ready) }
                guard let process = try? await bench.process() else { break }
                try? await Task.sleep(for: .microseconds(Int.random(in: 0..<30_000)))
                kill(process, SIGKILL)
                try? await eventually("the next worker") { bench.host.status.process.map { $0 != process } ?? false }
            }
            tally.finish()
        }
        await bench.end()
        let result = tally.result
        print("kills: \(kills) workers killed, \(result)")
        #expect(result.twice == 0 && result.open == 0)
        #expect(result.wrong.isEmpty, "\(result.wrong)")
        #expect(bench.host.status.restarts >= kills)
        let threads = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").filter { task in
            (try? String(contentsOfFile: "/proc/self/task/\(task)/comm", encoding: .utf8))?.hasPrefix("berth/lab") == true
        }
        #expect(threads.isEmpty, "no thread of the provider is left")
        try await eventually("nothing is left over: \(before), \(Holdings.now); open: \(Holdings.open)") {
            let now = Holdings.now
            // One more descriptor: the eventfd of the provider itself, which is there until it is let go.
            return now.children <= before.children && now.descriptors <= before.descriptors + 1
        }
    }
}

/// Counts calls and their answers.
private final class Tally: Sendable {
    struct Result {
        var calls = 0
        var ok = 0
        var killed = 0
        var twice = 0
        var open = 0
        var wrong: [String] = []
    }

    private struct State {
        var isOver = false
        var result = Result()
        var open: Set<Int> = []
    }

    private let state = Mutex(State())

    var isOver: Bool { state.withLock { $0.isOver } }

    func finish() { state.withLock { $0.isOver = true } }

    func begin() -> Int {
        state.withLock { state in
            state.result.calls += 1
            state.open.insert(state.result.calls)
            return state.result.calls
        }
    }

    /// False: it had its answer.
    func end(_ number: Int) -> Bool {
        state.withLock { state in
            if state.open.remove(number) != nil { return true }
            state.result.twice += 1
            return false
        }
    }

    func note(_ outcome: CallOutcome) {
        state.withLock { state in
            if outcome.status == .ok {
                state.result.ok += 1
            } else if outcome.isOutsideDeath {
                state.result.killed += 1
            } else {
                state.result.wrong.append("\(outcome.status) \(outcome.message ?? "")")
            }
        }
    }

    var result: Result {
        state.withLock { state in
            state.result.open = state.open.count
            return state.result
        }
    }
}
