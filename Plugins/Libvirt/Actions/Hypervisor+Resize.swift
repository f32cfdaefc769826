import CLibvirt
import JSON
import PluginKit

extension Hypervisor {
    /// `{"cpus", "memory_mib", "disk_gib"}`: at once where the hypervisor and the guest can, else at the next start; the answer's
    /// `message` says which.
    func resize(_ machine: (domain: Domain, record: MachineRecord), _ doing: Doing) throws -> ActionResult {
        let (domain, record) = machine
        let isActive = try domain.isActive()
        if try !isActive && domain.hasManagedSave() {
            throw DriverError.conflict("machine '\(record.name)' is suspended: resume or stop it first, its memory knows its size")
        }
        guard var metadata = record.metadata else { return .done }
        var isLive = true
        if let disk = try doing.integer("disk_gib") {
            try resizeDisk(domain, record, gib: disk, isActive: isActive, doing.connection)
            metadata.diskGiB = disk
        }
        if let cpus = doing.arguments["cpus"], !cpus.isNull {
            guard let cpus = cpus.double, cpus > 0, cpus <= 4096 else {
                throw DriverError.invalid("argument 'cpus' is no number from 0 to 4096")
            }
            isLive = try resizeCPUs(domain, Int(cpus.rounded(.up)), isActive: isActive) && isLive
            metadata.cpus = cpus
        }
        if let memory = try doing.integer("memory_mib") {
            guard memory > 0, memory <= 1 << 30 else { throw DriverError.invalid("argument 'memory_mib' is not from 1 to 2^30") }
            isLive = try resizeMemory(domain, kib: memory << 10, isActive: isActive) && isLive
        }
        try domain.setMetadata(metadata.xmlWithoutNamespace.text(), uri: MachineMetadata.namespace, isActive: isActive)
        guard var now = try inspect(domain, doing.connection) else { return .done }
        if isActive, !isLive { now.message = "the new size holds from the next start" }
        return .machine(now)
    }

    /// Whether it holds at once.
    private func resizeCPUs(_ domain: Domain, _ count: Int, isActive: Bool) throws -> Bool {
        let config = VIR_DOMAIN_AFFECT_CONFIG.rawValue
        let most = Int(
            try must(
                "ask for the most processors of '\(domain.name)'",
                virDomainGetVcpusFlags(domain.raw, config | VIR_DOMAIN_VCPU_MAXIMUM.rawValue)))
        if count > most { try domain.setCPUs(count, config | VIR_DOMAIN_VCPU_MAXIMUM.rawValue) }
        try domain.setCPUs(count, config)
        guard isActive else { return true }
        return (try? domain.setCPUs(count, VIR_DOMAIN_AFFECT_LIVE.rawValue)) != nil
    }

    private func resizeMemory(_ domain: Domain, kib: Int, isActive: Bool) throws -> Bool {
        let config = VIR_DOMAIN_AFFECT_CONFIG.rawValue
        try domain.setMemory(kib: kib, config | VIR_DOMAIN_MEM_MAXIMUM.rawValue)
        try domain.setMemory(kib: kib, config)
        guard isActive else { return true }
        // A running guest gives memory back through its balloon, and gets back what it gave; it never gets more than it started with.
        return (try? domain.setMemory(kib: kib, VIR_DOMAIN_AFFECT_LIVE.rawValue)) != nil
    }

    private func resizeDisk(_ domain: Domain, _ record: MachineRecord, gib: Int, isActive: Bool, _ connection: Connection) throws {
        guard let disk = record.disks.first(where: { !$0.isReadOnly }) else {
            throw DriverError.conflict("machine '\(record.name)' has no disk to resize")
        }
        let bytes = gib << 30
        let now = try domain.diskCapacity(disk.target)
        guard bytes >= now else { throw DriverError.invalid("disk \(disk.target) has \(now >> 30) GiB: disks grow, they do not shrink") }
        guard bytes > now else { return }
        if isActive {
            try domain.resizeDisk(disk.target, bytes: bytes)
        } else {
            try store(connection).resize(.disk(record.id), bytes: bytes, connection)
        }
    }
}
