import CLibvirt
import Glibc
import JSON
import PluginKit

/// Snapshots inside the machine's own disk (qcow2), with its memory while it runs.
extension Hypervisor {
    /// `{"name"}` makes one (the default name is the time), `{"delete": NAME}` removes one, `{"list": true}` names all.
    func snapshot(_ domain: Domain, _ doing: Doing) throws -> ActionResult {
        if try doing.boolean("list") { return .document(["snapshots": JSON(try domain.snapshots())]) }
        if let name = try doing.string("delete") {
            try domain.deleteSnapshot(name)
            return .document(["deleted": .string(name)])
        }
        let name = try doing.string("name") ?? "at-\(realMilliseconds())"
        guard isLabel(name) else { throw DriverError.invalid("a snapshot's name is letters, digits and hyphens, not '\(name)'") }
        let xml = XMLElement("domainsnapshot", [:], [XMLElement("name", text: name), XMLElement("description", text: "made by Berth")])
        try domain.makeSnapshot(xml.text(), name)
        return .document(["snapshot": .string(name)])
    }

    /// `{"name"}`, or the newest. What the machine was doing then, it does again.
    func restore(_ domain: Domain, _ doing: Doing) throws {
        try domain.revert(to: try doing.string("name") ?? doing.string("snapshot"))
    }
}

extension Domain {
    func makeSnapshot(_ xml: String, _ name: String) throws(LibvirtError) {
        virDomainSnapshotFree(try must("make snapshot '\(name)' of '\(self.name)'", virDomainSnapshotCreateXML(raw, xml, 0)))
    }

    /// Their names (`virDomainListAllSnapshots`).
    func snapshots() throws(LibvirtError) -> [String] {
        var list: UnsafeMutablePointer<virDomainSnapshotPtr?>?
        let count = try must("list the snapshots of '\(name)'", virDomainListAllSnapshots(raw, &list, 0))
        defer { free(list) }
        return (0..<Int(count)).compactMap { index in
            guard let snapshot = list?[index] else { return nil }
            defer { virDomainSnapshotFree(snapshot) }
            return virDomainSnapshotGetName(snapshot).map { String(cString: $0) }
        }
    }

    func deleteSnapshot(_ name: String) throws(LibvirtError) {
        let snapshot = try snapshot(name)
        defer { virDomainSnapshotFree(snapshot) }
        try must("remove snapshot '\(name)' of '\(self.name)'", virDomainSnapshotDelete(snapshot, 0))
    }

    func revert(to name: String?) throws(LibvirtError) {
        let snapshot = try snapshot(name)
        defer { virDomainSnapshotFree(snapshot) }
        guard virDomainRevertToSnapshot(snapshot, 0) < 0 else { return }
        let error = LibvirtError(doing: "restore a snapshot of '\(self.name)'")
        // A running machine goes back to a snapshot without memory, or of another shape, only by a new process.
        guard error.is(VIR_ERR_SNAPSHOT_REVERT_RISKY) else { throw error }
        try must("restore a snapshot of '\(self.name)'", virDomainRevertToSnapshot(snapshot, VIR_DOMAIN_SNAPSHOT_REVERT_FORCE.rawValue))
    }

    /// The one of that name, or the newest.
    private func snapshot(_ name: String?) throws(LibvirtError) -> virDomainSnapshotPtr {
        guard let name else { return try must("find the newest snapshot of '\(self.name)'", virDomainSnapshotCurrent(raw, 0)) }
        return try must("find snapshot '\(name)' of '\(self.name)'", virDomainSnapshotLookupByName(raw, name, 0))
    }

    func removeManagedSave() throws(LibvirtError) {
        try must("drop the saved memory of '\(name)'", virDomainManagedSaveRemove(raw, 0))
    }
}
