import PluginKit

/// A machine to be made: everything decided, nothing done yet. Its XML is a function of this value alone.
struct MachinePlan: Sendable {
    struct Interface: Sendable {
        var mac: String
        var choice: NetworkChoice
    }

    struct Drive: Sendable {
        var source: DiskSource
        var format: String
    }

    var id: MachineID
    var name: String
    var metadata: MachineMetadata
    /// `kvm`, `qemu`, `test`.
    var type: String
    var arch: String
    var vcpus: Int
    var maximumCPUs: Int
    var memoryMiB: Int
    var image: Image
    var disk: Drive?
    var seed: Drive?
    var interfaces: [Interface]
    var settings: HypervisorSettings
    /// Where its disks go, where it has any.
    var store: (any DiskStore)?
    var base: BaseImage?
    var diskBytes = 0
    var seedContent: [UInt8] = []

    /// The `<domain>`.
    var xml: XMLElement {
        var domain = XMLElement("domain", ["type": type])
        domain.add(XMLElement("name", text: name))
        domain.add(XMLElement("uuid", text: id.description))
        domain.add(XMLElement("metadata", [:], [metadata.xml]))
        domain.add(XMLElement("memory", ["unit": "MiB"], text: "\(memoryMiB)"))
        domain.add(XMLElement("currentMemory", ["unit": "MiB"], text: "\(memoryMiB)"))
        let current = maximumCPUs > vcpus ? "\(vcpus)" : nil
        domain.add(XMLElement("vcpu", ["current": current], text: "\(max(vcpus, maximumCPUs))"))
        domain.add(operatingSystem)
        guard type != "test" else {
            let drives = [disk.map { drive($0, target: "vda", bus: "virtio", isReadOnly: false) }].compactMap { $0 }
            domain.add(XMLElement("devices", [:], drives + interfaces.map(interface)))
            return domain
        }
        domain.add(XMLElement("features", [:], ["x86_64", "i686"].contains(arch) ? [XMLElement("acpi"), XMLElement("apic")] : []))
        domain.add(processor)
        domain.add(XMLElement("clock", ["offset": "utc"]))
        domain.add(XMLElement("on_poweroff", text: "destroy"))
        domain.add(XMLElement("on_reboot", text: "restart"))
        domain.add(XMLElement("on_crash", text: "destroy"))
        domain.add(devices)
        return domain
    }

    private var operatingSystem: XMLElement {
        let isEFI = settings.firmware == .efi && type != "test"
        var system = XMLElement("os", ["firmware": isEFI ? "efi" : nil])
        system.add(XMLElement("type", ["arch": arch, "machine": type == "test" ? nil : settings.machineType], text: "hvm"))
        switch image {
        case .kernel(let path, let initrd, let commandLine):
            system.add(XMLElement("kernel", text: path))
            system.add(initrd.map { XMLElement("initrd", text: $0) })
            system.add(commandLine.map { XMLElement("cmdline", text: $0) })
        case .none, .base:
            system.add(XMLElement("boot", ["dev": "hd"]))
        }
        return system
    }

    /// Emulated, `maximum` gives what an image built for newer processors (x86-64-v2) needs; with kvm the node's own is fastest.
    private var processor: XMLElement? {
        let model = settings.cpuModel ?? (type == "kvm" ? "host-passthrough" : "maximum")
        switch model {
        case "host-passthrough", "host-model", "maximum": return XMLElement("cpu", ["mode": model])
        default: return XMLElement("cpu", ["mode": "custom", "match": "exact"], [XMLElement("model", ["fallback": "forbid"], text: model)])
        }
    }

    private var devices: XMLElement {
        var devices = XMLElement("devices")
        if let disk { devices.add(drive(disk, target: "vda", bus: "virtio", isReadOnly: false)) }
        if let seed {
            let bus = settings.seedBus
            devices.add(drive(seed, target: bus == .virtio ? "vdz" : "sdz", bus: bus.rawValue, isReadOnly: true))
            if bus == .scsi { devices.add(XMLElement("controller", ["type": "scsi", "model": "virtio-scsi"])) }
        }
        for interface in interfaces { devices.add(self.interface(interface)) }
        var serial = XMLElement("serial", ["type": "pty"])
        if let logs = settings.consoleLogs { serial.add(XMLElement("log", ["file": "\(logs)/\(id).log", "append": "on"])) }
        devices.add(serial)
        devices.add(XMLElement("console", ["type": "pty"], [XMLElement("target", ["type": "serial"])]))
        if settings.hasGuestAgent {
            devices.add(
                XMLElement("channel", ["type": "unix"], [XMLElement("target", ["type": "virtio", "name": "org.qemu.guest_agent.0"])]))
        }
        devices.add(XMLElement("rng", ["model": "virtio"], [XMLElement("backend", ["model": "random"], text: "/dev/urandom")]))
        devices.add(XMLElement("memballoon", ["model": settings.hasBalloon ? "virtio" : "none"]))
        return devices
    }

    private func drive(_ drive: Drive, target: String, bus: String, isReadOnly: Bool) -> XMLElement {
        let device = isReadOnly && bus != "virtio" ? "cdrom" : "disk"
        var disk = XMLElement("disk", ["type": drive.source.type, "device": device])
        disk.add(XMLElement("driver", ["name": "qemu", "type": drive.format, "discard": isReadOnly ? nil : "unmap"]))
        disk.add(drive.source.xml)
        disk.add(XMLElement("target", ["dev": target, "bus": bus]))
        if isReadOnly { disk.add(XMLElement("readonly")) }
        return disk
    }

    private func interface(_ interface: Interface) -> XMLElement {
        var element: XMLElement
        switch interface.choice {
        case .network(let name): element = XMLElement("interface", ["type": "network"], [XMLElement("source", ["network": name])])
        case .bridge(let name): element = XMLElement("interface", ["type": "bridge"], [XMLElement("source", ["bridge": name])])
        case .user: element = XMLElement("interface", ["type": "user"])
        }
        element.add(XMLElement("mac", ["address": interface.mac]))
        if type != "test" { element.add(XMLElement("model", ["type": "virtio"])) }
        return element
    }

    /// A hardware address that follows from the key, so that a repeated create has the same.
    static func mac(_ id: MachineID, _ index: Int) -> String {
        let value = (id.low ^ id.high &* 0x9E37_79B9_7F4A_7C15) &+ UInt64(index)
        let bytes: [UInt64] = [0x52, 0x54, 0x00, value >> 16 & 0xFF, value >> 8 & 0xFF, value & 0xFF]
        return bytes.map { byte in
            let text = String(byte, radix: 16)
            return text.count < 2 ? "0" + text : text
        }.joined(separator: ":")
    }
}
