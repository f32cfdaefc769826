import CLibvirt
import Glibc
import PluginKit

/// What stays the same about a node as long as the connection lasts.
struct NodeFacts: Sendable {
    /// One `<guest>` of the capabilities.
    struct Guest: Sendable {
        var arch: String
        var emulator: String?
        /// `kvm`, `qemu`, `test` …
        var types: [String]
    }

    var name: String
    var arch: String
    var vendor: String?
    var cells: Int
    var guests: [Guest]
    /// Whether guests may use the processor itself, and why not.
    var acceleration: Acceleration?

    init(_ connection: Connection, settings: HypervisorSettings) throws {
        guard let root = try XMLDocument(connection.capabilities()).root else {
            throw DriverError.broken("libvirt answered without capabilities")
        }
        name = try settings.node ?? connection.hostname()
        let cpu = root.at("host", "cpu")
        arch = cpu?.child("arch")?.text ?? "unknown"
        vendor = cpu?.child("vendor")?.text
        cells = max(1, root.at("host", "topology", "cells")?.children("cell").count ?? 1)
        guests = root.children("guest").filter { $0.child("os_type")?.text == "hvm" }.compactMap { guest in
            guard let arch = guest.child("arch"), let name = arch.attribute("name") else { return nil }
            return Guest(
                arch: name, emulator: arch.child("emulator")?.text, types: arch.children("domain").compactMap { $0.attribute("type") })
        }
        if settings.acceleration == .auto, settings.uri.isLocal, guests.contains(where: { $0.types.contains("kvm") }) {
            acceleration = Acceleration.find(root: settings.uri.embeddedRoot)
        }
    }

    /// The guest of an architecture, or of the node's own.
    func guest(arch wanted: String?) throws(DriverError) -> Guest {
        let arch = wanted ?? self.arch
        guard let guest = guests.first(where: { $0.arch == arch }) ?? (wanted == nil ? guests.first : nil) else {
            throw .unsupported("node '\(name)' runs no \(arch) machines, only \(guests.map(\.arch).joined(separator: ", "))")
        }
        return guest
    }

    /// The `<domain type>` for a machine.
    func type(of guest: Guest, _ wanted: HypervisorSettings.Acceleration) throws(DriverError) -> String {
        let hasKVM = guest.types.contains("kvm")
        switch wanted {
        case .kvm:
            guard hasKVM else { throw .unsupported("node '\(name)' offers no kvm for \(guest.arch) (config.accel)") }
            return "kvm"
        case .tcg: return guest.types.first { $0 != "kvm" } ?? "qemu"
        case .auto:
            if hasKVM, acceleration?.reason == nil { return "kvm" }
            return guest.types.first { $0 != "kvm" } ?? "qemu"
        }
    }
}

extension Connection {
    /// The active networks' names; none where the hypervisor has no network driver (`virConnectListAllNetworks`).
    func networks() -> [Network] {
        var list: UnsafeMutablePointer<virNetworkPtr?>?
        let count = virConnectListAllNetworks(raw, &list, VIR_CONNECT_LIST_NETWORKS_ACTIVE.rawValue)
        guard count >= 0 else { return [] }
        defer { free(list) }
        return (0..<Int(count)).compactMap { index in list?[index].map(Network.init(taking:)) }
    }

    /// An active network; nil where there is none of that name, or no network driver.
    func network(_ name: String) -> Network? {
        virNetworkLookupByName(raw, name).map(Network.init(taking:))
    }
}
