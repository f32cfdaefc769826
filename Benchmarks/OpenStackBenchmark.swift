import Glibc
import JSON
import Model
import Platform
import PluginHost
import Synchronization

/// Against the real cloud of `Tests/Stacks/openstack`, which must run: many servers from nothing to ACTIVE and gone beside
/// OpenStack's own Python library with as many threads, and one list of 200 servers beside a bare curl of the same URL.
struct OpenStackBenchmark {
    private let session: DriverSession
    private let helper: String

    static func run(quick: Bool) -> JSON {
        do {
            let benchmark = try OpenStackBenchmark()
            defer { benchmark.session.close() }
            return [
                "topic": "openstack", "crowd": try benchmark.crowd(quick ? 10 : 50, rounds: quick ? 1 : 2),
                "list": try benchmark.list(quick ? 20 : 200),
            ]
        } catch {
            return ["topic": "openstack", "error": .string("\(error)")]
        }
    }

    private struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    private init() throws {
        let program = try Self.output("/bin/readlink", ["/proc/\(getpid())/exe"])
        let folder = program.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" }
        helper = "Tests/Stacks/openstack/sdk_crowd.py"
        guard access(helper, R_OK) == 0 else { throw Failure(description: "run it in the root of the sources: there is no \(helper)") }
        var template = Array("/tmp/berth-bench-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure(description: "no folder below /tmp") }
        let state = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let file = "\(state)/plugins.conf"
        guard let stream = fopen(file, "w") else { throw Failure(description: "cannot write \(file)") }
        fputs("[host]\nplugin-path = \(folder)\n[plugin openstack]\nmodule = OpenStack.so\nabi = compute/1\n", stream)
        fclose(stream)
        defer {
            unlink(file)
            rmdir(state)
        }
        let configuration = try Configuration.load(file, state: state)
        guard let plugin = configuration.plugin("openstack"), let abi = configuration.abi("compute/1") else {
            throw Failure(description: "no plugin")
        }
        let library = try DriverLibrary(loading: PluginInspection(plugin, in: configuration), abi: abi)
        session = DriverSession(library, listener: DriverListener(event: { _ in true }, log: { _, _ in }))
        let settings: JSON = [
            "auth_url": "http://127.0.0.1:5000/v3", "username": "demo", "password": "demo-secret", "project": "demo", "poll_s": 0,
            "settle_s": 900, "stall_s": 300,
        ]
        let opened = session.open(settings, Self.control(60))
        guard opened.status == .ok else { throw Failure(description: "the cloud does not open: \(opened.message ?? "")") }
    }

    private static func control(_ seconds: Int64) -> CallControl {
        CallControl(id: 1, deadline: Clock.monotonic + seconds * 1000)
    }

    // MARK: Many servers

    private func crowd(_ count: Int, rounds: Int) throws -> JSON {
        var ours: [[Double]] = []
        var theirs: [[Double]] = []
        for _ in 0..<rounds {
            var ids: [String] = []
            let active = try seconds { ids = try make(count, networks: ["private"]) }
            let gone = try seconds { try remove(ids) }
            ours.append([active, gone, active + gone])
            let answer = try JSON(parsing: Self.output("/usr/bin/python3", [helper, "crowd", "\(count)", "private"]))
            let (sdkActive, sdkGone) = (answer["active_s"]?.double ?? 0, answer["gone_s"]?.double ?? 0)
            theirs.append([sdkActive, sdkGone, sdkActive + sdkGone])
        }
        let (ourBest, theirBest) = (ours.map { $0[2] }.min() ?? 0, theirs.map { $0[2] }.min() ?? 0)
        return [
            "servers": JSON(count), "driver_s": Self.rounds(ours), "sdk_s": Self.rounds(theirs), "ratio": Self.rounded(ourBest / theirBest),
        ]
    }

    private func make(_ count: Int, networks: [String]) throws -> [String] {
        let spec: JSON = [
            "name": "b", "cpus": 1, "memory_mib": 64, "image": "tiny-1m", "networks": .array(networks.map { .string($0) }),
        ]
        return try together(count) { index in
            let key = Self.key(index)
            let outcome = session.call("create", [.string(key), .bytes(spec.bytes)], Self.control(900))
            guard outcome.status == .ok, let machine = try? JSON(parsing: outcome.document), machine["state"] == "running" else {
                return (nil, "create: \(outcome.status) \(outcome.message ?? "") \(outcome.native ?? "")")
            }
            return (machine["id"]?.string, nil)
        }
    }

    private func remove(_ ids: [String]) throws {
        _ = try together(ids.count) { index in
            let outcome = session.call("action", [.string(ids[index]), .string("destroy"), .bytes([])], Self.control(900))
            return (nil, outcome.status == .ok ? nil : "destroy: \(outcome.status) \(outcome.message ?? "") \(outcome.native ?? "")")
        }
    }

    private static func key(_ index: Int) -> String {
        let digits = String(UInt64.random(in: 0..<(1 << 47)), radix: 16)
        return "b0000000-0000-8000-8000-" + String(repeating: "0", count: 12 - digits.count) + digits
    }

    /// On as many threads; what came of it, or the first failure.
    private func together(_ count: Int, _ body: @escaping @Sendable (Int) -> (String?, String?)) throws -> [String] {
        let results = Results()
        let threads = (0..<count).compactMap { index in OSThread("bench") { results.add(body(index)) } }
        threads.forEach { $0.join() }
        if let failure = results.failure { throw Failure(description: failure) }
        return results.values
    }

    private final class Results: Sendable {
        private let state = Mutex<(values: [String], failure: String?)>(([], nil))
        var values: [String] { state.withLock { $0.values } }
        var failure: String? { state.withLock { $0.failure } }
        func add(_ result: (String?, String?)) {
            state.withLock { state in
                if let value = result.0 { state.values.append(value) }
                state.failure = state.failure ?? result.1
            }
        }
    }

    // MARK: One list

    private func list(_ count: Int) throws -> JSON {
        var ids: [String] = []
        // Twenty-five at a time: the cloud's own time-outs are short for more.
        while ids.count < count { ids += try make(min(25, count - ids.count), networks: []) }
        let access = try JSON(parsing: Self.output("/usr/bin/python3", [helper, "token"]))
        let url = "\(access["compute"]?.string ?? "")/servers/detail?limit=1000"
        let headers = ["X-Auth-Token: \(access["token"]?.string ?? "")", "Accept: application/json", "OpenStack-API-Version: compute 2.79"]
        var ours: [Double] = []
        var curls: [Double] = []
        for _ in 0..<4 {
            for _ in 0..<5 {
                ours.append(
                    try seconds {
                        let outcome = session.call("list", [], Self.control(300))
                        let lines = outcome.document.split(separator: UInt8(ascii: "\n")).count
                        guard outcome.status == .ok, lines == count else { throw Failure(description: "list: \(outcome.status), \(lines)") }
                    })
            }
            // Five transfers over one kept connection; what curl itself counts, without its start.
            let targets = (0..<5).flatMap { _ in ["-o", "/dev/null", url] }
            let words = ["-sf", "-w", "%{time_total}\\n"] + headers.flatMap { ["-H", $0] } + targets
            curls += try Self.output("/usr/bin/curl", words).split(separator: "\n").compactMap { Double($0) }
        }
        for start in stride(from: 0, to: ids.count, by: 25) { try remove(Array(ids[start..<min(start + 25, ids.count)])) }
        let (our, curl) = (Self.median(ours), Self.median(curls))
        return [
            "servers": JSON(count), "driver_ms": Self.rounded(our * 1000), "curl_ms": Self.rounded(curl * 1000),
            "ratio": Self.rounded(our / curl), "driver_best_ms": Self.rounded((ours.min() ?? 0) * 1000),
            "curl_best_ms": Self.rounded((curls.min() ?? 0) * 1000),
        ]
    }

    // MARK: Measuring

    private func seconds(_ body: () throws -> Void) rethrows -> Double {
        let started = Clock.nanoseconds
        try body()
        return Double(Clock.nanoseconds - started) / 1e9
    }

    private static func median(_ values: [Double]) -> Double {
        values.isEmpty ? 0 : values.sorted()[values.count / 2]
    }

    private static func rounded(_ value: Double) -> JSON { .double((value * 1000).rounded() / 1000) }

    private static func rounds(_ rounds: [[Double]]) -> JSON {
        .array(rounds.map { ["active": rounded($0[0]), "gone": rounded($0[1]), "total": rounded($0[2])] })
    }

    /// What a program prints; it must end well.
    private static func output(_ program: String, _ arguments: [String]) throws -> String {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw Failure(description: "no pipe") }
        _ = fcntl(ends[0], F_SETFD, FD_CLOEXEC)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        var words = ([program] + arguments).map { strdup($0) } + [nil]
        defer {
            words.forEach { free($0) }
            posix_spawn_file_actions_destroy(&actions)
            close(ends[0])
        }
        var pid = pid_t()
        let status = posix_spawn(&pid, program, &actions, nil, &words, environ)
        close(ends[1])
        guard status == 0 else { throw Failure(description: "\(program) does not start: \(String(cString: strerror(status)))") }
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 14)
        while case let count = read(ends[0], &chunk, chunk.count), count > 0 { text += chunk[..<count] }
        var ending: Int32 = 0
        waitpid(pid, &ending, 0)
        guard ending == 0 else { throw Failure(description: "\(program) failed") }
        let output = String(decoding: text, as: UTF8.self)
        return output.hasSuffix("\n") ? String(output.dropLast()) : output
    }
}
