import CLibvirt
import Glibc
import PluginKit

/// A storage pool (`virStoragePoolPtr`).
final class StoragePool: Sendable {
    nonisolated(unsafe) private let raw: virStoragePoolPtr

    init(taking raw: virStoragePoolPtr) {
        self.raw = raw
    }

    deinit {
        virStoragePoolFree(raw)
    }

    var name: String { virStoragePoolGetName(raw).map { String(cString: $0) } ?? "" }

    func refresh() throws(LibvirtError) { try must("read storage pool '\(name)' again", virStoragePoolRefresh(raw, 0)) }

    func info() throws(LibvirtError) -> virStoragePoolInfo {
        var info = virStoragePoolInfo()
        try must("ask for the size of storage pool '\(name)'", virStoragePoolGetInfo(raw, &info))
        return info
    }

    /// `virStorageVolLookupByName`; nil where there is none.
    func volume(_ name: String) throws(LibvirtError) -> Volume? {
        guard let volume = virStorageVolLookupByName(raw, name) else {
            let error = LibvirtError(doing: "look up volume '\(name)'")
            guard error.is(VIR_ERR_NO_STORAGE_VOL) else { throw error }
            return nil
        }
        return Volume(taking: volume)
    }

    func volumes() throws(LibvirtError) -> [Volume] {
        var list: UnsafeMutablePointer<virStorageVolPtr?>?
        let count = try must("list the volumes of '\(name)'", virStoragePoolListAllVolumes(raw, &list, 0))
        defer { free(list) }
        return (0..<Int(count)).compactMap { index in list?[index].map(Volume.init(taking:)) }
    }

    func createVolume(_ xml: String, _ name: String) throws(LibvirtError) -> Volume {
        Volume(taking: try must("make volume '\(name)'", virStorageVolCreateXML(raw, xml, 0)))
    }
}

/// A volume (`virStorageVolPtr`).
final class Volume: Sendable {
    nonisolated(unsafe) private let raw: virStorageVolPtr

    init(taking raw: virStorageVolPtr) {
        self.raw = raw
    }

    deinit {
        virStorageVolFree(raw)
    }

    var name: String { virStorageVolGetName(raw).map { String(cString: $0) } ?? "" }

    func path() throws(LibvirtError) -> String {
        try mustString("ask where volume '\(name)' is", virStorageVolGetPath(raw))
    }

    func info() throws(LibvirtError) -> (capacity: Int, allocation: Int) {
        var info = virStorageVolInfo()
        try must("ask for the size of volume '\(name)'", virStorageVolGetInfo(raw, &info))
        return (Int(clamping: info.capacity), Int(clamping: info.allocation))
    }

    /// `target/format` of its XML.
    func format() throws -> String? {
        let text = XMLText(taking: try must("read the description of volume '\(name)'", virStorageVolGetXMLDesc(raw, 0)))
        return try text.parsed().root?.at("target", "format")?.attribute("type")
    }

    func delete() throws(LibvirtError) {
        guard virStorageVolDelete(raw, 0) < 0 else { return }
        let error = LibvirtError(doing: "remove volume '\(name)'")
        guard error.is(VIR_ERR_NO_STORAGE_VOL) else { throw error }
    }

    func resize(_ bytes: Int) throws(LibvirtError) {
        try must("resize volume '\(name)'", virStorageVolResize(raw, UInt64(clamping: bytes), 0))
    }

    /// `virStorageVolUpload` and `virStreamSend`.
    func upload(_ content: [UInt8], _ connection: Connection) throws(LibvirtError) {
        let stream = try must("open a stream", virStreamNew(connection.raw, 0))
        defer { virStreamFree(stream) }
        try must("upload volume '\(name)'", virStorageVolUpload(raw, stream, 0, UInt64(content.count), 0))
        var rest = content[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes { bytes in
                virStreamSend(stream, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), min(bytes.count, 256 << 10))
            }
            guard sent > 0 else {
                let error = LibvirtError(doing: "upload volume '\(name)'")
                virStreamAbort(stream)
                throw error
            }
            rest = rest.dropFirst(Int(sent))
        }
        try must("finish the upload of volume '\(name)'", virStreamFinish(stream))
    }
}

extension Connection {
    /// An active pool (`virStoragePoolLookupByName`).
    func pool(_ name: String) throws -> StoragePool {
        guard let pool = virStoragePoolLookupByName(raw, name) else {
            let error = LibvirtError(doing: "look up storage pool '\(name)'")
            guard error.is(VIR_ERR_NO_STORAGE_POOL) else { throw error }
            throw DriverError.invalid("libvirt has no storage pool '\(name)' (config.pool)")
        }
        return StoragePool(taking: pool)
    }

    func volume(at path: String) -> Volume? {
        virStorageVolLookupByPath(raw, path).map(Volume.init(taking:))
    }

    /// The active pools' names; none where the hypervisor has no storage driver (`virConnectListAllStoragePools`).
    func poolNames() -> [String] {
        var list: UnsafeMutablePointer<virStoragePoolPtr?>?
        let count = virConnectListAllStoragePools(raw, &list, VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE.rawValue)
        guard count >= 0 else { return [] }
        defer { free(list) }
        return (0..<Int(count)).compactMap { index in list?[index].map { StoragePool(taking: $0).name } }
    }
}
