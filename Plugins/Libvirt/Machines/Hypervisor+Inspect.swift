import CLibvirt
import JSON
public import PluginKit

extension Hypervisor {
    public func inspect(_ id: String, _ call: Call) throws -> Machine {
        let machine = try machineID(id)
        return try ask(call, "inspect machine \(id)") { [self] connection, _ in
            guard let domain = try connection.domain(machine), let found = try inspect(domain, connection) else {
                throw DriverError.notFound("there is no machine \(id)")
            }
            return found
        }
    }

    /// Reads everything about one machine; nil where it went in between.
    func inspect(_ domain: Domain, _ connection: Connection) throws -> Machine? {
        guard let record = try read(domain) else { return nil }
        table.put(record)
        let (state, reason) = try domain.state()
        let isActive = state != Int32(VIR_DOMAIN_SHUTOFF.rawValue)
        let isSaved = try !isActive && domain.hasManagedSave()
        let isBuilding = record.metadata?.isBuilding ?? false
        let entry = table[record.id]
        let found = MachineStates.state(state, reason: reason, isSaved: isSaved, isBuilding: isBuilding, failure: entry?.failure)
        var machine = Machine(id: record.idText, state: found.state, name: record.name)
        machine.message = found.message
        machine.key = record.metadata?.key
        machine.cpus = record.cpus
        machine.memoryMiB = record.memoryMiB
        machine.diskGiB = record.metadata?.diskGiB
        machine.image = record.metadata?.image
        machine.created = record.metadata?.created
        machine.node = try nodeFacts(connection).name
        if isActive {
            machine.addresses = addresses(domain, record)
            table.put(addresses: machine.addresses, of: record.id)
            machine.usage = entry?.usage.map { Usage(cpu: $0) }
        }
        machine.native = native(record)
        return machine
    }

    /// From the network's leases, else from the guest's agent, else from the node's neighbour table.
    private func addresses(_ domain: Domain, _ record: MachineRecord) -> [String] {
        guard !record.interfaces.isEmpty else { return [] }
        let leases = domain.addresses(VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE)
        guard leases.isEmpty, !settings.uri.isTest else { return leases }
        let agent = settings.hasGuestAgent ? domain.addresses(VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT) : []
        return agent.isEmpty ? domain.addresses(VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP) : agent
    }

    private func native(_ record: MachineRecord) -> JSON {
        var native: JSON = ["foreign": .bool(!record.isOurs)]
        if !record.interfaces.isEmpty { native["macs"] = JSON(record.interfaces.map(\.mac)) }
        let disks = record.disks.compactMap(\.path)
        if !disks.isEmpty { native["disks"] = JSON(disks) }
        if let log = record.console.log { native["console_log"] = .string(log) }
        for tag in record.metadata?.tags ?? [] where tag.name == "lease" || tag.name == "owner" { native[tag.name] = .string(tag.value) }
        return native
    }

    func machineID(_ text: String) throws(DriverError) -> MachineID {
        guard let id = MachineID(text) else { throw .notFound("there is no machine '\(text)': a machine's id here is a UUID") }
        return id
    }
}
