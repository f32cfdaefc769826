import PluginKit

/// What is known of a machine from its XML: read when it is first seen and when libvirt says that it changed, not at every
/// list.
struct MachineRecord: Sendable, Equatable {
    struct Disk: Sendable, Equatable {
        /// `vda`.
        var target: String
        /// A path, or `POOL/VOLUME`; nil for a drive without a medium.
        var path: String?
        var isReadOnly: Bool
        var format: String?
    }

    struct Interface: Sendable, Equatable {
        var mac: String
        /// The libvirt network it is in.
        var network: String?
    }

    var id: MachineID
    /// As text, made once.
    var idText: String
    var name: String
    var vcpus: Int
    var memoryMiB: Int
    var disks: [Disk] = []
    var interfaces: [Interface] = []
    /// Our own element; nil for a machine that is not ours.
    var metadata: MachineMetadata?
    /// The serial console's PTY and log, while it runs.
    var console: (pty: String?, log: String?) = (nil, nil)

    /// Foreign machines are listed and never touched.
    var isOurs: Bool { metadata != nil }

    /// As asked for, where that still is what the machine has.
    var cpus: Double {
        guard let asked = metadata?.cpus, Int(asked.rounded(.up)) == vcpus else { return Double(vcpus) }
        return asked
    }

    static func == (left: MachineRecord, right: MachineRecord) -> Bool {
        left.id == right.id && left.name == right.name && left.vcpus == right.vcpus && left.memoryMiB == right.memoryMiB
            && left.disks == right.disks && left.interfaces == right.interfaces && left.metadata == right.metadata
    }

    /// Reads a `<domain>`.
    init(domain: XMLNode) throws(DriverError) {
        guard domain.name == "domain", let text = domain.child("uuid")?.text, let id = MachineID(text) else {
            throw .broken("libvirt answered with a machine without a UUID")
        }
        self.id = id
        idText = id.description
        name = domain.child("name")?.text ?? ""
        let vcpu = domain.child("vcpu")
        vcpus = vcpu?.attribute("current").flatMap { Int($0) } ?? vcpu.flatMap { Int($0.text.trimmed) } ?? 1
        let memory = domain.child("currentMemory") ?? domain.child("memory")
        memoryMiB = memory.map(MachineRecord.mebibytes) ?? 0
        for device in domain.child("devices")?.children ?? [] {
            switch device.name {
            case "disk": disks.append(Disk(device))
            case "interface":
                guard let mac = device.at("mac")?.attribute("address") else { break }
                interfaces.append(Interface(mac: mac.lowercased(), network: device.child("source")?.attribute("network")))
            case "serial" where console == (nil, nil):
                console = (device.child("source")?.attribute("path"), device.child("log")?.attribute("file"))
            default: break
            }
        }
        for element in domain.child("metadata")?.children ?? [] where element.namespace == MachineMetadata.namespace {
            metadata = MachineMetadata(element, of: id)
        }
    }

    private static func mebibytes(_ node: XMLNode) -> Int {
        let value = Int(node.text.trimmed) ?? 0
        return switch node.attribute("unit") ?? "KiB" {
        case "b", "bytes": value >> 20
        case "MiB", "M": value
        case "GiB", "G": value << 10
        default: value >> 10
        }
    }
}

extension MachineRecord.Disk {
    init(_ disk: XMLNode) {
        target = disk.child("target")?.attribute("dev") ?? ""
        let source = disk.child("source")
        if let file = source?.attribute("file") ?? source?.attribute("dev") {
            path = file
        } else if let pool = source?.attribute("pool"), let volume = source?.attribute("volume") {
            path = "\(pool)/\(volume)"
        }
        isReadOnly = disk.child("readonly") != nil
        format = disk.child("driver")?.attribute("type")
    }
}

extension String {
    /// Without the white space around it.
    var trimmed: String {
        let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\n" || $0 == "\t" || $0 == "\r" || $0 == "\r\n" }
        guard let first = firstIndex(where: { !isSpace($0) }), let last = lastIndex(where: { !isSpace($0) }) else { return "" }
        return String(self[first...last])
    }
}
