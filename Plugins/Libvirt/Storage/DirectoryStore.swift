import CLibvirtShim
import Glibc
import PluginKit

/// Disks as files in a directory that the hypervisor sees too; overlays are made by `qemu-img`.
struct DirectoryStore: DiskStore {
    var machines: String
    var images: String

    func base(_ name: String, _ connection: Connection) throws -> BaseImage {
        let path = name.hasPrefix("/") ? name : "\(images)/\(name)"
        guard !path.split(separator: "/").contains("..") else { throw DriverError.invalid("image '\(name)' leads out of \(images)") }
        guard let size = Files.size(path) else { throw DriverError.invalid("no image '\(name)': there is no file \(path)") }
        let (format, capacity) = BaseImage.identify(try Files.prefix(path, 32), fileSize: size)
        return BaseImage(path: path, format: format, capacity: capacity)
    }

    func makeDisk(_ name: DiskName, bytes: Int, base: BaseImage?, _ connection: Connection) throws {
        try Files.makeDirectory(machines)
        try remove(name, connection)
        let backing = base.map { ["-F", $0.format, "-b", $0.path] } ?? []
        try qemuImg(["create", "-q", "-f", "qcow2"] + backing + [path(name), "\(max(bytes, base?.capacity ?? 0))"], "make disk \(name)")
    }

    func makeSeed(_ name: DiskName, _ content: [UInt8], _ connection: Connection) throws {
        try Files.makeDirectory(machines)
        try remove(name, connection)
        try Files.write(content, to: path(name))
    }

    func resize(_ name: DiskName, bytes: Int, _ connection: Connection) throws {
        try qemuImg(["resize", "-q", path(name), "\(bytes)"], "resize disk \(name)")
    }

    func remove(_ name: DiskName, _ connection: Connection) throws {
        try Files.remove(path(name))
    }

    func source(_ name: DiskName) -> DiskSource { .file(path(name)) }

    func images(_ connection: Connection) throws -> [Catalog.Image] {
        guard Files.isDirectory(images) else { return [] }
        return try Files.names(in: images).compactMap { name in
            guard !name.hasPrefix("."), !name.hasPrefix(DiskName.prefix), let size = Files.size("\(images)/\(name)") else { return nil }
            guard [".qcow2", ".img", ".raw"].contains(where: name.hasSuffix) else { return nil }
            return Catalog.Image(id: name, name: name, size: size)
        }
    }

    func space(_ connection: Connection) throws -> (total: Int, free: Int)? {
        // Before the first machine the directory is not there yet: its parent's file system will hold it.
        var path = machines
        while path.count > 1 {
            if let space = Files.space(path) { return space }
            path = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
        }
        return Files.space("/")
    }

    private func path(_ name: DiskName) -> String { "\(machines)/\(name)" }

    private func qemuImg(_ arguments: [String], _ doing: String) throws {
        let programs: [String] = ["/usr/bin/qemu-img", "/usr/local/bin/qemu-img"]
        guard let program = programs.first(where: { access($0, X_OK) == 0 }) else {
            throw DriverError.unsupported("cannot \(doing): there is no qemu-img (Debian: apt-get install qemu-utils)")
        }
        var errors = [CChar](repeating: 0, count: 512)
        let status = withArgumentArray([program] + arguments) { arguments in
            withArgumentArray(["LC_ALL=C", "PATH=/usr/bin:/bin"]) { environment in
                clibvirt_run(arguments, environment, 60_000, &errors, errors.count)
            }
        }
        guard status != 0 else { return }
        let text = String(decoding: errors.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self).trimmed
        let isFull = text.contains("No space left") || text.contains("quota")
        throw DriverError(
            isFull ? .exhausted : .broken, "cannot \(doing)", native: text.isEmpty ? "qemu-img ended with status \(status)" : text)
    }
}

/// A NULL-terminated array of C strings for the time of `body`.
private func withArgumentArray<Result>(_ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Result) -> Result {
    let copies = strings.map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    var pointers: [UnsafePointer<CChar>?] = copies.map { UnsafePointer($0) }
    pointers.append(nil)
    return body(pointers)
}
