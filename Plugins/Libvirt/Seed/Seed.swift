import JSON
import PluginKit

/// cloud-init's NoCloud seed: who the machine is, who may log in, and what it shall do, on a disk labelled `cidata`.
struct Seed: Sendable {
    var instance: String
    var hostname: String
    var publicKeys: [String]
    var userData: String?
    /// Network-config, version 2, where addresses were asked for.
    var network: JSON?

    /// Whether anybody would miss it.
    var isNeeded: Bool { userData != nil || !publicKeys.isEmpty || network != nil }

    /// The files of the seed. meta-data and network-config are YAML, of which JSON is a part: quoting is JSON's, whatever the
    /// values hold.
    var files: [ISO9660.File] {
        var metaData: JSON = ["instance-id": .string(instance), "local-hostname": .string(hostname)]
        if !publicKeys.isEmpty { metaData["public-keys"] = JSON(publicKeys) }
        var files = [
            ISO9660.File(name: "meta-data", content: Array(metaData.text.utf8) + [0x0A]),
            ISO9660.File(name: "user-data", content: Array((userData ?? "#cloud-config\n{}\n").utf8)),
        ]
        if let network { files.append(ISO9660.File(name: "network-config", content: Array(network.text.utf8) + [0x0A])) }
        return files
    }

    func image() -> [UInt8] {
        ISO9660(label: "cidata", files: files).bytes()
    }

    /// Addresses for the interfaces, in their order: `192.0.2.7/24`. Interfaces without one use DHCP.
    static func network(addresses: [String], macs: [String]) throws(DriverError) -> JSON? {
        guard !addresses.isEmpty else { return nil }
        guard addresses.count <= macs.count else {
            throw .invalid("\(addresses.count) addresses were asked for, but the machine has \(macs.count) network interfaces")
        }
        var interfaces: JSON = .object(JSON.Object())
        for (index, mac) in macs.enumerated() {
            var interface: JSON = ["match": ["macaddress": .string(mac)]]
            if index < addresses.count {
                let parts = addresses[index].split(separator: "/", omittingEmptySubsequences: false)
                guard parts.count == 2, let prefix = Int(parts[1]), (1...128).contains(prefix), isAddress(parts[0]) else {
                    throw .invalid("address '\(addresses[index])' is not ADDRESS/PREFIX, such as 192.0.2.7/24")
                }
                interface["addresses"] = [.string(addresses[index])]
            } else {
                interface["dhcp4"] = true
            }
            interfaces["nic\(index)"] = interface
        }
        return ["version": 2, "ethernets": interfaces]
    }

    private static func isAddress(_ text: Substring) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte) || (0x41...0x46).contains(byte) || byte == 0x2E || byte == 0x3A
            }
    }
}
