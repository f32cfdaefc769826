import CLibvirt
import CLibvirtShim
import Glibc
public import PluginKit

/// One machine as a look at all of them found it.
struct Sighting: Sendable {
    var record: MachineRecord
    var state: MachineState
    var message: String?
    var usage: Usage?
    var addresses: [String]
}

extension Hypervisor {
    public func list(_ call: Call, into machines: inout MachineWriter) throws {
        let (sightings, node) = try ask(call, "list the machines of \(settings.uri)") { [self] connection, _ in
            (try look(connection), try nodeFacts(connection).name)
        }
        for sighting in sightings {
            machines.begin(sighting.record.idText, sighting.state)
            machines.text(.name, sighting.record.name)
            if let metadata = sighting.record.metadata {
                machines.text(.key, metadata.key)
                if let disk = metadata.diskGiB { machines.diskGiB(disk) }
                if let image = metadata.image { machines.text(.image, image) }
                if let created = metadata.created { machines.text(.created, created) }
            }
            machines.cpus(sighting.record.cpus)
            machines.memoryMiB(sighting.record.memoryMiB)
            machines.text(.node, node)
            if !sighting.addresses.isEmpty { machines.addresses(sighting.addresses) }
            if let message = sighting.message { machines.text(.message, message) }
            if let usage = sighting.usage { machines.usage(usage) }
            try machines.end()
        }
    }

    /// All machines: one bulk call for state and statistics, one for what is suspended, one a network for addresses, and one a
    /// machine only where it is new.
    func look(_ connection: Connection) throws -> [Sighting] {
        let samples = try connection.samples(withMemory: !settings.uri.isTest)
        let saved = try samples.contains { $0.state == VIR_DOMAIN_SHUTOFF.rawValue } ? connection.savedMachines() : []
        let now = monotonicMilliseconds()
        var entries = table.look { look in
            samples.map { sample in
                look.see(
                    sample.id, cpuTime: sample.cpuTime, at: now, vcpus: sample.vcpus, isRunning: sample.state == VIR_DOMAIN_RUNNING.rawValue
                )
            }
        }
        for index in samples.indices where entries[index] == nil {
            guard let domain = samples[index].domain, let record = try read(domain) else { continue }
            table.put(record)
            entries[index] = MachineTable.Entry(record: record)
            if settings.uri.isTest, samples[index].state == VIR_DOMAIN_RUNNING.rawValue {
                // Its driver has no leases; what it makes up for a machine does not change.
                let addresses = domain.addresses(VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE)
                table.put(addresses: addresses, of: record.id)
                entries[index]?.addresses = addresses
            }
        }
        let leases = self.leases(connection, of: entries)
        var sightings: [Sighting] = []
        sightings.reserveCapacity(samples.count)
        for (sample, entry) in zip(samples, entries) {
            guard let entry else { continue }
            let isActive = sample.state != VIR_DOMAIN_SHUTOFF.rawValue
            let (state, message) = MachineStates.state(
                Int32(bitPattern: sample.state), reason: sample.reason, isSaved: !isActive && saved.contains(sample.id),
                isBuilding: entry.record.metadata?.isBuilding ?? false, failure: entry.failure)
            var usage: Usage?
            if isActive, entry.usage != nil || sample.residentKiB >= 0 {
                usage = Usage(cpu: entry.usage, memoryMiB: sample.residentKiB >= 0 ? Int(sample.residentKiB >> 10) : nil)
            }
            var addresses: [String] = []
            if isActive {
                for interface in entry.record.interfaces { addresses += leases[interface.mac] ?? [] }
                if addresses.isEmpty { addresses = entry.addresses }
            }
            sightings.append(Sighting(record: entry.record, state: state, message: message, usage: usage, addresses: addresses))
        }
        return sightings
    }

    /// A machine's record from its XML; nil where it went in between.
    func read(_ domain: Domain) throws -> MachineRecord? {
        do {
            guard let root = try domain.xml().parsed().root else { return nil }
            return try MachineRecord(domain: root)
        } catch let error as LibvirtError where error.is(VIR_ERR_NO_DOMAIN) {
            return nil
        }
    }

    /// The addresses given out by every network that one of the machines is in.
    private func leases(_ connection: Connection, of entries: [MachineTable.Entry?]) -> [String: [String]] {
        guard !settings.uri.isTest else { return [:] }
        var networks: Set<String> = []
        for entry in entries {
            for interface in entry?.record.interfaces ?? [] { if let name = interface.network { networks.insert(name) } }
        }
        var leases: [String: [String]] = [:]
        for name in networks {
            guard let found = connection.network(name)?.leases() else { continue }
            leases.merge(found) { $0 + $1 }
        }
        return leases
    }
}

/// One machine's state and statistics.
struct StatsSample: Sendable {
    var id: MachineID
    var state: UInt32
    var reason: Int32
    var cpuTime: Int64
    var vcpus: Int64
    var residentKiB: Int64
    var domain: Domain?
}

extension Connection {
    /// `virConnectGetAllDomainStats`: every machine, in one call. Never waits for a machine whose monitor is stuck (`NOWAIT`).
    func samples(withMemory: Bool) throws(LibvirtError) -> [StatsSample] {
        var records: UnsafeMutablePointer<virDomainStatsRecordPtr?>?
        let wanted =
            withMemory
            ? VIR_DOMAIN_STATS_STATE.rawValue | VIR_DOMAIN_STATS_CPU_TOTAL.rawValue | VIR_DOMAIN_STATS_BALLOON.rawValue
            : VIR_DOMAIN_STATS_STATE.rawValue
        let flags = withMemory ? VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT.rawValue : 0
        let count = try must("list machines with their state", virConnectGetAllDomainStats(raw, wanted, &records, flags))
        defer { virDomainStatsRecordListFree(records) }
        guard let records else { return [] }
        var samples: [StatsSample] = []
        samples.reserveCapacity(Int(count))
        var sample = clibvirt_sample_t()
        for index in 0..<Int(count) {
            guard let record = records[index] else { continue }
            clibvirt_read_sample(record, &sample)
            let id = withUnsafeBytes(of: &sample.uuid) { bytes in
                MachineID(high: bytes.bigEndian(at: 0), low: bytes.bigEndian(at: 8))
            }
            // The domain outlives the list of records by a reference of our own.
            virDomainRef(record.pointee.dom)
            samples.append(
                StatsSample(
                    id: id, state: UInt32(bitPattern: sample.state), reason: sample.reason, cpuTime: sample.cpu_time,
                    vcpus: sample.vcpus, residentKiB: sample.rss, domain: Domain(taking: record.pointee.dom)))
        }
        return samples
    }

    /// Those that were suspended to disk; none where the hypervisor cannot tell.
    func savedMachines() throws(LibvirtError) -> Set<MachineID> {
        do throws(LibvirtError) {
            return Set(try domains(VIR_CONNECT_LIST_DOMAINS_INACTIVE, VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE).map(\.id))
        } catch {
            guard error.status == .unsupported else { throw error }
            return []
        }
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func bigEndian(at offset: Int) -> UInt64 {
        UInt64(bigEndian: loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
}
