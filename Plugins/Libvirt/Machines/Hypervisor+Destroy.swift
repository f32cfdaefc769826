import CLibvirt
import PluginKit

extension Hypervisor {
    /// Removes a machine of ours with its disks and nothing else's. Its definition goes last, so that a destroy that was cut
    /// short is found and repeated.
    func discard(_ domain: Domain, _ id: MachineID, _ connection: Connection) throws {
        if try domain.isActive() { try domain.powerOff() }
        for disk in try read(domain)?.disks ?? [] {
            if let path = disk.path { try removeDisk(path, id, connection) }
        }
        let store = store(connection)
        for name in [DiskName.disk(id), .seed(id)] { try store.remove(name, connection) }
        if let logs = settings.consoleLogs, settings.uri.isLocal { try Files.remove("\(logs)/\(id).log") }
        // What is remembered goes with the event, or with the next look.
        try domain.undefine()
    }

    /// A disk as the machine's XML names it. Only one whose name was made from this machine's key is ours to remove; base images,
    /// and whatever an operator attached, stay.
    private func removeDisk(_ path: String, _ id: MachineID, _ connection: Connection) throws {
        guard let slash = path.lastIndex(of: "/") else { return }
        let name = DiskName(text: String(path[path.index(after: slash)...]))
        guard name == .disk(id) || name == .seed(id) else { return }
        let place = String(path[..<slash])
        if place.hasPrefix("/") {
            if settings.machines != nil { try DirectoryStore(machines: place, images: place).remove(name, connection) }
        } else {
            try PoolStore(name: place).remove(name, connection)
        }
    }
}
