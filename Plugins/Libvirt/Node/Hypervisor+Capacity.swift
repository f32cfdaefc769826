import CLibvirt
public import PluginKit

extension Hypervisor {
    public func capacity(_ call: Call) throws -> Capacity {
        try ask(call, "ask for the capacity of \(settings.uri)") { [self] connection, _ in
            let facts = try nodeFacts(connection)
            let info = try connection.nodeInfo()
            let space = try store(connection).space(connection)
            // What a machine holds while it runs or is paused; one that is off holds its disk and its slot only.
            var used = Amounts(cpus: 0, memoryMiB: 0, machines: 0)
            var cpus = 0.0
            var memory = 0
            let sightings = try look(connection)
            for sighting in sightings where [.running, .paused, .building, .unknown, .error].contains(sighting.state) {
                cpus += sighting.record.cpus
                memory += sighting.record.memoryMiB
            }
            used.cpus = cpus
            used.memoryMiB = memory
            used.machines = sightings.count
            used.diskGiB = space.map { ($0.total - $0.free) >> 30 }
            let total = Amounts(
                cpus: max(0, Double(info.cpus) - settings.reservedCPUs),
                memoryMiB: max(0, Int(clamping: info.memory >> 10) - settings.reservedMemoryMiB), diskGiB: space.map { $0.total >> 30 },
                machines: settings.maximumMachines)
            var tags: [(name: String, value: String)] = [("hypervisor", connection.type), ("numa-cells", "\(facts.cells)")]
            if let guest = try? facts.guest(arch: nil), let type = try? facts.type(of: guest, settings.acceleration) {
                tags.append(("virtualisation", type))
            }
            let node = Node(
                id: facts.name, arch: facts.arch, cpuVendor: facts.vendor, cpuMHz: info.mhz > 0 ? Int(info.mhz) : nil, tags: tags,
                total: total, used: used)
            return Capacity(nodes: [node])
        }
    }

    public func catalog(_ call: Call) throws -> Catalog {
        try ask(call, "ask for the images and networks of \(settings.uri)") { [self] connection, _ in
            var networks = connection.networks().map { Catalog.Network(id: $0.name, name: $0.name) }
            for name in settings.networks where !networks.contains(where: { $0.id == name }) {
                networks.append(Catalog.Network(id: name, name: name))
            }
            return Catalog(images: try store(connection).images(connection), networks: networks)
        }
    }
}
