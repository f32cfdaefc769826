import JSON
import PluginKit

/// `config.…` of a provider, read once.
struct HypervisorSettings: Sendable {
    enum Acceleration: String, Sendable { case auto, kvm, tcg }
    enum Firmware: String, Sendable { case bios, efi }
    enum SeedBus: String, Sendable { case virtio, sata, scsi }

    var uri: HypervisorURI
    /// Where base images lie, if they are files.
    var images: String?
    /// Where disks and seeds of machines go, if they are files.
    var machines: String?
    /// The storage pool for both, if they are volumes.
    var pool: String?
    /// What a machine gets that asks for no network.
    var networks: [String]
    var acceleration: Acceleration
    var machineType: String?
    var cpuModel: String?
    var firmware: Firmware
    var consoleLogs: String?
    var seedBus: SeedBus
    var hasGuestAgent: Bool
    var hasBalloon: Bool
    var maximumCPUs: Int
    var keepAlive: Int
    var stopTimeout: Int
    var reservedCPUs: Double
    var reservedMemoryMiB: Int
    var maximumMachines: Int?
    var node: String?

    static let schema: SettingsSchema = [
        .string(
            "uri",
            "libvirt URI: test:///default, qemu:///embed?root=DIR, qemu:///session, qemu:///system, qemu+ssh://HOST/system, "
                + "qemu+tls://HOST/system; others are experimental",
            required: true),
        .string("images", "directory of base images; embedded default: DIR/images"),
        .string("machines", "directory for the disks and seeds of machines; embedded default: DIR/machines"),
        .string("pool", "storage pool for disks, seeds and base images, where they are volumes"),
        .strings(
            "networks", "networks of a machine that asks for none: NAME of libvirt's, bridge:NAME, user; default none", default: []),
        .string("accel", "hardware virtualisation: auto (probed), kvm or tcg", default: "auto", oneOf: ["auto", "kvm", "tcg"]),
        .string("machine-type", "machine type, such as pc or q35; default: the hypervisor's"),
        .string(
            "cpu-model", "host-passthrough, host-model, maximum, or a model's name; default: host-passthrough with kvm, maximum without"),
        .string("firmware", "firmware of machines that boot from a disk", default: "bios", oneOf: ["bios", "efi"]),
        .string("console-logs", "directory on the hypervisor for serial console logs; embedded default: DIR/console"),
        .string("seed-bus", "how the cloud-init seed is attached", default: "virtio", oneOf: ["virtio", "sata", "scsi"]),
        .boolean("guest-agent", "give each machine a channel for qemu-guest-agent", default: true),
        .boolean("balloon", "give each machine a memory balloon, for live memory changes and statistics", default: true),
        .integer(
            "max-cpus", "processors that a running machine can be resized to; 0: no more than it has", default: 0, minimum: 0, maximum: 512),
        .integer(
            "keepalive", "seconds between keep-alive messages; two without an answer end the connection; 0: none", default: 5, minimum: 0),
        .integer("stop-timeout", "seconds that a guest has to shut down before its power is cut", default: 60, minimum: 0),
        .number("reserve-cpus", "processors of the node that machines do not get", default: 0, minimum: 0),
        .integer("reserve-memory-mib", "memory of the node that machines do not get", default: 0, minimum: 0),
        .integer("max-machines", "machines on this node, ours and others", minimum: 0),
        .string("node", "the node's name; default: what libvirt says"),
    ]

    init(_ settings: Settings) throws(DriverError) {
        uri = try HypervisorURI(settings.string("uri"))
        let root = uri.embeddedRoot
        if uri.driver == "qemu", uri.path == "/embed" {
            guard let root, root.hasPrefix("/") else {
                throw .invalid("config.uri '\(uri)' needs an absolute root: qemu:///embed?root=/DIRECTORY")
            }
        }
        images = try HypervisorSettings.directory(settings, "images") ?? root.map { $0 + "/images" }
        machines = try HypervisorSettings.directory(settings, "machines") ?? root.map { $0 + "/machines" }
        consoleLogs = try HypervisorSettings.directory(settings, "console-logs") ?? root.map { $0 + "/console" }
        pool = settings["pool"]?.string
        networks = settings["networks"] == nil ? [] : try settings.strings("networks")
        acceleration = Acceleration(rawValue: settings["accel"]?.string ?? "auto") ?? .auto
        machineType = settings["machine-type"]?.string
        cpuModel = settings["cpu-model"]?.string
        firmware = Firmware(rawValue: settings["firmware"]?.string ?? "bios") ?? .bios
        seedBus = SeedBus(rawValue: settings["seed-bus"]?.string ?? "virtio") ?? .virtio
        hasGuestAgent = settings["guest-agent"]?.bool ?? true
        hasBalloon = settings["balloon"]?.bool ?? true
        maximumCPUs = settings["max-cpus"]?.int ?? 0
        keepAlive = settings["keepalive"]?.int ?? 5
        stopTimeout = settings["stop-timeout"]?.int ?? 60
        reservedCPUs = settings["reserve-cpus"]?.double ?? 0
        reservedMemoryMiB = settings["reserve-memory-mib"]?.int ?? 0
        maximumMachines = settings["max-machines"]?.int
        node = settings["node"]?.string
        if !uri.isLocal, machines != nil || images != nil {
            throw .invalid("config.images and config.machines are directories of this host, but \(uri) is another: use config.pool")
        }
    }

    private static func directory(_ settings: Settings, _ name: String) throws(DriverError) -> String? {
        guard var path = settings[name]?.string else { return nil }
        guard path.hasPrefix("/") else { throw .invalid("config.\(name) '\(path)' is no absolute path") }
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        return path
    }
}
