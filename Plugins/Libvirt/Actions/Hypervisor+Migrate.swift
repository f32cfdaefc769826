import CLibvirt
import JSON
import PluginKit

extension Hypervisor {
    /// `{"to": URI}`: another libvirt that sees the same disks. A running machine moves while it runs; a suspended one wakes up
    /// paused, moves, and is suspended again over there; one that is off only changes its place.
    func migrate(_ machine: (domain: Domain, record: MachineRecord), _ doing: Doing) throws -> ActionResult {
        guard let target = try doing.string("to") else {
            throw DriverError.invalid("argument 'to' is missing: the URI of the other libvirt")
        }
        guard !settings.uri.isTest, settings.uri.embeddedRoot == nil else {
            throw DriverError.unsupported("\(settings.uri) cannot hand a machine over: only a libvirtd can")
        }
        let uri = try HypervisorURI(target)
        let there = try Connection(uri: uri.forConnecting)
        if settings.keepAlive > 0 { there.keepAlive(seconds: settings.keepAlive, count: 2) }
        let domain = machine.domain
        if try there.domain(doing.id) != nil, try !domain.isActive() {
            throw DriverError.conflict("\(uri) has a machine \(doing.id) already")
        }
        let isActive = try domain.isActive()
        let wasSaved = try !isActive && domain.hasManagedSave()
        if !isActive, !wasSaved {
            let moved = try there.define(try domain.xmlForMoving(), "'\(domain.name)'")
            try domain.undefine()
            table.forget(doing.id)
            return .document(["id": .string(moved.id.description), "to": .string(target)])
        }
        if wasSaved { try domain.start(VIR_DOMAIN_START_PAUSED) }
        do {
            let moved = try domain.migrate(to: there, address: try doing.string("address"), isShared: try !doing.boolean("copy-disks"))
            if wasSaved { try moved.managedSave() }
            table.forget(doing.id)
            return .document(["id": .string(moved.id.description), "to": .string(target), "state": wasSaved ? "suspended" : "running"])
        } catch {
            // What was asleep before goes to sleep again here.
            if wasSaved, (try? domain.isActive()) == true { try? domain.managedSave() }
            throw error
        }
    }
}

extension Domain {
    /// `virDomainMigrate3`: live, with its definition, and gone here afterwards.
    func migrate(to other: Connection, address: String?, isShared: Bool) throws(LibvirtError) -> Domain {
        var flags = VIR_MIGRATE_LIVE.rawValue | VIR_MIGRATE_PERSIST_DEST.rawValue | VIR_MIGRATE_UNDEFINE_SOURCE.rawValue
        if !isShared { flags |= VIR_MIGRATE_NON_SHARED_DISK.rawValue }
        var parameters: UnsafeMutablePointer<virTypedParameter>?
        var count: Int32 = 0
        var room: Int32 = 0
        defer { virTypedParamsFree(parameters, count) }
        if let address {
            try must(
                "name the address to move to",
                virTypedParamsAddString(&parameters, &count, &room, VIR_MIGRATE_PARAM_URI, "tcp://\(address)"))
        }
        return Domain(
            taking: try must("move '\(name)'", virDomainMigrate3(raw, other.raw, parameters, UInt32(count), flags)))
    }

    /// Its XML as another libvirt takes it.
    func xmlForMoving() throws(LibvirtError) -> String {
        let flags = VIR_DOMAIN_XML_SECURE.rawValue | VIR_DOMAIN_XML_INACTIVE.rawValue | VIR_DOMAIN_XML_MIGRATABLE.rawValue
        return try mustString("read the description of '\(name)'", virDomainGetXMLDesc(raw, flags))
    }
}
