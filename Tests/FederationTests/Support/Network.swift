import Foundation
import TestSupport

/// A network of its own for each host, all on one bridge in another: nothing outside is touched. Gone with its owner.
final class Network: Sendable {
    let names: [String]
    private let hub: String

    struct NotPermitted: Error, CustomStringConvertible {
        var description: String
    }

    /// Makes them (`ip netns`, `veth`), or says why that is not allowed here.
    init(_ hosts: [String]) throws {
        let tag = "berth-\(ProcessInfo.processInfo.processIdentifier)-\(UInt16.random(in: 0...UInt16.max))"
        hub = "\(tag)-hub"
        names = hosts.map { "\(tag)-\($0)" }
        do {
            try ip("netns", "add", hub)
            try ip("-n", hub, "link", "add", "hub", "type", "bridge")
            try ip("-n", hub, "link", "set", "hub", "up")
            for (index, name) in names.enumerated() {
                try ip("netns", "add", name)
                try ip("-n", name, "link", "set", "lo", "up")
                try ip("-n", hub, "link", "add", "port\(index)", "type", "veth", "peer", "name", "eth0", "netns", name)
                try ip("-n", hub, "link", "set", "port\(index)", "master", "hub", "up")
                try ip("-n", name, "addr", "add", "\(Network.address(index))/24", "dev", "eth0")
                try ip("-n", name, "link", "set", "eth0", "up")
                try run("/usr/sbin/ip", "netns", "exec", name, "/bin/true")
            }
        } catch {
            clear()
            throw error
        }
    }

    deinit { clear() }

    private func clear() {
        for name in names + [hub] { try? ip("netns", "del", name) }
    }

    static func address(_ index: Int) -> String { "10.77.0.\(index + 1)" }

    /// Cuts a host off from the others, or lets it in again.
    func cut(_ index: Int) throws { try ip("-n", hub, "link", "set", "port\(index)", "down") }
    func heal(_ index: Int) throws { try ip("-n", hub, "link", "set", "port\(index)", "up") }

    /// So many of a hundred packets get lost on their way into each host: by `tc netem`, else by a rule of iptables.
    func lose(percent: Int) throws {
        for name in names {
            do {
                try run("/usr/sbin/tc", "-n", name, "qdisc", "add", "dev", "eth0", "root", "netem", "loss", "\(percent)%")
            } catch {
                try run(
                    "/usr/sbin/ip", "netns", "exec", name, "/usr/sbin/iptables", "-A", "INPUT", "-i", "eth0", "-m", "statistic", "--mode",
                    "random", "--probability", "\(Double(percent) / 100)", "-j", "DROP")
            }
        }
    }

    func loseNothing() throws {
        for name in names {
            do {
                try run("/usr/sbin/tc", "-n", name, "qdisc", "del", "dev", "eth0", "root")
            } catch {
                try run("/usr/sbin/ip", "netns", "exec", name, "/usr/sbin/iptables", "-F", "INPUT")
            }
        }
    }

    private func ip(_ words: String...) throws { try run("/usr/sbin/ip", words) }
    private func run(_ program: String, _ words: String...) throws { try run(program, words) }

    private func run(_ program: String, _ words: [String]) throws {
        guard FileManager.default.isExecutableFile(atPath: program) else { throw NotPermitted(description: "there is no \(program)") }
        let result = try Execution.run(program, words)
        guard result.status == .exited(0) else {
            throw NotPermitted(description: "\(program) \(words.joined(separator: " ")): \(result.standardError)")
        }
    }
}

extension Fleet {
    /// Hosts in networks of their own; nil, and a line that says why, where the system does not allow that.
    static func startInNetworks(
        _ count: Int, _ configure: (Int, inout FederatedHost.Configuration) -> Void = { _, _ in }
    ) async throws -> (fleet: Fleet, network: Network)? {
        let network: Network
        do {
            network = try Network(Array(names.prefix(count)))
        } catch {
            print("*** SKIPPED: no network namespaces here: \(error)")
            return nil
        }
        var hosts: [FederatedHost] = []
        for index in 0..<count {
            var configuration = FederatedHost.Configuration()
            configure(index, &configuration)
            hosts.append(
                try FederatedHost(
                    names[index], address: "tcp://\(Network.address(index)):7411", namespace: network.names[index], configuration))
        }
        let fleet = Fleet(hosts: hosts)
        do {
            for host in hosts { try await host.start() }
            try await fleet.join()
        } catch {
            await fleet.stop()
            throw error
        }
        return (fleet, network)
    }
}
