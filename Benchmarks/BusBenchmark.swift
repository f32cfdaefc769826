import Glibc
import JSON

/// `berth-bench bus`: a real `berth serve` against a bare libzmq ROUTER in C that echoes the same frames (Benchmarks/BusEcho), each in
/// a process of its own, over ipc, in turns; the load is the same program in C for both. `--long` adds ten million requests and what
/// they do to the host's memory.
enum BusBenchmark {
    static func run(quick: Bool, long: Bool) -> JSON {
        guard let bench = BusBench() else { return ["error": "cannot start the host and the echo beside this program"] }
        defer { bench.stop() }
        let shapes = [(1, 1), (8, 1), (64, 1), (1, 100), (8, 100), (64, 100)]
        let (rounds, milliseconds) = quick ? (1, 300) : (7, 1000)
        var result: JSON = [
            "ping": .array(shapes.map { bench.compare(clients: $0.0, window: $0.1, rounds: rounds, milliseconds: milliseconds) }),
            "under_load": bench.underLoad(milliseconds: quick ? 500 : 4000),
        ]
        let requests = long ? 10_000_000 : quick ? 50_000 : 1_000_000
        result["memory"] = .array([
            bench.memory("host.ping", requests: requests), bench.memory("plugin.list", requests: requests / 20),
        ])
        return result
    }
}

/// The two servers while they run.
struct BusBench {
    private let directory: String
    private let programs: String
    private let host: pid_t
    private let echo: pid_t

    init?() {
        var template = Array("/tmp/berth-bench-XXXXXX".utf8CString)
        var link = [CChar](repeating: 0, count: 4096)
        guard mkdtemp(&template) != nil, readlink("/proc/self/exe", &link, 4095) > 0 else { return nil }
        directory = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let program = String(decoding: link.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        programs = String(program[..<(program.lastIndex(of: "/") ?? program.startIndex)])
        guard let file = fopen("\(directory)/plugins.conf", "w") else { return nil }
        fputs("[host]\nname = bench\nlog-level = error\n", file)
        fclose(file)
        let places = ["--config", "\(directory)/plugins.conf", "--state-dir", "\(directory)/state", "--run-dir", directory]
        guard let host = BusBench.spawn(["\(programs)/berth", "serve"] + places) else { return nil }
        guard let echo = BusBench.spawn(["\(programs)/BusEcho", "serve", "ipc://\(directory)/echo"]) else {
            kill(host, SIGTERM)
            return nil
        }
        (self.host, self.echo) = (host, echo)
        for name in ["bus", "echo"] {
            for _ in 0..<1000 where access("\(directory)/\(name)", F_OK) != 0 { usleep(10_000) }
        }
    }

    static func spawn(_ words: [String]) -> pid_t? {
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var pid: pid_t = 0
        return posix_spawn(&pid, words[0], nil, nil, &arguments, environ) == 0 ? pid : nil
    }

    func stop() {
        for pid in [host, echo] {
            kill(pid, SIGTERM)
            waitpid(pid, nil, 0)
        }
        _ = BusBench.output("rm -rf '\(directory)'")
    }

    static func output(_ command: String) -> String {
        guard let pipe = popen(command, "r") else { return "" }
        defer { pclose(pipe) }
        var text = ""
        var line = [CChar](repeating: 0, count: 1024)
        while fgets(&line, 1024, pipe) != nil {
            text += String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        return text
    }

    private func load(_ socket: String, _ clients: Int, _ window: Int, _ milliseconds: Int, requests: Int? = nil, verb: String? = nil)
        -> JSON
    {
        let rest = requests.map { " \($0) \(verb ?? "host.ping")" } ?? ""
        return
            (try? JSON(
                parsing: BusBench.output(
                    "'\(programs)/BusEcho' load ipc://\(directory)/\(socket) \(clients) \(window) \(milliseconds)\(rest)")))
            ?? .null
    }

    static func rate(_ run: JSON) -> Double { (run["requests"]?.double ?? 0) / max(1e-9, run["seconds"]?.double ?? 1) }

    static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

    /// Both in turns; medians of the rounds.
    func compare(clients: Int, window: Int, rounds: Int, milliseconds: Int) -> JSON {
        var runs: [String: [JSON]] = [:]
        for round in 0..<rounds {
            // Who is first changes, so that a machine that grows busy or idle favours neither.
            for socket in round % 2 == 0 ? ["echo", "bus"] : ["bus", "echo"] {
                runs[socket, default: []].append(load(socket, clients, window, milliseconds))
            }
        }
        func middle(_ socket: String, _ value: (JSON) -> Double) -> Double { BusBench.median((runs[socket] ?? []).map(value)) }
        func field(_ name: String) -> (JSON) -> Double { { $0[name]?.double ?? 0 } }
        let (echo, bus) = (middle("echo", BusBench.rate), middle("bus", BusBench.rate))
        return [
            "clients": JSON(clients), "window": JSON(window), "echo_per_second": JSON(echo.rounded()),
            "host_per_second": JSON(bus.rounded()),
            "throughput": JSON((bus / max(1, echo) * 1000).rounded() / 1000),
            "echo_p50_us": JSON(middle("echo", field("p50_us"))), "host_p50_us": JSON(middle("bus", field("p50_us"))),
            "round_trip": JSON((middle("bus", field("p50_us")) / max(1, middle("echo", field("p50_us"))) * 1000).rounded() / 1000),
            "echo_p99_us": JSON(middle("echo", field("p99_us"))), "host_p99_us": JSON(middle("bus", field("p99_us"))),
        ]
    }

    /// One client that asks and waits, while eight others keep eight hundred requests under way.
    func underLoad(milliseconds: Int) -> JSON {
        var result: JSON = [:]
        for socket in ["echo", "bus"] {
            let words = "load ipc://\(directory)/\(socket) 8 100 \(milliseconds + 1000)"
            guard let others = BusBench.spawn(["/bin/sh", "-c", "exec '\(programs)/BusEcho' \(words) >/dev/null"]) else { continue }
            usleep(300_000)
            let run = load(socket, 1, 1, milliseconds)
            waitpid(others, nil, 0)
            result["\(socket == "bus" ? "host" : socket)_p50_us"] = run["p50_us"] ?? .null
            result["\(socket == "bus" ? "host" : socket)_p99_us"] = run["p99_us"] ?? .null
        }
        return result
    }

    /// What so many requests do to the host's memory, after a tenth of them to warm up.
    func memory(_ verb: String, requests: Int) -> JSON {
        _ = load("bus", 8, 50, 3_600_000, requests: requests / 10, verb: verb)
        let before = resident(host)
        let run = load("bus", 8, 50, 3_600_000, requests: requests, verb: verb)
        return [
            "verb": .string(verb), "requests": run["requests"] ?? .null, "per_second": JSON(BusBench.rate(run).rounded()),
            "resident_before_kib": JSON(before / 1024), "resident_after_kib": JSON(resident(host) / 1024),
        ]
    }
}
