import CLibvirt
import Glibc
import PluginKit

/// Disks as volumes of a storage pool, wherever the hypervisor is.
struct PoolStore: DiskStore {
    var name: String

    func base(_ image: String, _ connection: Connection) throws -> BaseImage {
        let pool = try pool(connection)
        var volume = image.hasPrefix("/") ? connection.volume(at: image) : try pool.volume(image)
        if volume == nil {
            // Files that somebody laid into the pool's directory are not seen until it is read again.
            try pool.refresh()
            volume = image.hasPrefix("/") ? connection.volume(at: image) : try pool.volume(image)
        }
        guard let volume else { throw DriverError.invalid("no image '\(image)' in storage pool '\(name)'") }
        return BaseImage(path: try volume.path(), format: try volume.format() ?? "raw", capacity: try volume.info().capacity)
    }

    func makeDisk(_ disk: DiskName, bytes: Int, base: BaseImage?, _ connection: Connection) throws {
        try remove(disk, connection)
        var volume = XMLElement(
            "volume", [:],
            [
                XMLElement("name", text: disk.text),
                XMLElement("capacity", ["unit": "bytes"], text: "\(max(bytes, base?.capacity ?? 0))"),
                XMLElement("allocation", ["unit": "bytes"], text: "0"),
                XMLElement("target", [:], [XMLElement("format", ["type": "qcow2"])]),
            ])
        if let base {
            volume.add(XMLElement("backingStore", [:], [XMLElement("path", text: base.path), XMLElement("format", ["type": base.format])]))
        }
        _ = try pool(connection).createVolume(try volume.text(), disk.text)
    }

    func makeSeed(_ seed: DiskName, _ content: [UInt8], _ connection: Connection) throws {
        try remove(seed, connection)
        let volume = XMLElement(
            "volume", [:],
            [
                XMLElement("name", text: seed.text),
                XMLElement("capacity", ["unit": "bytes"], text: "\(content.count)"),
                XMLElement("target", [:], [XMLElement("format", ["type": "raw"])]),
            ])
        let made = try pool(connection).createVolume(try volume.text(), seed.text)
        try made.upload(content, connection)
    }

    func resize(_ disk: DiskName, bytes: Int, _ connection: Connection) throws {
        guard let volume = try pool(connection).volume(disk.text) else {
            throw DriverError.notFound("disk \(disk) is not in pool '\(name)'")
        }
        try volume.resize(bytes)
    }

    func remove(_ disk: DiskName, _ connection: Connection) throws {
        try pool(connection).volume(disk.text)?.delete()
    }

    func source(_ disk: DiskName) -> DiskSource { .volume(pool: name, disk.text) }

    func images(_ connection: Connection) throws -> [Catalog.Image] {
        try pool(connection).volumes().compactMap { volume in
            guard !volume.name.hasPrefix(DiskName.prefix) else { return nil }
            return Catalog.Image(id: volume.name, name: volume.name, size: try? volume.info().capacity)
        }
    }

    func space(_ connection: Connection) throws -> (total: Int, free: Int)? {
        let info = try pool(connection).info()
        return (Int(clamping: info.capacity), Int(clamping: info.available))
    }

    private func pool(_ connection: Connection) throws -> StoragePool {
        try connection.pool(name)
    }
}
