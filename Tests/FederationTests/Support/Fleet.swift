import Foundation
import Glibc
import JSON
import TestSupport
import Testing

/// Some hosts that know each other.
struct Fleet: Sendable {
    var hosts: [FederatedHost]

    subscript(index: Int) -> FederatedHost { hosts[index] }

    static let names = ["alpha", "beta", "gamma", "delta"]

    /// Starts hosts on the loopback; with `joined` each accepts each other's invitation, and waits until all lend to all.
    static func start(
        _ count: Int, joined: Bool = true, _ configure: (Int, inout FederatedHost.Configuration) -> Void = { _, _ in }
    ) async throws -> Fleet {
        var hosts: [FederatedHost] = []
        let ports = try freePorts(count)
        for index in 0..<count {
            var configuration = FederatedHost.Configuration()
            configure(index, &configuration)
            hosts.append(try FederatedHost(names[index], address: "tcp://127.0.0.1:\(ports[index])", configuration))
        }
        let fleet = Fleet(hosts: hosts)
        for host in hosts { try await host.start() }
        if joined { try await fleet.join() }
        return fleet
    }

    /// Ports that nobody has now, far from those that the system gives to clients.
    static func freePorts(_ count: Int) throws -> [Int] {
        var found: [Int] = []
        var generator = SystemRandomNumberGenerator()
        while found.count < count {
            let port = Int.random(in: 20_000..<32_000, using: &generator)
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(descriptor) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(port).bigEndian
            address.sin_addr.s_addr = inet_addr("127.0.0.1")
            let isFree = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                }
            }
            if isFree, !found.contains(port) { found.append(port) }
        }
        return found
    }

    /// Each accepts the line of each other.
    func join(rendezvous: Bool = true) async throws {
        for host in hosts {
            for other in hosts where other.name != host.name {
                let line = try await other.ask("member.invite")["line"] ?? .null
                try await host.ask("member.accept", ["line": line, "rendezvous": JSON(rendezvous)])
            }
        }
        try await ready()
    }

    /// Until every host knows what every other has for it.
    func ready() async throws {
        for host in hosts {
            for other in hosts where other.name != host.name {
                try await eventually("\(other.name) lends to \(host.name): \(host.log.suffix(1000))", every: 50) {
                    let member = try await host.member(other.name)
                    return member["lends"] == "ready" && member["state"] == "alive"
                }
            }
        }
    }

    func stop() async {
        for host in hosts { try? await host.stop() }
    }

    /// Runs a test with hosts that are stopped whatever comes of it.
    func run(_ body: (Fleet) async throws -> Void) async throws {
        do {
            try await body(self)
        } catch {
            await stop()
            throw error
        }
        await stop()
    }
}

/// Machines of one cpu.
func request(_ count: Int, name: String? = nil, _ more: JSON = [:]) -> JSON {
    var body: JSON = ["groups": [["count": JSON(count), "cpus": 1, "memory_mib": 256]], "where": "anywhere"]
    if let name { body["name"] = JSON(name) }
    for field in more.object?.fields ?? [] { body[field.name] = field.value }
    return body
}

extension JSON {
    /// How many of a lease's machines stand where.
    var places: [String: Int] {
        Dictionary(
            (self["machines"]?.array ?? []).filter { $0["state"] == "fulfilled" }.compactMap { $0["provider"]?.string }.map { ($0, 1) },
            uniquingKeysWith: +)
    }
}
