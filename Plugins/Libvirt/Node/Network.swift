import CLibvirt
import Glibc
import PluginKit

/// A network of libvirt's own (`virNetworkPtr`).
final class Network: Sendable {
    nonisolated(unsafe) private let raw: virNetworkPtr

    init(taking raw: virNetworkPtr) {
        self.raw = raw
    }

    deinit {
        virNetworkFree(raw)
    }

    var name: String { virNetworkGetName(raw).map { String(cString: $0) } ?? "" }

    /// Every address that it has given out, by hardware address, in one call (`virNetworkGetDHCPLeases`); nil where the
    /// hypervisor's driver does not know that call.
    func leases() -> [String: [String]]? {
        var list: UnsafeMutablePointer<virNetworkDHCPLeasePtr?>?
        let count = virNetworkGetDHCPLeases(raw, nil, &list, 0)
        guard count >= 0 else { return nil }
        defer { free(list) }
        var found: [String: [String]] = [:]
        for index in 0..<Int(count) {
            guard let lease = list?[index] else { continue }
            if let mac = lease.pointee.mac, let address = lease.pointee.ipaddr {
                found[String(cString: mac).lowercased(), default: []].append(String(cString: address))
            }
            virNetworkDHCPLeaseFree(lease)
        }
        return found
    }
}

/// What `spec.networks` or `config.networks` names.
enum NetworkChoice: Sendable, Equatable {
    /// A network of libvirt's.
    case network(String)
    /// A bridge of the host.
    case bridge(String)
    /// QEMU's own translation of addresses: out, not in. Needs no rights.
    case user

    init(_ text: String) throws(DriverError) {
        if text == "user" {
            self = .user
        } else if text.hasPrefix("bridge:") {
            self = .bridge(String(text.dropFirst(7)))
        } else if text.hasPrefix("network:") {
            self = .network(String(text.dropFirst(8)))
        } else {
            self = .network(text)
        }
        switch self {
        case .network(let name), .bridge(let name):
            guard !name.isEmpty, !name.contains("/") else { throw .invalid("'\(text)' names no network: NAME, bridge:NAME or user") }
        case .user: break
        }
    }
}
