import Bus
import Glibc
import JSON
import Model
import Platform
import PluginHost

/// What goes into a bug report: the configuration without secrets, the host's state, its last log lines and events.
struct SupportBundle {
    private var archive: TarArchive
    private let redaction: Redaction
    private let name: String
    /// What could not be had, and why.
    private(set) var missing: [String] = []

    init(_ configuration: Configuration?) {
        let now = Clock.real
        archive = TarArchive(time: now / 1000)
        redaction = Redaction(configuration)
        let stamp = Instant(milliseconds: now).description.filter { $0.isNumber }.prefix(14)
        name = "berth-support-\(stamp)"
        if !redaction.unknown.isEmpty {
            missing.append("these secrets could not be read here, so nobody looked for them: \(redaction.unknown.joined(separator: ", "))")
        }
    }

    mutating func add(_ file: String, _ text: String) { archive.add("\(name)/\(file)", redaction.clean(text)) }

    mutating func lacks(_ what: String, _ why: any Error) { missing.append("\(what): \(why)") }

    /// The files of the configuration; one with errors is packed as it is found.
    mutating func addConfiguration(_ files: [String]) {
        for (index, file) in files.enumerated() {
            do throws(Files.Failure) {
                let leaf = file.split(separator: "/").last.map(String.init) ?? "plugins.conf"
                archive.add("\(name)/configuration/\(index)-\(leaf)", redaction.clean(configuration: try Files.read(file)))
            } catch {
                lacks("configuration", error)
            }
        }
    }

    /// What the machine is.
    mutating func addSystem() {
        var text = "berth \(Berth.version)\n"
        for file in ["/etc/os-release", "/proc/version", "/proc/meminfo", "/proc/loadavg", "/proc/uptime"] {
            guard let bytes = try? Files.read(file) else { continue }
            text += "\n# \(file)\n\(String(decoding: bytes.prefix(4096), as: UTF8.self))"
        }
        add("system.txt", text)
    }

    /// How full the state directory's disk is (`statvfs(3)`).
    mutating func addDisk(_ directory: String) {
        var status = statvfs()
        guard statvfs(directory, &status) == 0 else { return }
        let free = Int(status.f_bavail) * Int(status.f_frsize) >> 20
        add("disk.txt", "\(directory): \(free) MiB free, \(status.f_favail) files free\n")
    }

    /// The host's own words.
    mutating func addHost(_ client: BusClient) async {
        let limits = ClientOptions(deadline: 10_000)
        for verb in ["host.info", "host.status", "host.metrics", "plugin.list", "provider.list", "member.list", "flavor.list"] {
            do {
                add("\(verb).json", try await client.request(verb, [:], limits).pretty + "\n")
            } catch let error as BerthError where error.code == .unsupported {
                continue
            } catch {
                lacks(verb, error)
                if (error as? BerthError)?.code == .unreachable { return }
            }
        }
        do {
            let lines = try await client.request("host.log", [:], limits)["lines"]?.array ?? []
            add("log.txt", lines.compactMap(\.string).map { $0 + "\n" }.joined())
        } catch {
            lacks("host.log", error)
        }
        do {
            add("events.jsonl", try await SupportBundle.events(client).map { $0.text + "\n" }.joined())
        } catch {
            lacks("events.since", error)
        }
        do {
            for provider in try await client.request("provider.list", [:], limits)["providers"]?.array ?? [] {
                guard let name = provider["name"]?.string else { continue }
                add("provider-\(name).json", try await client.request("provider.show", ["name": .string(name)], limits).pretty + "\n")
            }
        } catch {
            if (error as? BerthError)?.code != .unsupported { lacks("provider.show", error) }
        }
    }

    /// The last two thousand events.
    private static func events(_ client: BusClient) async throws -> [JSON] {
        var kept: [JSON] = []
        var after = 0
        while true {
            let page: JSON
            do {
                page = try await client.request("events.since", ["after": JSON(after), "limit": 1000], ClientOptions(deadline: 10_000))
            } catch let error as BerthError where error.code == .notFound {
                guard let oldest = EventsCommand.oldest(error), oldest > after else { throw error }
                after = oldest
                continue
            }
            let events = page["events"]?.array ?? []
            kept = (kept + events).suffix(2000)
            let next = page["next"]?.int ?? after
            if events.isEmpty || next <= after { return kept }
            after = next
        }
    }

    /// The whole archive.
    mutating func finish() -> [UInt8] {
        var text = "A support bundle of Berth \(Berth.version). Secrets were removed; look through it before you send it.\n"
        if !missing.isEmpty { text += "\nWhat is missing:\n" + missing.map { "  \($0)\n" }.joined() }
        add("README.txt", text)
        return archive.finished
    }
}
