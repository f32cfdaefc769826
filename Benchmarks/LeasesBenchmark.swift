import Glibc
import JSON

/// `berth-bench leases`: a real `berth serve` with one large provider makes reservations for 64 clients, each durable before its answer,
/// against bare SQLite that writes the same rows in groups; then the same questions with 100 and with 100,000 leases in the ledger.
enum LeasesBenchmark {
    static func run(quick: Bool) -> JSON {
        guard let host = LeaseBenchHost() else { return ["error": "cannot start the host beside this program; is there a C compiler?"] }
        defer { host.stop() }
        let create = #"{"kind":"advance","start":"@TIME@","duration_s":3600,"groups":[{"cpus":1,"memory_mib":1}]}"#
        var result: JSON = [:]
        // A hundred leases, and what questions cost then.
        _ = host.load(1, 100, "lease.create", create)
        let few = host.questions(create, quick ? 100 : 500)
        // Then many.
        let (rounds, each) = quick ? (1, 5_000) : (5, 20_000)
        var rates: [Double] = []
        var last: JSON = .null
        var failed = 0
        for _ in 0..<rounds {
            last = host.load(64, each, "lease.create", create)
            failed += last["failed"]?.int ?? 0
            rates.append(BusBench.rate(last))
        }
        let bare = LedgerBaseline.grouped(host.ledger, in: host.directory, rows: min(20_000, each), rounds: rounds)
        let (median, bareMedian) = (BusBench.median(rates), BusBench.median(bare))
        result["create"] = [
            "clients": 64, "per_second": JSON(median.rounded()), "rounds": .array(rates.map { JSON($0.rounded()) }),
            "bare_sqlite_per_second": JSON(bareMedian.rounded()), "ratio": JSON((median / max(1, bareMedian) * 1000).rounded() / 1000),
            "p50_us": last["p50_us"] ?? .null, "p99_us": last["p99_us"] ?? .null, "failed": JSON(failed),
            "fsync": host.fsyncs(create, quick ? 2_000 : 10_000),
        ]
        let many = host.questions(create, quick ? 100 : 500)
        result["leases"] = [
            "few": few, "many": many, "count": JSON(rounds * each),
            "slower": .object(
                JSON.Object(
                    fields: (few.object?.fields ?? []).map { field in
                        let (before, after) = (field.value.double ?? 1, many[field.name]?.double ?? 0)
                        return JSON.Object.Field(name: field.name, value: JSON((after / max(1, before) * 100).rounded() / 100))
                    })),
        ]
        result["start"] = host.restart()
        return result
    }
}

/// The host with its provider of the inventory driver.
final class LeaseBenchHost {
    let directory: String
    private let programs: String
    private var host: pid_t = 0

    var ledger: String { "\(directory)/state/ledger.db" }

    init?() {
        var template = Array("/var/tmp/berth-bench-XXXXXX".utf8CString)
        var link = [CChar](repeating: 0, count: 4096)
        guard mkdtemp(&template) != nil, readlink("/proc/self/exe", &link, 4095) > 0 else { return nil }
        directory = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let program = String(decoding: link.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        programs = String(program[..<(program.lastIndex(of: "/") ?? program.startIndex)])
        let root = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
        let driver = "/\(root)/Examples/inventory-driver"
        _ = BusBench.output(
            "cc -std=gnu11 -O2 -fPIC -shared -pthread -I/\(root)/Sources/PluginABI/include -Wl,--version-script=\(driver)/driver.map "
                + "-o \(directory)/inventory.so \(driver)/inventory.c \(driver)/shelf.c \(driver)/json.c")
        guard access("\(directory)/inventory.so", F_OK) == 0, let file = fopen("\(directory)/plugins.conf", "w") else { return nil }
        fputs(
            """
            [host]
            log-level = error
            plugin-path = \(directory)
            [plugin inventory]
            module = inventory.so
            [provider shelf]
            plugin = inventory
            config.file = \(directory)/shelf
            config.nodes = 100
            config.cpus = 1000000
            config.memory_mib = 1000000000
            config.machines = 1000000
            """, file)
        fclose(file)
        guard begin() != nil else { return nil }
    }

    /// Starts it, and answers the milliseconds until it answered a request about leases.
    private func begin() -> Double? {
        let clock = ContinuousClock()
        let began = clock.now
        let words = [
            "\(programs)/berth", "serve", "--config", "\(directory)/plugins.conf", "--state-dir", "\(directory)/state", "--run-dir",
            directory,
        ]
        guard let pid = BusBench.spawn(words) else { return nil }
        host = pid
        for _ in 0..<20_000 where access("\(directory)/bus", F_OK) != 0 { usleep(1000) }
        let answer = load(1, 1, "lease.list", #"{"limit":1}"#)
        guard answer["failed"]?.int == 0 else { return nil }
        let took = began.duration(to: clock.now).components
        return Double(took.seconds) * 1000 + Double(took.attoseconds) / 1e15
    }

    private func end() {
        kill(host, SIGTERM)
        waitpid(host, nil, 0)
        unlink("\(directory)/bus")
    }

    func stop() {
        end()
        _ = BusBench.output("rm -rf '\(directory)'")
    }

    /// How long a start takes with what is in the ledger, after a clean end and after a kill.
    func restart() -> JSON {
        end()
        let clean = begin()
        kill(host, SIGKILL)
        waitpid(host, nil, 0)
        unlink("\(directory)/bus")
        let killed = begin()
        return [
            "after_clean_end_ms": clean.map { JSON($0.rounded()) } ?? .null, "after_kill_ms": killed.map { JSON($0.rounded()) } ?? .null,
            "resident_kib": JSON(resident(host) / 1024),
        ]
    }

    func load(_ clients: Int, _ requests: Int, _ verb: String, _ body: String) -> JSON {
        let words = "'\(programs)/BusEcho' load ipc://\(directory)/bus \(clients) 1 3600000 \(requests) \(verb) '\(body)'"
        return (try? JSON(parsing: BusBench.output(words))) ?? .null
    }

    /// Median microseconds of each question, one client, one at a time.
    func questions(_ create: String, _ times: Int) -> JSON {
        let page = BusBench.output("'\(programs)/berth' lease list --limit 1 --host ipc://\(directory)/bus -o name")
        let id = String(page.split(separator: "\n").first ?? "")
        func time(_ verb: String, _ body: String) -> JSON { load(1, times, verb, body)["p50_us"] ?? .null }
        return [
            "create_us": time("lease.create", create), "show_us": time("lease.show", #"{"id":"\#(id)"}"#),
            "list_us": time("lease.list", #"{"limit":100}"#),
            "list_scheduled_us": time("lease.list", #"{"limit":100,"state":"scheduled"}"#),
        ]
    }

    /// How many times the host called fdatasync or fsync for how many creates (`strace`), and how many transactions that were.
    func fsyncs(_ create: String, _ requests: Int) -> JSON {
        let file = "\(directory)/strace"
        guard let tracer = BusBench.spawn(["/usr/bin/strace", "-f", "-qq", "-e", "trace=fdatasync,fsync", "-o", file, "-p", "\(host)"])
        else {
            return .null
        }
        usleep(500_000)
        let run = load(64, requests, "lease.create", create)
        kill(tracer, SIGINT)
        waitpid(tracer, nil, 0)
        let calls = Int(BusBench.output("grep -c sync '\(file)'").filter(\.isNumber)) ?? 0
        return ["creates": run["requests"] ?? .null, "fsyncs": JSON(calls), "creates_per_fsync": JSON(requests / max(1, calls))]
    }
}
