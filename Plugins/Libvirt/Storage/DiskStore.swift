import PluginKit

/// Where disks, seeds and base images are. Names come from the key alone, so that a destroy after any crash finds them, and
/// finds nothing else.
protocol DiskStore: Sendable {
    /// Finds a base image by its name or path; `invalid` where there is none, since it will stay so for this request.
    func base(_ name: String, _ connection: Connection) throws -> BaseImage
    /// Makes the machine's disk: an overlay on `base` (nothing is copied), or empty. What a crash left under the name goes
    /// first.
    func makeDisk(_ name: DiskName, bytes: Int, base: BaseImage?, _ connection: Connection) throws
    /// Writes a small read-only disk.
    func makeSeed(_ name: DiskName, _ content: [UInt8], _ connection: Connection) throws
    /// Grows a disk while no guest uses it.
    func resize(_ name: DiskName, bytes: Int, _ connection: Connection) throws
    /// Removes what is there under the name.
    func remove(_ name: DiskName, _ connection: Connection) throws
    /// How the domain's XML names it.
    func source(_ name: DiskName) -> DiskSource
    func images(_ connection: Connection) throws -> [Catalog.Image]
    /// Bytes in all and bytes free.
    func space(_ connection: Connection) throws -> (total: Int, free: Int)?
}

struct DiskName: Sendable, Equatable, CustomStringConvertible {
    static let prefix = "berth-"
    var text: String

    /// The machine's writable disk.
    static func disk(_ id: MachineID) -> DiskName { DiskName(text: "\(prefix)\(id).qcow2") }
    /// Its cloud-init seed.
    static func seed(_ id: MachineID) -> DiskName { DiskName(text: "\(prefix)\(id).iso") }

    var description: String { text }
}

/// `<disk type=…><source …/>`.
struct DiskSource: Sendable, Equatable {
    var type: String
    var attributes: [XMLElement.Attribute]

    static func file(_ path: String) -> DiskSource {
        DiskSource(type: "file", attributes: [.init(name: "file", value: path)])
    }

    static func volume(pool: String, _ name: String) -> DiskSource {
        DiskSource(type: "volume", attributes: [.init(name: "pool", value: pool), .init(name: "volume", value: name)])
    }

    var xml: XMLElement {
        var element = XMLElement("source")
        element.attributes = attributes
        return element
    }
}

/// For hypervisors that have neither a directory nor a pool.
struct NoStore: DiskStore {
    private var nothing: DriverError {
        .invalid("this provider has no place for disks: set config.pool, or config.images and config.machines")
    }

    func base(_ name: String, _ connection: Connection) throws -> BaseImage { throw nothing }
    func makeDisk(_ name: DiskName, bytes: Int, base: BaseImage?, _ connection: Connection) throws { throw nothing }
    func makeSeed(_ name: DiskName, _ content: [UInt8], _ connection: Connection) throws { throw nothing }
    func resize(_ name: DiskName, bytes: Int, _ connection: Connection) throws { throw nothing }
    func remove(_ name: DiskName, _ connection: Connection) throws {}
    func source(_ name: DiskName) -> DiskSource { .file("/" + name.text) }
    func images(_ connection: Connection) throws -> [Catalog.Image] { [] }
    func space(_ connection: Connection) throws -> (total: Int, free: Int)? { nil }
}
