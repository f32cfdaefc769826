import PluginKit

extension Hypervisor {
    /// Decides everything about a machine, and changes nothing. What it throws of a spec that cannot be is `invalid` or
    /// `unsupported`.
    func plan(_ spec: Spec, _ id: MachineID, _ connection: Connection) throws -> MachinePlan {
        let facts = try nodeFacts(connection)
        if let node = spec.node, node != facts.name {
            throw DriverError.invalid("this provider has no node '\(node)', only '\(facts.name)'")
        }
        let cpus = spec.cpus ?? 1
        guard cpus > 0, cpus <= 4096 else { throw DriverError.invalid("\(cpus) processors: more than 0 and at most 4096") }
        let memory = spec.memoryMiB ?? 512
        guard memory > 0, memory <= 1 << 30 else { throw DriverError.invalid("\(memory) MiB of memory: more than 0 and at most 2^30") }
        let diskGiB = spec.diskGiB ?? 0
        guard diskGiB >= 0, diskGiB <= 1 << 20 else { throw DriverError.invalid("\(diskGiB) GiB of disk: 0 to 2^20") }
        let guest = try facts.guest(arch: spec.arch)
        let vcpus = Int(cpus.rounded(.up))

        var metadata = MachineMetadata(key: id.description)
        metadata.cpus = cpus
        metadata.image = spec.image
        metadata.created = rfc3339(unixMilliseconds: realMilliseconds() / 1000 * 1000)
        metadata.isBuilding = true
        metadata.tags = spec.tags.map { MachineMetadata.Tag(name: $0.name, value: $0.value) }
        var plan = MachinePlan(
            id: id, name: try name(spec.name, id, connection), metadata: metadata, type: try facts.type(of: guest, settings.acceleration),
            arch: guest.arch, vcpus: vcpus, maximumCPUs: max(vcpus, settings.maximumCPUs), memoryMiB: memory, image: try Image(spec.image),
            disk: nil, seed: nil, interfaces: [], settings: settings)
        for (index, network) in (spec.networks.isEmpty ? settings.networks : spec.networks).enumerated() {
            let choice = try NetworkChoice(network)
            if case .network(let name) = choice, connection.network(name) == nil {
                throw DriverError.invalid("libvirt has no active network '\(name)'; a bridge of the host is bridge:\(name)")
            }
            plan.interfaces.append(.init(mac: MachinePlan.mac(id, index), choice: choice))
        }
        try planDisks(&plan, diskGiB, connection)
        try planSeed(&plan, spec)
        return plan
    }

    private func planDisks(_ plan: inout MachinePlan, _ diskGiB: Int, _ connection: Connection) throws {
        plan.diskBytes = diskGiB << 30
        let store = store(connection)
        if case .base(let name) = plan.image {
            let base = try store.base(name, connection)
            guard diskGiB == 0 || base.capacity <= plan.diskBytes else {
                throw DriverError.invalid(
                    "image '\(name)' needs \((base.capacity + (1 << 30) - 1) >> 30) GiB of disk, \(diskGiB) were asked for")
            }
            plan.base = base
            plan.diskBytes = max(plan.diskBytes, base.capacity)
        }
        plan.metadata.diskGiB = (plan.diskBytes + (1 << 30) - 1) >> 30
        guard plan.diskBytes > 0 else { return }
        if store is NoStore {
            throw DriverError.invalid("this provider has no place for disks: set config.pool, or config.images and config.machines")
        }
        plan.disk = .init(source: store.source(.disk(plan.id)), format: "qcow2")
        plan.store = store
    }

    private func planSeed(_ plan: inout MachinePlan, _ spec: Spec) throws {
        let network = try Seed.network(addresses: spec.addresses, macs: plan.interfaces.map(\.mac))
        let seed = Seed(
            instance: plan.id.description, hostname: plan.name, publicKeys: spec.publicKeys, userData: spec.userData, network: network)
        // Nothing boots on the in-memory driver, and it takes no upload.
        guard seed.isNeeded, plan.type != "test" else { return }
        guard let store = plan.store ?? chosenStoreIfAny() else {
            throw DriverError.invalid("this provider has no place for a cloud-init seed: set config.pool or config.machines")
        }
        plan.store = store
        plan.seed = .init(source: store.source(.seed(plan.id)), format: "raw")
        plan.seedContent = seed.image()
    }

    /// The name at the hypervisor: the host's, or with a piece of the key behind it where somebody else has that name.
    private func name(_ wanted: String, _ id: MachineID, _ connection: Connection) throws -> String {
        let tail = String(id.description.suffix(8))
        guard !wanted.isEmpty else { return "berth-\(tail)" }
        guard isLabel(wanted) else {
            throw DriverError.invalid("a machine's name is letters, digits and hyphens, at most 63 (RFC 1123), not '\(wanted)'")
        }
        guard let other = try connection.domain(named: wanted), other.id != id else { return wanted }
        return "\(wanted.prefix(54))-\(tail)"
    }
}

/// RFC 1123: letters, digits, hyphens inside.
func isLabel(_ name: String) -> Bool {
    let isInside = name.utf8.allSatisfy { byte in
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x2D
    }
    return isInside && (1...63).contains(name.utf8.count) && !name.hasPrefix("-") && !name.hasSuffix("-")
}
